from __future__ import annotations

import ctypes
import os
import shutil
import socket
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from fdpass.backends import systems
from fdpass.backends.systems import IOVEC, TABLE, System, structure

if TYPE_CHECKING:
    from pathlib import Path

ILP32, LP64 = 4, 8
# Sizes and offsets, each worked out by hand from the header and the rules of the two data models.
# name, namelen, iov, iovlen, control, controllen, flags; and the size
POSIX_MSGHDR = {ILP32: [0, 4, 8, 12, 16, 20, 24, 28], LP64: [0, 8, 16, 24, 32, 40, 44, 48]}
LINUX_MSGHDR = {ILP32: [0, 4, 8, 12, 16, 20, 24, 28], LP64: [0, 8, 16, 24, 32, 40, 48, 56]}
# len, level, type; and the size
SHORT_CMSGHDR = {ILP32: [0, 4, 8, 12], LP64: [0, 4, 8, 12]}
LONG_CMSGHDR = {ILP32: [0, 4, 8, 12], LP64: [0, 8, 12, 16]}
# name, namelen, iov, iovlen, accrights, accrightslen; and the size
OMSGHDR = {ILP32: [0, 4, 8, 12, 16, 20, 24], LP64: [0, 8, 16, 24, 32, 40, 48]}
# CMSG_LEN(0), CMSG_SPACE(4), CMSG_SPACE(8)
BY_FOUR = {ILP32: (12, 16, 20), LP64: (12, 16, 20)}
BY_LONG = {ILP32: (12, 16, 20), LP64: (16, 24, 24)}

LAYOUTS = {
    "illumos": (POSIX_MSGHDR, SHORT_CMSGHDR, BY_FOUR),
    "solaris": (POSIX_MSGHDR, SHORT_CMSGHDR, BY_FOUR),
    "sunos": (POSIX_MSGHDR, SHORT_CMSGHDR, BY_FOUR),
    "aix": (POSIX_MSGHDR, SHORT_CMSGHDR, BY_FOUR),
    "linux": (LINUX_MSGHDR, LONG_CMSGHDR, BY_LONG),
    "cygwin": (POSIX_MSGHDR, LONG_CMSGHDR, BY_LONG),
    "darwin": (POSIX_MSGHDR, SHORT_CMSGHDR, BY_FOUR),
    "freebsd": (POSIX_MSGHDR, SHORT_CMSGHDR, BY_LONG),
    "netbsd": (POSIX_MSGHDR, SHORT_CMSGHDR, BY_LONG),
    "openbsd": (POSIX_MSGHDR, SHORT_CMSGHDR, BY_LONG),
    "dragonfly": (POSIX_MSGHDR, SHORT_CMSGHDR, BY_FOUR),
}
MODELS = pytest.mark.parametrize("model", [ILP32, LP64], ids=["ILP32", "LP64"])


def offsets(made: type[ctypes.Structure]) -> list[int]:
    names = [field[0] for field in made._fields_]
    return [*(getattr(made, name).offset for name in names), ctypes.sizeof(made)]


def macros(system: System, model: int, machine: str = "") -> tuple[int, int, int]:
    """Work out CMSG_LEN(0), CMSG_SPACE(4) and CMSG_SPACE(8) from the table."""
    assert system.messages is not None
    header = ctypes.sizeof(structure("cmsghdr", system.messages.cmsghdr, model))
    data_align, align = system.messages.alignment(model, machine)
    data_at = header + -header % data_align
    four, eight = data_at + 4, data_at + 8
    return data_at, four + -four % align, eight + -eight % align


# -- layouts


@MODELS
@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_control_messages_are_laid_out_as_in_the_header(name: str, model: int) -> None:
    known = TABLE[name].messages
    msghdr, cmsghdr, lengths = LAYOUTS[name]

    assert known is not None
    assert offsets(structure("msghdr", known.msghdr, model)) == msghdr[model]
    assert offsets(structure("cmsghdr", known.cmsghdr, model)) == cmsghdr[model]
    assert macros(TABLE[name], model) == lengths[model]


