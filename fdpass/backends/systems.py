"""Numbers and structures of each operating system, with the header or manual they were read in.

A table to be compared with those headers by eye; ctypes is not imported before a structure is asked
for. What is not in the table is not known: then the interface that needs it is missing there, and
:meth:`System.lack` says why. Nothing is guessed.

Linux was run, the others were only read: in their headers, or where it says "documented", in
manuals that give no numbers.
"""

from __future__ import annotations

import functools
import os
import struct
import sys
from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes

    Fields = tuple[tuple[str, str], ...]

POINTER = struct.calcsize("P")
"""Bytes of a pointer in this process: 8 for LP64, 4 for ILP32."""


class Streams(namedtuple("Streams", "send_fd receive_fd push peek strrecvfd names_sender")):
    """The ioctls of STREAMS, and struct strrecvfd as a format of Python's struct."""

    __slots__ = ()
    send_fd: int
    receive_fd: int
    push: int
    peek: int
    strrecvfd: str
    names_sender: bool

    @property
    def size(self) -> int:
        """Give the bytes that I_RECVFD may fill."""
        return struct.calcsize(self.strrecvfd)

    def received(self, buffer: bytes | bytearray) -> tuple[int, int | None, int | None]:
        """Take apart what I_RECVFD filled: the descriptor, and the sender's uid and gid."""
        found = struct.unpack_from(self.strrecvfd, buffer)
        return (found[0], found[1], found[2]) if self.names_sender else (found[0], None, None)


class Messages(
    namedtuple(
        "Messages", "send receive msghdr cmsghdr data_align align sparc_align", defaults=[None]
    )
):
    """The calls for control messages by their names in the C library, and what they are given.

    An alignment is a number of bytes, or "long".
    """

    __slots__ = ()
    send: str
    receive: str
    msghdr: Fields
    cmsghdr: Fields
    data_align: int | str  # the data begins at a multiple of it, after the header
    align: int | str  # the next header begins at a multiple of it
    sparc_align: int | None

    def alignment(self, pointer: int = POINTER, machine: str | None = None) -> tuple[int, int]:
        """Give both alignments in bytes; *machine* as uname(2) calls it, else this one."""
        if machine is None:
            machine = os.uname().machine if hasattr(os, "uname") else ""
        align: int | str = self.align
        if self.sparc_align and machine.startswith("sun4"):
            align = self.sparc_align
        data, following = (pointer if n == "long" else int(n) for n in (self.data_align, align))
        return data, following


class Rights(namedtuple("Rights", "send receive omsghdr")):
    """The calls for access rights by their names in the C library, and what they are given."""

    __slots__ = ()
    send: str
    receive: str
    omsghdr: Fields


class System(
    namedtuple(
        "System",
        "name source streams messages rights constants libraries lacks simulated",
        defaults=["nothing", None, None, None, {}, (), {}, False],
    )
):
    """What is known of a system; None for an interface that it lacks, or that is not known."""

    __slots__ = ()
    name: str
    source: str
    streams: Streams | None
    messages: Messages | None
    rights: Rights | None
    constants: dict[str, int]
    libraries: tuple[str, ...]  # where the calls are, if not in what the process has loaded
    lacks: dict[str, str]
    simulated: bool

    def lack(self, interface: str) -> str:
        """Say in a sentence why there are no ``streams``, ``messages`` or ``rights``."""
        unknown = {
            "streams": "the numbers of I_SENDFD and I_RECVFD are",
            "messages": "the layout of msghdr and cmsghdr is",
            "rights": "the layout of a msghdr with access rights is",
        }
        return self.lacks.get(interface) or f"{unknown[interface]} not known for {self.name}"


def structure(name: str, fields: Fields, pointer: int = POINTER) -> type[ctypes.Structure]:
    """Make the structure as C lays it out where a pointer has *pointer* bytes; cheap to keep."""
    import ctypes

    word = ctypes.c_uint64 if pointer == 8 else ctypes.c_uint32
    types = {"pointer": word, "size_t": word, "socklen_t": ctypes.c_uint32, "int": ctypes.c_int32}
    members = [(field, types[kind]) for field, kind in fields]
    made: type[ctypes.Structure] = type(name, (ctypes.Structure,), {"_fields_": members})
    return made


# -- structures -----------------------------------------------------------------------------------


