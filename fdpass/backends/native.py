"""``sendmsg`` and ``recvmsg`` by ctypes: for a CPython without them, and in their older form.

Control messages (BSD4.4) as Python's own socket methods have them, and access rights (BSD4.3),
which Python never had. Layouts and names come from :mod:`fdpass.backends.systems`. Flags are in
the running system's numbers, see :func:`constant`. Never waits by itself: that is up to flags and
descriptor. Safe with threads: every call has buffers of its own.
"""

from __future__ import annotations

import errno
import functools
import os
import socket
from array import array
from collections import namedtuple

from . import systems

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable, Iterable

    from _typeshed import ReadableBuffer

_INT = array("i").itemsize


def constant(name: str) -> int:
    """Give the running system's number for a name of <sys/socket.h>, 0 where it is not known.

    Python's number comes first, being the header's; but not when the system is simulated.
    """
    system = systems.running()
    if not system.simulated and hasattr(socket, name):
        return int(getattr(socket, name))
    return system.constants.get(name, 0)


# -- control messages -----------------------------------------------------------------------------


class _Messages(namedtuple("_Messages", "send receive msghdr iovec cmsghdr data_at align")):
    __slots__ = ()
    send: Callable[..., int]
    receive: Callable[..., int]
    msghdr: type[ctypes.Structure]
    iovec: type[ctypes.Structure]
    cmsghdr: type[ctypes.Structure]
    data_at: int  # where the data begins, counted from the header
    align: int  # what a header begins at a multiple of


def missing() -> str | None:
    """Say in a sentence why there are no control messages by ctypes here, or None."""
    return _reason(_messages)


def cmsg_space(size: int) -> int:
    """Give the bytes that a control message with *size* bytes of data takes (CMSG_SPACE)."""
    form = _messages()
    return _up(form.data_at + size, form.align)


def sendmsg(
    fd: int,
    buffers: Iterable[ReadableBuffer],
    ancdata: Iterable[tuple[int, int, ReadableBuffer]] = (),
    flags: int = 0,
    address: object = None,
) -> int:
    """Send as ``socket.sendmsg``; give the bytes taken.

    Raises:
        OSError: as there; EOPNOTSUPP if an address is given, which is not done by ctypes.

    """
    import ctypes

    if address is not None:
        raise OSError(errno.EOPNOTSUPP, "this Python has no socket.sendmsg, to give an address to")
    form = _messages()
    data = b"".join(buffers)
    control = bytearray()
    for level, kind, content in ancdata:
        control += bytes(-len(control) % form.align)
        part = bytes(memoryview(content))
        header = form.cmsghdr(form.data_at + len(part), level, kind)
        control += bytes(header).ljust(form.data_at, b"\0") + part
    if control:
        control += bytes(-len(control) % form.align)
    kept = (ctypes.c_char * len(control)).from_buffer(control)
    iov = form.iovec(_address(data), len(data))
    there = ctypes.addressof(kept) if control else 0
    header = form.msghdr(0, 0, ctypes.addressof(iov), 1, there, len(control), 0)
    return _insist(form.send, fd, ctypes.byref(header), flags)


def recvmsg(
    fd: int, bufsize: int, ancbufsize: int = 0, flags: int = 0
) -> tuple[bytes, list[tuple[int, int, bytes]], int, None]:
    """Receive as ``socket.recvmsg``; the address is always None.

    The control messages are as they came: the last may be cut, in the midst of a number too.
    """
    import ctypes

    if bufsize < 0 or ancbufsize < 0:
        raise ValueError("negative buffer size in recvmsg()")
    form = _messages()
    data = ctypes.create_string_buffer(bufsize)
    control = ctypes.create_string_buffer(ancbufsize)
    iov = form.iovec(ctypes.addressof(data), bufsize)
    there = ctypes.addressof(control) if ancbufsize else 0
    header = form.msghdr(0, 0, ctypes.addressof(iov), 1, there, ancbufsize, 0)
    count = _insist(form.receive, fd, ctypes.byref(header), flags)
    filled = ctypes.string_at(control, min(header.msg_controllen, ancbufsize))
    return ctypes.string_at(data, count), _parts(form, filled), header.msg_flags, None


def _parts(form: _Messages, control: bytes) -> list[tuple[int, int, bytes]]:
    import ctypes

    found = []
    start = 0
    while start + ctypes.sizeof(form.cmsghdr) <= len(control):
        header = form.cmsghdr.from_buffer_copy(control, start)
        if header.cmsg_len < form.data_at:  # cut in the header, or nothing
            break
        end = start + header.cmsg_len
        data = control[start + form.data_at : end]
        found.append((header.cmsg_level, header.cmsg_type, data))
        start = _up(end, form.align)
    return found