@MODELS
@pytest.mark.parametrize("name", ["illumos", "solaris", "sunos", "hp-ux", "irix"])
def test_access_rights_are_laid_out_as_in_the_header(name: str, model: int) -> None:
    known = TABLE[name].rights

    assert known is not None
    assert offsets(structure("omsghdr", known.omsghdr, model)) == OMSGHDR[model]
    assert (known.send, known.receive) == ("sendmsg", "recvmsg")


@MODELS
def test_an_iovec_is_two_words(model: int) -> None:
    assert offsets(structure("iovec", IOVEC, model)) == [0, model, 2 * model]


def test_every_system_stands_in_the_tables_of_layouts() -> None:
    assert {name for name, system in TABLE.items() if system.messages} == set(LAYOUTS)
    assert {name for name, system in TABLE.items() if system.rights} == {
        *("illumos", "solaris", "sunos", "hp-ux", "irix")
    }
    assert {name for name, system in TABLE.items() if system.streams} == {
        *("illumos", "solaris", "sunos", "aix")
    }
    assert all(system.source for system in TABLE.values())


@MODELS
@pytest.mark.parametrize("machine", ["sun4u", "sun4v"])
def test_on_sparc_illumos_keeps_headers_at_multiples_of_eight(machine: str, model: int) -> None:
    assert macros(TABLE["sunos"], model, machine) == (12, 16, 24)
    assert macros(TABLE["sunos"], model, "i86pc") == (12, 16, 20)
    assert macros(TABLE["darwin"], model, machine) == BY_FOUR[model]


# -- streams


@pytest.mark.parametrize("name", ["illumos", "solaris", "sunos"])
def test_illumos_numbers_its_stream_ioctls_as_programs_see_them(name: str) -> None:
    known = TABLE[name].streams
    prefix = ord("S") << 8

    assert known is not None
    assert (known.send_fd, known.receive_fd) == (prefix | 0o21, prefix | 0o16)
    assert (known.push, known.peek) == (prefix | 0o2, prefix | 0o17)


def test_strrecvfd_of_illumos_has_20_bytes_and_the_sender() -> None:
    known = TABLE["illumos"].streams
    filled = struct.pack("=iII8s", 7, 60001, 4294967294, b"filling")

    assert known is not None
    assert known.size == len(filled) == 20
    assert known.received(filled) == (7, 60001, 4294967294)
    assert known.received(bytearray(filled)) == (7, 60001, 4294967294)


def test_aix_numbers_its_stream_ioctls_by_its_macro() -> None:
    known = TABLE["aix"].streams
    void = 0x20000000 | ord("S") << 8  # _IO('S', n)

    assert known is not None
    assert (known.send_fd, known.receive_fd) == (void | 17, void | 18)
    assert (known.push, known.peek) == (void | 2, void | 15)


@pytest.mark.parametrize("form", ["=iHH8x4x", "=iII8x"], ids=["16 bits", "32 bits"])
def test_either_strrecvfd_of_aix_fits_and_names_nobody(form: str) -> None:
    known = TABLE["aix"].streams

    assert known is not None
    assert known.size == 20
    assert known.received(struct.pack(form, 7, 100, 200)) == (7, None, None)


# -- this system


def test_linux_is_found_with_its_control_messages_only() -> None:
    system = systems.running()

    assert system is systems.running()
    if sys.platform == "linux" and not system.simulated:
        assert system is TABLE["linux"]
        assert system.lack("streams") == "Linux has no STREAMS"
        assert system.lack("rights") == (
            "Linux has control messages in place of access rights (msg_accrights)"
        )