def _msghdr(iovlen: str, controllen: str) -> Fields:
    return (
        ("msg_name", "pointer"),
        ("msg_namelen", "socklen_t"),
        ("msg_iov", "pointer"),
        ("msg_iovlen", iovlen),
        ("msg_control", "pointer"),
        ("msg_controllen", controllen),
        ("msg_flags", "int"),
    )


def _cmsghdr(length: str) -> Fields:
    return (("cmsg_len", length), ("cmsg_level", "int"), ("cmsg_type", "int"))


def _omsghdr(namelen: str) -> Fields:
    return (
        ("msg_name", "pointer"),
        ("msg_namelen", namelen),
        ("msg_iov", "pointer"),
        ("msg_iovlen", "int"),
        ("msg_accrights", "pointer"),
        ("msg_accrightslen", "int"),  # in bytes
    )


IOVEC: Fields = (("iov_base", "pointer"), ("iov_len", "size_t"))
_MSGHDR = _msghdr("int", "socklen_t")
_CMSGHDR = _cmsghdr("socklen_t")


# -- the table, by the beginning of sys.platform --------------------------------------------------

_NAMES = (
    *("SOL_SOCKET", "SCM_RIGHTS", "MSG_PEEK", "MSG_CTRUNC", "MSG_TRUNC"),
    *("MSG_DONTWAIT", "MSG_NOSIGNAL", "MSG_CMSG_CLOEXEC"),
)


def _numbers(*numbers: int) -> dict[str, int]:
    """Name the numbers; 0 for one that has not been seen."""
    return {name: number for name, number in zip(_NAMES, numbers, strict=True) if number}


_ILLUMOS = System(
    "illumos or Solaris",
    # The numbers are those for programs: inside the kernel I_RECVFD is another one. Plain sendmsg
    # and recvmsg take omsghdr; the __xnet_ ones set MSG_XPG4_2, and take msghdr.
    "illumos sys/stropts.h; sys/socket.h, omsghdr and _CMSG_HDR_ALIGNMENT; libsocket",
    streams=Streams(0x5311, 0x530E, 0x5302, 0x530F, "=iII8x", names_sender=True),
    messages=Messages("__xnet_sendmsg", "__xnet_recvmsg", _MSGHDR, _CMSGHDR, 4, 4, sparc_align=8),
    rights=Rights("sendmsg", "recvmsg", _omsghdr("socklen_t")),
    constants=_numbers(0xFFFF, 0x1010, 0x2, 0x10, 0x20, 0x80, 0x200, 0x1000),
    libraries=("libsocket.so.1",),
)

_AIX = System(
    "AIX",
    # The manual of I_RECVFD gives uid and gid 16 bits, uid_t has 32: the buffer is large enough for
    # both, and neither is believed. Control messages are not aligned; MSG_DONTWAIT is not seen.
    "the libc crate, unix/aix/mod.rs, after the headers of AIX; AIX manual, I_RECVFD (documented)",
    streams=Streams(0x20005311, 0x20005312, 0x20005302, 0x2000530F, "=i16x", names_sender=False),
    messages=Messages("nsendmsg", "nrecvmsg", _MSGHDR, _CMSGHDR, 1, 1),
    constants=_numbers(0xFFFF, 0x1, 0x2, 0x20, 0x10, 0, 0x100, 0),
    lacks={"rights": "the msghdr of AIX with access rights (COMPAT_43) has not been seen"},
)

_HPUX = System(
    "HP-UX",
    "documented: HP-UX 11i send(2), HP-UX BSD Sockets, which recv(2) says is the default",
    rights=Rights("sendmsg", "recvmsg", _omsghdr("int")),
    lacks={
        "streams": "HP-UX documents I_SENDFD and I_RECVFD, but their numbers have not been seen",
        "messages": "the names of the X/Open sendmsg and recvmsg of HP-UX have not been seen",
    },
)

_IRIX = System(
    "IRIX",
    "IRIX sys/socket.h, struct msghdr under _SGIAPI",
    rights=Rights("sendmsg", "recvmsg", _omsghdr("int")),
    constants=_numbers(0, 0, 0x2, 0x20, 0x10, 0x80, 0, 0),
)


