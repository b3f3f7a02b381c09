# ruff: noqa: D102, D103, PLR0917 - what an operation does is said in script.py, once for both preludes
"""The operations of the steps, as a Python program has them; prelude.c has the same for C.

A program gets from here what it uses, one definition after another. So everything stands in
definitions at the top level, and only the standard library is imported.
"""

from __future__ import annotations

import array
import ctypes
import errno
import fcntl
import json
import mmap
import os
import pty
import resource
import select
import signal
import socket
import struct
import sys
import tempfile
import time
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

HOLDS, FAILS, MISSING, WRONG = 0, 1, 77, 99
STEP = 2.0  # seconds for one step, or those given on the command line


class Result:
    """What a step gave; the fields that a step does not give stay as they are here."""

    def __init__(self) -> None:
        self.errno = self.refused = self.text = ""
        self.data = b""
        self.number = self.count = self.messages = self.ctrunc = self.trunc = self.overrun = 0
        self.readable = self.writable = self.hangup = 0
        self.addresses = self.unopened = self.stale = self.beyond = 0
        self.received: list[int] = []

    @property
    def fds(self) -> int:
        return len(self.received)


class State:
    """Where the program is."""

    seconds = STEP
    step = 0
    doing = ""
    may_fail = False
    pid = os.getpid()
    folder = ""
    made: list[str] = []
    filled: list[int] = []
    processes: list[int] = []


# -- saying what was seen -------------------------------------------------------------------------


def say(line: dict[str, object]) -> None:
    """Write one line of the trace, or the verdict: JSON on standard output."""
    os.write(1, json.dumps(line).encode() + b"\n")


def shown(value: object) -> str:
    """Write a value for people; expectations are written so too."""
    if isinstance(value, bytes):
        if len(value) > 64:
            return f"{shown(value[:16])}... {len(value)} bytes"
        return "".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in value)
    return "no error" if value == "" else str(value)


def end(status: int, **verdict: str) -> NoReturn:
    """Say the verdict, and be gone; nothing that was started stays."""
    names = {HOLDS: "holds", FAILS: "fails", MISSING: "missing", WRONG: "wrong"}
    if verdict:
        sentence = verdict["words"]
        if "expected" in verdict:
            sentence += f": expected {verdict['expected']}, saw {verdict['saw']}"
        os.write(2, f"{names[status]}: {sentence}\n".encode())
    for pid in State.processes:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    if State.pid == os.getpid():
        clean()
    # What a child has said, its parent does not say again.
    if verdict or (status == HOLDS and State.pid == os.getpid()):
        say({"verdict": names[status], **verdict})
    os._exit(status)


def clean() -> None:
    """Remove what was made."""
    try:
        for path in filter(os.path.lexists, State.made):
            os.unlink(path)
        if State.folder:
            os.rmdir(State.folder)
    except OSError as error:
        os.write(2, f"{State.folder} could not be removed: {error}\n".encode())


def fail(words: str) -> NoReturn:
    end(FAILS, words=words)


def missing(words: str) -> NoReturn:
    end(MISSING, words=words)


def wrong(words: str) -> NoReturn:
    end(WRONG, words=words)


def error_name(number: int) -> str:
    same = {errno.EWOULDBLOCK: "EAGAIN", errno.EAGAIN: "EAGAIN", errno.EOPNOTSUPP: "EOPNOTSUPP"}
    return same.get(number) or errno.errorcode.get(number, str(number))


# -- steps ----------------------------------------------------------------------------------------


def hangs(*_: object) -> None:
    fail(f"step {State.step}, {State.doing}, did not come to its end")


def begin(doing: str) -> bool:
    """Start a step and its deadline; tell whether it may fail."""
    may_fail, State.may_fail = State.may_fail, False
    State.step += 1
    State.doing = doing
    signal.setitimer(signal.ITIMER_REAL, State.seconds * (1.5 if doing == "child" else 1))
    return may_fail