@pytest.mark.skipif(sys.platform != "linux", reason="the numbers are those of Linux")
def test_the_numbers_of_linux_are_those_of_python() -> None:
    if os.uname().machine.startswith(("mips", "sparc", "alpha", "parisc")):
        pytest.skip("SOL_SOCKET is another one on this machine")

    assert TABLE["linux"].constants == {
        name: getattr(socket, name) for name in TABLE["linux"].constants
    }


def test_an_unknown_system_is_known_to_be_unknown() -> None:
    system = System("haiku1")

    assert (system.streams, system.messages, system.rights) == (None, None, None)
    assert system.lack("streams") == (
        "the numbers of I_SENDFD and I_RECVFD are not known for haiku1"
    )
    assert system.lack("messages") == "the layout of msghdr and cmsghdr is not known for haiku1"
    assert system.lack("rights") == (
        "the layout of a msghdr with access rights is not known for haiku1"
    )


def test_what_is_missing_has_a_sentence_everywhere() -> None:
    for system in TABLE.values():
        for interface in ("streams", "messages", "rights"):
            if getattr(system, interface) is None:
                assert system.name in system.lack(interface)


def test_the_table_is_read_without_ctypes() -> None:
    program = """if True:
        import importlib.util, sys
        spec = importlib.util.spec_from_file_location("systems", sys.argv[1])
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
        sys.exit("ctypes" in sys.modules)
    """
    command = [sys.executable, "-c", program, systems.__file__]

    assert subprocess.run(command, check=False).returncode == 0


# -- what the compiler says

PROGRAM = r"""
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#define AT(member) printf("%zu ", offsetof(struct msghdr, member))
#define CAT(member) printf("%zu ", offsetof(struct cmsghdr, member))
int main(void)
{
    AT(msg_name); AT(msg_namelen); AT(msg_iov); AT(msg_iovlen);
    AT(msg_control); AT(msg_controllen); AT(msg_flags);
    printf("%zu\n", sizeof(struct msghdr));
    CAT(cmsg_len); CAT(cmsg_level); CAT(cmsg_type);
    printf("%zu\n", sizeof(struct cmsghdr));
    printf("%zu %zu\n", offsetof(struct iovec, iov_len), sizeof(struct iovec));
    printf("%zu %zu %zu\n", (size_t)CMSG_LEN(0), (size_t)CMSG_SPACE(4), (size_t)CMSG_SPACE(8));
    printf("%d %d %d\n", (int)sizeof(void *), MSG_CTRUNC, SCM_RIGHTS);
    return 0;
}
"""


@pytest.mark.parametrize("option", ["", "-m32"], ids=["native", "m32"])
def test_the_compiler_lays_out_the_same(option: str, tmp_path: Path) -> None:
    system = systems.running()
    compiler = shutil.which("cc")
    if compiler is None or system.messages is None or system.simulated:
        pytest.skip("there is no C compiler, or none for this system, or it is not in the table")
    (tmp_path / "layout.c").write_text(PROGRAM)
    command = [compiler, *filter(None, [option]), "layout.c", "-o", "layout"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    if built.returncode and option:
        pytest.skip(f"this compiler does not build with {option}")
    assert built.returncode == 0, built.stderr
    printed = subprocess.run([tmp_path / "layout"], capture_output=True, check=False)
    if printed.returncode and option:
        pytest.skip(f"this system does not run what is built with {option}")

    lines = [[int(word) for word in line.split()] for line in printed.stdout.splitlines()]
    msghdr, cmsghdr, iovec, lengths, (pointer, ctrunc, rights) = lines

    assert offsets(structure("msghdr", system.messages.msghdr, pointer)) == msghdr
    assert offsets(structure("cmsghdr", system.messages.cmsghdr, pointer)) == cmsghdr
    assert offsets(structure("iovec", IOVEC, pointer)) == [0, *iovec]
    assert list(macros(system, pointer)) == lengths
    assert (ctrunc, rights) == (
        system.constants["MSG_CTRUNC"],
        system.constants["SCM_RIGHTS"],
    )
