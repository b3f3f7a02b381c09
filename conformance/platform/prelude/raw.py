"""Messages as the system call itself sees them: wrong ones, and a look at every byte."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
import socket
import struct
import sys
import time

from .messages import flags_of
from .saying import HOLDS, Result, missing
from .steps import gives

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


NOWHERE = 16  # an address where no program has memory
MARK = 0xA5  # what buffers are filled with before a receive
GUARD = 64  # bytes behind the room that is told of


def layouts() -> tuple[str, str]:
    """Give struct msghdr and struct cmsghdr, as the module struct writes them."""
    if sys.platform == "linux":
        return "PIPNPNi", "Nii"
    if "bsd" in sys.platform or sys.platform in {"darwin", "dragonfly"}:
        return "PIPiPIi", "Iii"
    return missing("this program knows no struct msghdr of this system; the C program can be tried")


def raw_call(
    name: str, sock: int, data: bytearray, control: bytearray, room: int, flags: str, how: str
) -> tuple[int, int, int]:
    """Call sendmsg or recvmsg: what it gives, msg_controllen and msg_flags."""
    layout, _ = layouts()
    inside = (ctypes.c_char * max(1, len(data))).from_buffer(data or bytearray(1))
    ancillary = (ctypes.c_char * len(control)).from_buffer(control)
    place_of_data = NOWHERE if how == "data" else ctypes.addressof(inside)
    pieces = [(0, 1), (1, 0), (1, len(data) - 1)] if how == "pieces" else [(0, len(data))]
    written = b"".join(struct.pack("PN", place_of_data + at, size) for at, size in pieces)
    vector = ctypes.create_string_buffer(written)
    there = NOWHERE if how == "control" else ctypes.addressof(ancillary)
    count = len(pieces)
    fields = [0, 0, ctypes.addressof(vector), count, there if room else 0, room, 0]
    header = ctypes.create_string_buffer(struct.pack(layout, *fields))
    call = getattr(ctypes.CDLL(None, use_errno=True), name)
    call.restype = ctypes.c_ssize_t
    bits = flags_of(flags)
    pid = annoyer() if how == "interrupted" else 0
    got = call(sock, header, bits)
    while got < 0 and ctypes.get_errno() == errno.EINTR and not pid:
        got = call(sock, header, bits)
    error = ctypes.get_errno()
    if pid:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    if got < 0:
        raise OSError(error, "")
    *_, length, seen = struct.unpack_from(layout, header.raw)
    return got, length, seen


def annoyer() -> int:
    """Fork a process that sends us signals, which do nothing but interrupt, until it is killed."""
    signal.signal(signal.SIGUSR1, lambda *_: None)
    us = os.getpid()
    pid = os.fork()
    while pid == 0:
        time.sleep(0.02)
        if os.getppid() != us:
            os._exit(HOLDS)
        os.kill(us, signal.SIGUSR1)
    return pid


@gives("count")
def do_send_oddly(sock: int, data: bytes, parts: Sequence[tuple[int, bytes]], how: str) -> Result:
    result = Result()
    kind, inside = parts[0]
    inside += b"\0\0" if how == "half" else b""
    size = socket.CMSG_LEN(len(inside))
    room = socket.CMSG_SPACE(len(inside))
    told = {"short": 1, "long": room + 64}.get(how, size)
    _, head = layouts()
    control = bytearray(struct.pack(head, told, socket.SOL_SOCKET, kind))
    control = control.ljust(socket.CMSG_LEN(0), b"\0") + inside
    control = control.ljust(room + GUARD, b"\0")
    result.count, _, _ = raw_call("sendmsg", sock, bytearray(data), control, room, "", how)
    return result


def raw_recv(sock: int, size: int, room: int, flags: str, how: str) -> Result:
    """Receive, and look at every byte that was written."""
    result = Result()
    data = bytearray([MARK]) * size
    control = bytearray([MARK]) * (room + GUARD)
    got, told, seen = raw_call("recvmsg", sock, data, control, room, flags, how)
    result.count = min(got, size)
    result.data = bytes(data[: result.count])
    result.ctrunc = int(bool(seen & socket.MSG_CTRUNC))
    told = 0 if how == "control" else min(told, room)
    changed = data[result.count :] + control[told:]
    result.beyond = sum(byte != MARK for byte in changed)
    _, head = layouts()
    at = 0
    while at + struct.calcsize(head) <= told:
        at = look(result, control[:told], at, head)
    for place_of_one in range(0, told - 7, 4):
        result.addresses += looks_like_an_address(control, place_of_one)
    return result


def look(result: Result, control: bytearray, at: int, head: str) -> int:
    """Look at the control message that begins here, and give where the next one does."""
    size, level, kind = struct.unpack_from(head, control, at)
    first = at + socket.CMSG_LEN(0)
    last = min(at + max(size, socket.CMSG_LEN(0)), len(control))
    after = min(at + socket.CMSG_SPACE(max(0, last - first)), len(control))
    padding = control[at + struct.calcsize(head) : first] + control[last:after]
    result.stale += sum(byte not in (0, MARK) for byte in padding)
    result.messages += 1
    if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
        whole = (last - first) // struct.calcsize("i")
        for fd in struct.unpack_from(f"{max(0, whole)}i", control, first):
            try:
                fcntl.fcntl(fd, fcntl.F_GETFD)
                result.received.append(fd)
            except (OSError, ValueError):
                result.unopened += 1
    return max(after, at + 1)


def looks_like_an_address(control: bytearray, at: int) -> bool:
    """Tell whether eight bytes are of the upper half of memory, where kernels are."""
    if struct.calcsize("P") < 8:
        return False
    (number,) = struct.unpack_from("Q", control, at)
    lower = number & 0xFFFFFFFF
    small = number >> 32 == 0xFFFFFFFF and not 0x80000000 <= lower < 0xFFFF0000
    return number >> 48 == 0xFFFF and not small


@gives("count", "data", "fds", "ctrunc", "addresses", "unopened", "stale", "beyond")
def do_recv_oddly(sock: int, size: int, room: int, flags: str, how: str) -> Result:
    return raw_recv(sock, size, room, flags, how)


@gives("count", "data", "fds", "ctrunc", "addresses", "unopened", "stale", "beyond")
def do_inspect(sock: int, size: int, room: int, flags: str) -> Result:
    return raw_recv(sock, size, room, flags, "")