def done(may_fail: bool, error: int, told: dict[str, object], *, prepares: bool = False) -> None:
    """End a step: tell what it gave; whether it was allowed to fail is known from :func:`begin`."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    name = error_name(error) if error else ""
    say({"step": State.step, "do": State.doing, "errno": name, **told})
    if not error or may_fail:
        return
    words = f"step {State.step}, {State.doing}, failed with {name}"
    unknown = {errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.ENOSYS}
    unknown |= {getattr(errno, "ESOCKTNOSUPPORT", errno.ENOSYS)}
    if prepares and error in {*unknown, errno.EOPNOTSUPP, errno.EPROTOTYPE, errno.EADDRNOTAVAIL}:
        missing(words)
    if prepares:
        wrong(words)
    fail(words)


def attempt(operation: Callable[..., Any], *arguments: object, **options: object) -> Any:
    """Do a step that may fail."""
    State.may_fail = True
    return operation(*arguments, **options)


def gives(*fields: str) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Make a step of a function that gives a result with these fields."""

    def wrap(call: Callable[..., Result]) -> Callable[..., Result]:
        def step(*arguments: object, **options: object) -> Result:
            may_fail = begin(call.__name__[3:])
            error = 0
            try:
                result = call(*arguments, **options)
            except OSError as raised:
                result, error = Result(), raised.errno or -1
                result.errno = error_name(error)
            told = {name: getattr(result, name) for name in fields}
            if "data" in told:
                told["data"] = shown(result.data)
            done(may_fail, error, told)
            return result

        return step

    return wrap


def opens(number: int, *, prepares: bool = True) -> Callable[..., Any]:
    """Make a step of a function that gives so many descriptors; -errno if it fails."""

    def wrap(call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: object) -> Any:
            may_fail = begin(call.__name__[3:])
            error = 0
            try:
                fds = call(*arguments)
                for fd in fds if number > 1 else [fds]:
                    os.set_inheritable(fd, True)  # as the system call alone leaves it
            except OSError as raised:
                error = raised.errno or -1
                fds = (-error,) * number if number > 1 else -error
            done(may_fail, error, {}, prepares=prepares)
            return fds

        return step

    return wrap


def errno_of(fd: int) -> str:
    """Name the error in place of a descriptor."""
    return error_name(-fd) if fd < 0 else ""


def received(result: Result, index: int) -> int:
    if index >= result.fds:
        fail(f"after step {State.step}: a descriptor is to be used that did not come")
    return result.received[index]


def expect(holds: bool, words: str, expected: str, saw: dict[str, object]) -> None:
    if not holds:
        end(FAILS, words=words, expected=expected, saw=listed(saw))


def need(holds: bool, words: str, expected: str, saw: dict[str, object]) -> None:
    if not holds:
        end(MISSING, words=words, expected=expected, saw=listed(saw))


def listed(saw: dict[str, object]) -> str:
    return ", ".join(f"{name} {shown(value)}" for name, value in saw.items())


# -- opening --------------------------------------------------------------------------------------


def place(name: str) -> str:
    """Give a path for what is to be made; it is removed in the end."""
    if not State.folder:
        temporary = os.environ.get("TMPDIR", "")
        if not 0 < len(temporary) < 48:  # the name of a socket has to fit into its address
            temporary = "/tmp"  # noqa: S108
        State.folder = tempfile.mkdtemp(prefix="fd-", dir=temporary)
    State.made.append(os.path.join(State.folder, f"{name}{len(State.made)}"))
    return State.made[-1]


def kind_of(name: str) -> int:
    kind = getattr(socket, f"SOCK_{name.upper()}", None)
    if kind is None:
        missing(f"this Python has no SOCK_{name.upper()}")
    return int(kind)


@opens(2)
def do_socketpair(kind: str) -> tuple[int, int]:
    one, other = socket.socketpair(socket.AF_UNIX, kind_of(kind))
    return one.detach(), other.detach()