def _bsd44(name: str, source: str, messages: Messages, constants: dict[str, int]) -> System:
    lacks = {
        "streams": f"{name} has no STREAMS",
        "rights": f"{name} has control messages in place of access rights (msg_accrights)",
    }
    return System(name, source, messages=messages, constants=constants, lacks=lacks)


_LINUX = _bsd44(
    "Linux",
    # The kernel's own layout, which is glibc's. musl has an int and as much padding where this has
    # a size_t, the padding first on big-endian machines: the same bytes for any length that an int
    # holds; and its sendmsg and recvmsg clear the padding. With a long of 32 bits there is none.
    "glibc bits/socket.h; asm-generic/socket.h; musl sys/socket.h, sendmsg.c and recvmsg.c",
    Messages("sendmsg", "recvmsg", _msghdr("size_t", "size_t"), _cmsghdr("size_t"), "long", "long"),
    # SOL_SOCKET is 0xffff on some machines, as mips and sparc; Python's own number comes first.
    _numbers(0x1, 0x1, 0x2, 0x8, 0x20, 0x40, 0x4000, 0x40000000),
)

_CYGWIN = _bsd44(
    "Cygwin",
    "Cygwin winsup/cygwin/include/cygwin/socket.h",
    Messages("sendmsg", "recvmsg", _MSGHDR, _cmsghdr("size_t"), "long", "long"),
    _numbers(0, 0x1, 0x2, 0x200, 0x100, 0x10, 0x20, 0x1000),
)._replace(libraries=("cygwin1.dll",))

# CPython has sendmsg on all of these. The alignment is that of amd64 and of most, not of all
# machines; where Python has CMSG_SPACE, its word counts.
_LONG = Messages("sendmsg", "recvmsg", _MSGHDR, _CMSGHDR, "long", "long")
_FOUR = Messages("sendmsg", "recvmsg", _MSGHDR, _CMSGHDR, 4, 4)

TABLE = {
    "illumos": _ILLUMOS,
    "solaris": _ILLUMOS,
    "sunos": _ILLUMOS,
    "aix": _AIX,
    "hp-ux": _HPUX,
    "irix": _IRIX,
    "linux": _LINUX,
    "cygwin": _CYGWIN,
    "darwin": _bsd44(
        "macOS",
        "xnu bsd/sys/socket.h, __DARWIN_ALIGN32",
        _FOUR,
        _numbers(0, 0x1, 0x2, 0x20, 0x10, 0x80, 0x80000, 0),
    ),
    "freebsd": _bsd44(
        "FreeBSD",
        "FreeBSD sys/socket.h; amd64/include/_align.h",
        _LONG,
        _numbers(0, 0x1, 0x2, 0x20, 0x10, 0x80, 0x20000, 0x40000),
    ),
    "netbsd": _bsd44(
        "NetBSD",
        "NetBSD sys/socket.h, __CMSG_ALIGN; machine/cdefs.h, __ALIGNBYTES",
        _LONG,
        _numbers(0, 0x1, 0x2, 0x20, 0x10, 0x80, 0x400, 0x800),
    ),
    "openbsd": _bsd44(
        "OpenBSD",
        "OpenBSD sys/socket.h; arch/amd64/include/_types.h, _ALIGN",
        _LONG,
        _numbers(0, 0x1, 0x2, 0x20, 0x10, 0x80, 0x400, 0x800),
    ),
    "dragonfly": _bsd44(
        "DragonFly",
        "DragonFly sys/socket.h, _CMSG_ALIGN",
        _FOUR,
        _numbers(0, 0x1, 0x2, 0x20, 0x10, 0x80, 0x400, 0),
    ),
}


@functools.cache
def running() -> System:
    """Give what is known of this system; of the simulated one, if the C library simulates."""
    simulated = _simulated()
    if simulated is not None:
        known = TABLE.get(simulated) or System(simulated)
        return known._replace(name=simulated, simulated=True)
    for name, system in TABLE.items():
        if sys.platform.startswith(name):
            return system
    return System(sys.platform)


def _simulated() -> str | None:
    try:
        import ctypes

        ask = ctypes.CDLL(None).simulated_system
    except (ImportError, OSError, AttributeError, TypeError):  # the last on Windows, for the None
        return None
    ask.restype = ctypes.c_char_p
    ask.argtypes = []
    name = ask()
    return name.decode() if isinstance(name, bytes) else None