@functools.cache
def _messages() -> _Messages:
    system = systems.running()
    if system.messages is None:
        raise OSError(errno.ENOSYS, system.lack("messages"))
    known = system.messages
    cmsghdr = systems.structure("cmsghdr", known.cmsghdr)
    length, space = getattr(socket, "CMSG_LEN", None), getattr(socket, "CMSG_SPACE", None)
    if length and space and not system.simulated:
        # The header's own word: on some machines the BSDs align otherwise than the table says.
        data_at, align = length(0), space(1) - space(0)
    else:
        import ctypes

        data_align, align = known.alignment()
        data_at = _up(ctypes.sizeof(cmsghdr), data_align)
    return _Messages(
        _function(system, known.send),
        _function(system, known.receive),
        systems.structure("msghdr", known.msghdr),
        systems.structure("iovec", systems.IOVEC),
        cmsghdr,
        data_at,
        align,
    )


# -- access rights --------------------------------------------------------------------------------


class _Rights(namedtuple("_Rights", "send receive omsghdr iovec")):
    __slots__ = ()
    send: Callable[..., int]
    receive: Callable[..., int]
    omsghdr: type[ctypes.Structure]
    iovec: type[ctypes.Structure]


def rights_missing() -> str | None:
    """Say in a sentence why there are no access rights by ctypes here, or None."""
    return _reason(_rights)


def send_rights(fd: int, data: ReadableBuffer, fds: Iterable[int], flags: int = 0) -> int:
    """Send *data*, and *fds*, which are borrowed, with its first byte; give the bytes taken."""
    import ctypes

    form = _rights()
    content = bytes(memoryview(data))
    numbers = array("i", fds)
    there, count = numbers.buffer_info()
    iov = form.iovec(_address(content), len(content))
    header = form.omsghdr(0, 0, ctypes.addressof(iov), 1, there if count else 0, count * _INT)
    return _insist(form.send, fd, ctypes.byref(header), flags)


def receive_rights(fd: int, size: int, most: int, flags: int = 0) -> tuple[bytes, list[int]]:
    """Receive up to *size* bytes and *most* descriptors, which the caller owns.

    There are no flags to tell that some were cut off. ``(b"", [])`` is the end of the stream.
    """
    import ctypes

    if size < 0 or most < 0:
        raise ValueError("negative buffer size in receive_rights()")
    form = _rights()
    data = ctypes.create_string_buffer(size)
    numbers = (ctypes.c_int * most)()
    iov = form.iovec(ctypes.addressof(data), size)
    there = ctypes.addressof(numbers) if most else 0
    header = form.omsghdr(0, 0, ctypes.addressof(iov), 1, there, most * _INT)
    count = _insist(form.receive, fd, ctypes.byref(header), flags)
    came = min(max(0, header.msg_accrightslen) // _INT, most)
    return ctypes.string_at(data, count), numbers[:came]


@functools.cache
def _rights() -> _Rights:
    system = systems.running()
    if system.rights is None:
        raise OSError(errno.ENOSYS, system.lack("rights"))
    return _Rights(
        _function(system, system.rights.send),
        _function(system, system.rights.receive),
        systems.structure("omsghdr", system.rights.omsghdr),
        systems.structure("iovec", systems.IOVEC),
    )


# -- the C library --------------------------------------------------------------------------------


def _function(system: systems.System, name: str) -> Callable[..., int]:
    import ctypes

    for library in (None, *system.libraries):
        try:
            found = ctypes.CDLL(library, use_errno=True)[name]
        except (OSError, AttributeError):
            continue
        # An int suffices, where it says ssize_t too: no system moves 2 GiB at once.
        found.argtypes, found.restype = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int], ctypes.c_int
        return found
    raise OSError(errno.ENOSYS, f"this C library has no {name}()")


def _reason(look: Callable[[], object]) -> str | None:
    try:
        look()
    except ImportError as error:
        return f"this Python was built without ctypes: {error}"
    except OSError as error:
        return error.strerror
    return None


def _address(data: bytes) -> int | None:
    """Give where the bytes are; the caller keeps them alive."""
    import ctypes

    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value


def _insist(call: Callable[..., int], *arguments: object) -> int:
    """Make a system call; as PEP 475 asks, again if a signal whose handler raises nothing came."""
    import ctypes

    while (done := call(*arguments)) < 0:
        number = ctypes.get_errno()
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))
    return done


def _up(size: int, align: int) -> int:
    return size + -size % align