@opens(2)
def do_inet(kind: str) -> tuple[int, int]:
    one = socket.socket(socket.AF_INET, kind_of({"tcp": "stream", "udp": "dgram"}[kind]))
    one.bind(("127.0.0.1", 0))
    other = socket.socket(socket.AF_INET, one.type)
    if kind == "udp":
        other.bind(("127.0.0.1", 0))
        one.connect(other.getsockname())
        other.connect(one.getsockname())
        return one.detach(), other.detach()
    one.listen(1)
    other.connect(one.getsockname())
    accepted, _ = one.accept()
    one.close()
    return other.detach(), accepted.detach()


@opens(2)
def do_pipe() -> tuple[int, int]:
    return os.pipe()


@opens(2)
def do_pty() -> tuple[int, int]:
    return pty.openpty()


@opens(1)
def do_listener() -> int:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(place("socket"))
    sock.listen(8)
    return sock.detach()


@opens(1, prepares=False)
def do_connect(listener: int) -> int:
    with borrowed(listener) as there:
        name = there.getsockname()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(name)
    return sock.detach()


@opens(1, prepares=False)
def do_accept(listener: int) -> int:
    with borrowed(listener) as there:
        sock, _ = there.accept()
    return sock.detach()


@opens(1)
def do_socket(kind: str) -> int:
    return socket.socket(socket.AF_UNIX, kind_of(kind)).detach()


@gives()
def do_path(size: int) -> Result:
    result = Result()
    result.text = place("path")
    if len(result.text) > size > 0:
        missing("the temporary directory has a path that is too long")
    result.text += "x" * (size - len(result.text))
    State.made[-1] = result.text
    return result


@gives()
def do_abstract() -> Result:
    result = Result()
    result.text = f"@{place('name')}"
    return result


def name_call(name: str, sock: int, path: str) -> None:
    """Call bind or connect, which Python itself does not do with a long path."""
    inside = path.encode()
    inside = b"\0" + inside[1:] if path[0] == "@" else inside + b"\0"
    with_size = "bsd" in sys.platform or sys.platform in {"darwin", "dragonfly"}
    head = bytes([min(len(inside) + 2, 255), socket.AF_UNIX])
    address = (head if with_size else struct.pack("=H", socket.AF_UNIX)) + inside
    call = getattr(ctypes.CDLL(None, use_errno=True), name)
    again: set[int] = set()
    while call(sock, address, len(address)) < 0:
        error = ctypes.get_errno()
        if error == errno.EISCONN and again:
            return  # an interrupted connect goes on by itself
        if error not in {errno.EINTR, *again}:
            raise OSError(error, "")
        again = {errno.EALREADY}


@gives()
def do_bind(sock: int, path: str) -> Result:
    name_call("bind", sock, path)
    return Result()


@gives()
def do_listen(sock: int, backlog: int) -> Result:
    with borrowed(sock) as there:
        there.listen(backlog)
    return Result()


@gives()
def do_connect_to(sock: int, path: str) -> Result:
    name_call("connect", sock, path)
    return Result()


@gives()
def do_unlink(path: str) -> Result:
    os.unlink(path)
    return Result()


@gives()
def do_forbid(path: str) -> Result:
    os.chmod(path, 0)
    return Result()


@gives("number")
def do_exists(path: str) -> Result:
    return numbered(os.path.lexists(path))


@opens(1)
def do_fifo() -> int:
    path = place("fifo")
    os.mkfifo(path)
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK)


@opens(2)
def do_named_pipe() -> tuple[int, int]:
    path = place("fifo")
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(path, os.O_WRONLY)
    os.set_blocking(reading, True)
    return reading, writing


@opens(1)
def do_file(content: bytes, mode: str) -> int:
    path = place("file")
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(fd, content)
    os.close(fd)
    modes = {"read": os.O_RDONLY, "write": os.O_WRONLY, "both": os.O_RDWR}
    return os.open(path, modes.get(mode, os.O_RDWR | os.O_APPEND))


@opens(1)
def do_directory() -> int:
    return os.open("/", os.O_RDONLY | os.O_DIRECTORY)


@opens(1, prepares=False)
def do_open_at(directory: int, path: str) -> int:
    return os.open(path, os.O_RDONLY, dir_fd=directory)


@opens(1)
def do_memory(size: int) -> int:
    try:
        shared = __import__("_posixshmem")
    except ImportError:
        missing("this Python has no _posixshmem; the C program can be tried")
    name = f"/fd-{os.getpid()}"
    fd = int(shared.shm_open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    shared.shm_unlink(name)
    os.ftruncate(fd, size)
    return fd


@opens(1)
def do_null() -> int:
    return os.open("/dev/null", os.O_RDWR)


@opens(1, prepares=False)
def do_dup(fd: int) -> int:
    return os.dup(fd)


@gives()
def do_close(fd: int) -> Result:
    os.close(fd)
    return Result()


# -- bytes ----------------------------------------------------------------------------------------


@gives("count", "data")
def do_read(fd: int, size: int) -> Result:
    result = Result()
    result.data = os.read(fd, size)
    result.count = len(result.data)
    return result


@gives("count")
def do_write(fd: int, data: bytes) -> Result:
    result = Result()
    result.count = os.write(fd, data)
    return result


@gives()
def do_seek(fd: int, offset: int) -> Result:
    os.lseek(fd, offset, os.SEEK_SET)
    return Result()


def numbered(number: int) -> Result:
    result = Result()
    result.number = int(number)
    return result


@gives("number")
def do_tell(fd: int) -> Result:
    return numbered(os.lseek(fd, 0, os.SEEK_CUR))


@gives("count", "data")
def do_map_read(fd: int, size: int) -> Result:
    result = Result()
    with mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ) as memory:
        result.data = memory[:size]
    result.count = len(result.data)
    return result


@gives()
def do_map_write(fd: int, data: bytes) -> Result:
    with mmap.mmap(fd, len(data), mmap.MAP_SHARED) as memory:
        memory[:] = data
    return Result()


@gives()
def do_lock(fd: int) -> Result:
    fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return Result()


@gives("number")
def do_eof(fd: int) -> Result:
    deadline = time.monotonic() + State.seconds / 2
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    while (left := deadline - time.monotonic()) > 0:
        if poll.poll(left * 1000) and not os.read(fd, 4096):
            return numbered(1)
    return numbered(0)


@gives("readable", "writable", "hangup")
def do_poll(fd: int) -> Result:
    poll = select.poll()
    poll.register(fd, select.POLLIN | select.POLLOUT)
    seen = dict(poll.poll(0)).get(fd, 0)
    if seen & select.POLLNVAL:
        raise OSError(errno.EBADF, "")
    result = Result()
    result.readable = int(bool(seen & select.POLLIN))
    result.writable = int(bool(seen & select.POLLOUT))
    result.hangup = int(bool(seen & select.POLLHUP))
    return result


@gives()
def do_shutdown(sock: int, how: str) -> Result:
    hows = {"read": socket.SHUT_RD, "write": socket.SHUT_WR, "both": socket.SHUT_RDWR}
    with borrowed(sock) as there:
        there.shutdown(hows[how])
    return Result()


# -- messages -------------------------------------------------------------------------------------


class borrowed:  # noqa: N801 - a verb, as `closing`
    """Give a socket object for a descriptor, which stays open and as it is."""

    def __init__(self, fd: int) -> None:
        if fd < 0:
            raise OSError(errno.EBADF, "")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=fd)

    def __enter__(self) -> socket.socket:
        return self.socket

    def __exit__(self, *_: object) -> None:
        self.socket.detach()


def flags_of(names: str) -> int:
    flags = 0
    for name in filter(None, names.split("|")):
        flag = getattr(socket, f"MSG_{name}", None)
        if flag is None:
            missing(f"this Python has no MSG_{name}")
        flags |= flag
    return flags


def space(fds: int) -> int:
    return socket.CMSG_SPACE(fds * struct.calcsize("i"))


def length(fds: int) -> int:
    return socket.CMSG_LEN(fds * struct.calcsize("i"))


def rights(*fds: int) -> tuple[int, bytes]:
    return socket.SCM_RIGHTS, array.array("i", fds).tobytes()


def part(name: str, data: bytes) -> tuple[int, bytes]:
    kind = int(name) if name.isdigit() else getattr(socket, f"SCM_{name}", None)
    if kind is None:
        missing(f"this Python has no SCM_{name}")
    return kind, data


@gives("count")
def do_send(sock: int, data: bytes, parts: Sequence[tuple[int, bytes]], flags: str) -> Result:
    result = Result()
    control = [(socket.SOL_SOCKET, kind, inside) for kind, inside in parts]
    with borrowed(sock) as there:
        result.count = there.sendmsg([data], control, flags_of(flags))
    return result


@gives("count", "refused")
def do_flood(sock: int, data: bytes, parts: Sequence[tuple[int, bytes]]) -> Result:
    result = Result()
    control = [(socket.SOL_SOCKET, kind, inside) for kind, inside in parts]
    with borrowed(sock) as there:
        while result.count < 5000:
            try:
                there.sendmsg([data], control, socket.MSG_DONTWAIT)
            except OSError as error:
                result.errno = result.refused = error_name(error.errno or 0)
                break
            result.count += 1
    return result


@gives("count", "data", "fds", "messages", "ctrunc", "trunc", "overrun")
def do_recv(sock: int, size: int, room: int, flags: str) -> Result:
    result = Result()
    with borrowed(sock) as there, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")  # of a length beyond the buffer nothing else tells
        result.data, control, seen, _ = there.recvmsg(size, room, flags_of(flags))
    result.overrun = int(bool(warned))
    result.count = len(result.data)
    result.messages = len(control)
    result.ctrunc = int(bool(seen & socket.MSG_CTRUNC))
    result.trunc = int(bool(seen & socket.MSG_TRUNC))
    for level, kind, inside in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            whole = len(inside) - len(inside) % struct.calcsize("i")
            result.received += array.array("i", inside[:whole])
    return result


@gives("count", "fds", "ctrunc")
def do_drain(sock: int) -> Result:
    result = Result()
    with borrowed(sock) as there:
        while True:
            try:
                data, control, seen, _ = there.recvmsg(65536, space(64), socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            inside = b"".join(one for _, kind, one in control if kind == socket.SCM_RIGHTS)
            fds = array.array("i", inside[: len(inside) - len(inside) % struct.calcsize("i")])
            result.count += len(data)
            result.received += fds
            result.ctrunc |= int(bool(seen & socket.MSG_CTRUNC))
            for fd in fds:
                os.close(fd)
            if not data and not fds:
                break
    return result


@gives("count")
def do_send_to(sock: int, path: str, data: bytes, parts: Sequence[tuple[int, bytes]]) -> Result:
    result = Result()
    control = [(socket.SOL_SOCKET, kind, inside) for kind, inside in parts]
    with borrowed(sock) as there:
        result.count = there.sendmsg([data], control, 0, path)
    return result


# -- messages, byte by byte -----------------------------------------------------------------------

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
    vector = ctypes.create_string_buffer(struct.pack("PN", place_of_data, len(data)))
    there = NOWHERE if how == "control" else ctypes.addressof(ancillary)
    fields = [0, 0, ctypes.addressof(vector), 1, there if room else 0, room, 0]
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


# -- flags ----------------------------------------------------------------------------------------


@gives("number")
def do_nonblocking(fd: int) -> Result:
    return numbered(bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK))


@gives()
def do_set_nonblocking(fd: int, on: int) -> Result:
    flags = fcntl.fcntl(fd, fcntl.F_GETFL) & ~os.O_NONBLOCK
    fcntl.fcntl(fd, fcntl.F_SETFL, flags | (os.O_NONBLOCK if on else 0))
    return Result()


@gives("number")
def do_appending(fd: int) -> Result:
    return numbered(bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_APPEND))


@gives("text")
def do_access(fd: int) -> Result:
    result = Result()
    modes = {os.O_RDONLY: "read", os.O_WRONLY: "write", os.O_RDWR: "both"}
    result.text = modes[fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE]
    return result


@gives("number")
def do_cloexec(fd: int) -> Result:
    return numbered(bool(fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC))


@gives()
def do_set_cloexec(fd: int, on: int) -> Result:
    fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC if on else 0)
    return Result()


@gives()
def do_setsockopt(sock: int, option: str, value: int) -> Result:
    number = getattr(socket, f"SO_{option}", None)
    if number is None:
        missing(f"this Python has no SO_{option}")
    with borrowed(sock) as there:
        there.setsockopt(socket.SOL_SOCKET, number, value)
    return Result()


@gives("number")
def do_same_file(one: int, other: int) -> Result:
    return numbered(os.path.samestat(os.fstat(one), os.fstat(other)))


# -- the table ------------------------------------------------------------------------------------


@gives()
def do_limit(number: int) -> Result:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
    except ValueError as error:  # in place of EINVAL
        raise OSError(errno.EINVAL, "") from error
    return Result()


@gives()
def do_fill(leave: int) -> Result:
    while len(State.filled) < 4096:
        try:
            State.filled.append(os.dup(0))
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
            break
    for _ in range(leave):
        os.close(State.filled.pop())
    return Result()


@gives()
def do_free(number: int) -> Result:
    for _ in range(number):
        os.close(State.filled.pop())
    return Result()


@gives("number")
def do_table() -> Result:
    found = 0
    for fd in range(4096):
        try:
            fcntl.fcntl(fd, fcntl.F_GETFD)
        except OSError:
            continue
        found += 1
    return numbered(found)


# -- processes ------------------------------------------------------------------------------------


def do_child(steps: int) -> int:
    may_fail = begin("child")
    pid = os.fork()
    if pid == 0:
        State.processes = []
        return 0
    _, status = os.waitpid(pid, 0)
    ended(status)
    State.step += steps
    done(may_fail, 0, {})
    return pid


def do_process(steps: int) -> int:
    may_fail = begin("process")
    pid = os.fork()
    if pid == 0:
        State.processes = []
        return 0
    State.processes.append(pid)
    _, status = os.waitpid(pid, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        State.processes.remove(pid)
        ended(status)
    State.step += steps
    done(may_fail, 0, {})
    return pid


def ended(status: int) -> None:
    """Go the way of a child that has said its verdict already."""
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == HOLDS:
        return
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) in {FAILS, MISSING, WRONG}:
        end(os.WEXITSTATUS(status))
    fail(f"a child ended with status {status}")


def leave() -> NoReturn:
    end(HOLDS)


def stay() -> NoReturn:
    os.kill(os.getpid(), signal.SIGSTOP)
    os._exit(WRONG)


@gives()
def do_kill(pid: int) -> Result:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    State.processes.remove(pid)
    return Result()


@gives()
def do_as_nobody() -> Result:
    if os.geteuid() != 0:
        missing("only root can become another user")
    if State.folder:
        os.chown(State.folder, 65534, 65534)
    os.setgid(65534)
    os.setuid(65534)
    return Result()


@gives()
def do_unprivileged() -> Result:
    if os.geteuid() == 0:
        user = 20000 + os.getpid() % 40000
        if State.folder:
            os.chown(State.folder, user, user)
        os.setgid(user)
        os.setuid(user)
    return Result()


@gives()
def do_sigpipe() -> Result:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    return Result()


# -- the whole ------------------------------------------------------------------------------------


def run(steps: Callable[[], None]) -> NoReturn:
    """Do the steps, and say the verdict."""
    if len(sys.argv) > 1:
        State.seconds = float(sys.argv[1])
    signal.signal(signal.SIGALRM, hangs)
    if not hasattr(socket.socket, "sendmsg"):
        missing("this Python was built without socket.sendmsg; the C program can be tried")
    try:
        steps()
    except Exception as error:
        wrong(f"step {State.step}, {State.doing}: {type(error).__name__}: {error}")
    end(HOLDS)
