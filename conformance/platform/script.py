"""The script of a platform check: what a check calls records a step, and makes no system call.

The programs that are written from it are in render_python and render_c; what an operation does is
said here once, and done in the folder prelude.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from .recording import Recording
from .results import Received, Result
from .steps import Fd, Part, Value, space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Received", "Result", "Script", "record"]


class Script(Recording):
    """Records the steps of a check, in the order of its calls."""

    # -- descriptors --------------------------------------------------------------------------

    def socketpair(self, kind: str = "stream") -> tuple[Fd, Fd]:
        """Open two connected Unix sockets: ``stream``, ``dgram`` or ``seqpacket``."""
        return self._two("socketpair", kind)

    def inet(self, kind: str) -> tuple[Fd, Fd]:
        """Open two connected sockets of the loopback interface: ``tcp``, ``udp`` or ``tcp6``."""
        return self._two("inet", kind)

    def pipe(self) -> tuple[Fd, Fd]:
        """Open a pipe: its reading end, its writing end."""
        return self._two("pipe")

    def pty(self) -> tuple[Fd, Fd]:
        """Open a pseudo terminal: the master, the slave."""
        return self._two("pty")

    def listener(self) -> Fd:
        """Listen on a Unix stream socket at a path of its own, for up to 8 connections."""
        return self._one("listener")

    def connect(self, listener: Fd) -> Fd:
        """Connect to a listener (of this process or of one it was forked from)."""
        return self._one("connect", listener)

    def accept(self, listener: Fd) -> Fd:
        """Accept a connection."""
        return self._one("accept", listener)

    def socket(self, kind: str = "stream") -> Fd:
        """Open a Unix socket, neither bound nor connected."""
        return self._one("socket", kind)

    def path(self, size: int = 0) -> Value:
        """Give a path where nothing is yet, of *size* bytes if that is not 0."""
        return self._value("path", size, told="text")

    def abstract(self) -> Value:
        """Give an abstract name of this program's own, written with ``@`` for its first byte."""
        return self._value("abstract", told="text")

    def bind(self, sock: Fd, path: Value) -> Result:
        """Bind a Unix socket to a path."""
        return self._result("bind", "", sock, path)

    def listen(self, sock: Fd, backlog: int = 8) -> Result:
        """Let a bound socket listen."""
        return self._result("listen", "", sock, backlog)

    def connect_to(self, sock: Fd, path: Value) -> Result:
        """Connect a Unix socket to a path."""
        return self._result("connect_to", "", sock, path)

    def unlink(self, path: Value) -> Result:
        """Remove a path."""
        return self._result("unlink", "", path)

    def forbid(self, path: Value) -> Result:
        """Take all permissions from a path (mode 0)."""
        return self._result("forbid", "", path)

    def exists(self, path: Value) -> Value:
        """Tell whether there is something at a path."""
        return self._value("exists", path)

    def fifo(self) -> Fd:
        """Open a FIFO for reading, without waiting for a writer."""
        return self._one("fifo")

    def named_pipe(self) -> tuple[Fd, Fd]:
        """Open a FIFO: its reading end, its writing end."""
        return self._two("named_pipe")

    def file(self, content: bytes = b"", mode: str = "both") -> Fd:
        """Open a regular file: *mode* is ``read``, ``write``, ``both``, ``append`` or ``sync``."""
        return self._one("file", content, mode)

    def file_again(self) -> Fd:
        """Open the file that was made last again: another open file description of it."""
        return self._one("file_again")

    def event_counter(self) -> Fd:
        """Open an event counter (eventfd) that stands at 0."""
        return self._one("event_counter")

    def memory_file(self) -> Fd:
        """Open a file that is in memory only (memfd_create)."""
        return self._one("memory_file")

    def event_queue(self, fd: Fd) -> Fd:
        """Open an event queue (epoll) that watches a descriptor for something to read."""
        return self._one("event_queue", fd)

    def timer(self) -> Fd:
        """Open a timer (timerfd) that has run out."""
        return self._one("timer")

    def process_descriptor(self, process: Fd) -> Fd:
        """Open a descriptor of a process (pidfd_open): readable when that has ended."""
        return self._one("process_descriptor", process)

    def directory(self) -> Fd:
        """Open a directory."""
        return self._one("directory")

    def path_only(self) -> Fd:
        """Open the directory that :meth:`directory` opens, as a place alone (O_PATH)."""
        return self._one("path_only")

    def open_at(self, directory: Fd, path: str) -> Fd:
        """Open a file for reading, by its path from a directory."""
        return self._one("open_at", directory, path)

    def memory(self, size: int) -> Fd:
        """Open a shared memory object of so many bytes, which has no name any more."""
        return self._one("memory", size)

    def null(self) -> Fd:
        """Open /dev/null."""
        return self._one("null")

    def dup(self, fd: Fd) -> Fd:
        """Duplicate a descriptor."""
        return self._one("dup", fd)

    def number(self, number: int) -> Fd:
        """Give a descriptor by its number, such as -1 or 0. No step."""
        return Fd("", number=number)

    def close(self, fd: Fd) -> Result:
        """Close a descriptor."""
        return self._result("close", "", fd)

    # -- bytes --------------------------------------------------------------------------------

    def read(self, fd: Fd, size: int) -> Result:
        """Read, by the system call of this name: ``data``, ``count``."""
        return self._result("read", "count data", fd, size)

    def write(self, fd: Fd, data: bytes) -> Result:
        """Write, by the system call of this name: ``count``."""
        return self._result("write", "count", fd, data)

    def write_soon(self, fd: Fd, data: bytes) -> Result:
        """Have a child write a tenth of a second later, by which time the next step waits."""
        return self._result("write_soon", "", fd, data)

    def seek(self, fd: Fd, offset: int) -> Result:
        """Set the file offset, from the start."""
        return self._result("seek", "", fd, offset)

    def tell(self, fd: Fd) -> Value:
        """Give the file offset."""
        return self._value("tell", fd)

    def map_read(self, fd: Fd, size: int) -> Result:
        """Map the start of a file or memory object, and read it there: ``data``, ``count``."""
        return self._result("map_read", "count data", fd, size)

    def map_write(self, fd: Fd, data: bytes) -> Result:
        """Map the start of a file or memory object, shared, and write there."""
        return self._result("map_write", "", fd, data)

    def lock(self, fd: Fd) -> Result:
        """Set a record lock (F_SETLK) on the whole file, for writing, without waiting."""
        return self._result("lock", "", fd)

    def flock(self, fd: Fd) -> Result:
        """Lock the file for writing, by the system call of this name, without waiting."""
        return self._result("flock", "", fd)

    def eof(self, fd: Fd) -> Value:
        """Wait up to a second for the end of file; 0: it did not come. Discards data."""
        return self._value("eof", fd)

    def poll(self, fd: Fd) -> Result:
        """Ask poll, without waiting: ``readable``, ``writable``, ``hangup``."""
        return self._result("poll", "readable writable hangup", fd)

    def select(self, fd: Fd) -> Result:
        """Ask select, without waiting: ``readable``."""
        return self._result("select", "readable", fd)

    def events(self, queue: Fd) -> Value:
        """Count what an event queue tells of, without waiting."""
        return self._value("events", queue)

    def shutdown(self, sock: Fd, how: str) -> Result:
        """Shut a socket down: ``read``, ``write`` or ``both``."""
        return self._result("shutdown", "", sock, how)

    # -- messages -----------------------------------------------------------------------------

    def send(
        self,
        sock: Fd,
        data: bytes,
        fds: Sequence[Fd] | Received = (),
        *,
        control: Sequence[Part] = (),
        flags: Sequence[str] = (),
    ) -> Result:
        """Send by sendmsg(2), with SIGPIPE ignored: ``count``.

        *fds* go in one control message, or all that a step gave; *control* lists control
        messages instead, see :meth:`rights` and :meth:`control`. *flags* are names such as
        ``"DONTWAIT"``.
        """
        if isinstance(fds, Received):
            self._check(fds.all)
            return self._result(
                "send", "count", sock, data, (Part(all_of=fds.all),), "|".join(flags)
            )
        parts = (self.rights(*fds), *control) if fds else tuple(control)
        return self._result("send", "count", sock, data, parts, "|".join(flags))

    def flood(self, sock: Fd, data: bytes, fds: Sequence[Fd] = ()) -> Result:
        """Send the same message with MSG_DONTWAIT until it is refused: ``count``, ``errno``.

        5000 times at most.
        """
        return self._result("flood", "count", sock, data, (self.rights(*fds),) if fds else ())

    def recv(
        self,
        sock: Fd,
        size: int,
        room: int | Value | None = None,
        *,
        flags: Sequence[str] = (),
    ) -> Received:
        """Receive up to *size* bytes by recvmsg(2), with control messages; see :class:`Received`.

        *room* is the control buffer in bytes, such as ``space(2)`` or ``length(1) - 1`` (for so
        many descriptors, by CMSG_SPACE and CMSG_LEN); 0: none. Default: 16 descriptors.
        """
        told = "count data fds messages ctrunc trunc overrun"
        room = space(16) if room is None else room
        step = self._step("recv", "result", told, (sock, size, room, "|".join(flags)))
        return Received(self.may_use, step)

    def drain(self, sock: Fd) -> Received:
        """Receive all that is there, and close what came.

        In all: ``count``, ``fds``, ``ctrunc``, and ``others``, bytes unlike the first one.
        """
        told = "count fds ctrunc others"
        return Received(self.may_use, self._step("drain", "result", told, (sock,)))

    def send_to(self, sock: Fd, path: Value, data: bytes, fds: Sequence[Fd] = ()) -> Result:
        """Send a datagram to a path: ``count``."""
        return self._result("send_to", "count", sock, path, data, (self.rights(*fds),))

    def send_oddly(self, sock: Fd, data: bytes, fds: Sequence[Fd], how: str) -> Result:
        """Send by a sendmsg(2) with which something is odd or wrong: ``count``.

        *how*: ``pieces``, the bytes lie in three buffers, of which the second is empty; ``short``,
        a control message shorter than its header; ``long``, one that ends behind the control data;
        ``half``, one with two bytes more than its descriptors have; ``data`` or ``control``, at an
        address where no memory is; ``interrupted``, signals come all the time.
        """
        return self._result("send_oddly", "count", sock, data, (self.rights(*fds),), how)

    def recv_oddly(self, sock: Fd, size: int, how: str) -> Received:
        """Receive by a recvmsg(2) with which something is odd or wrong: see :class:`Received`.

        *how*: ``pieces``, into three buffers, of which the second is empty; ``data`` or
        ``control``, at an address where no memory is; ``interrupted``, signals come all the
        time. There is room for 16 descriptors.
        """
        told = "count data fds ctrunc"
        step = self._step("recv_oddly", "result", told, (sock, size, space(16), "", how))
        return Received(self.may_use, step)

    def need_a_look(self, look: Result) -> None:
        """Skip where MSG_PEEK is refused; that nothing is there yet is no refusal."""
        self.need(look.errno.is_one_of("", "EAGAIN"), "a look with MSG_PEEK, which is refused here")

    def inspect(
        self,
        sock: Fd,
        size: int,
        room: int | Value | None = None,
        *,
        flags: Sequence[str] = (),
    ) -> Received:
        """Receive as :meth:`recv` does, and look at every byte that was written.

        What is told of as a descriptor and is none counts as ``unopened``, not among the ``fds``.
        """
        told = "count data fds ctrunc addresses unopened stale beyond"
        room = space(16) if room is None else room
        step = self._step("inspect", "result", told, (sock, size, room, "|".join(flags)))
        return Received(self.may_use, step)

    def rights(self, *fds: Fd) -> Part:
        """Give a control message with these descriptors, for :meth:`send`. No step."""
        for fd in fds:
            self._check(fd)
        return Part(tuple(fds))

    def control(self, type: str, data: bytes = b"") -> Part:  # noqa: A002
        """Give any other control message of level SOL_SOCKET, for :meth:`send`. No step.

        *type* is the end of a name SCM_, or a number in digits; *data* may be a part of a number.
        """
        return Part((), type, data)

    # -- many files ---------------------------------------------------------------------------

    def files(self, count: int) -> Received:
        """Open so many empty files, which are known again by what is written into them."""
        return Received(self.may_use, self._step("files", "result", "fds", (count,)))

    def send_each(self, sock: Fd, files: Received) -> Result:
        """Send each file in a message of its own, until one is refused: ``count``, ``data``.

        Without waiting. The first has the byte ``0``, the next ones those that follow it.
        """
        return self._result("send_each", "count data", sock, files.all)

    def recv_each(self, sock: Fd) -> Received:
        """Receive what waits, and number what came: ``count``, ``data``, ``fds``.

        The number is written into the file; it is the one that the message's byte stands for.
        """
        return Received(self.may_use, self._step("recv_each", "result", "count data fds", (sock,)))

    def recv_by(self, sock: Fd, processes: int, threads: int) -> Result:
        """Do as :meth:`recv_each`, in processes of so many threads: ``count`` of descriptors.

        The processes begin together.
        """
        return self._result("recv_by", "count", sock, processes, threads)

    def send_by(self, sock: Fd, files: Received, processes: int, threads: int) -> Result:
        """Do as :meth:`send_each`, in processes of so many threads that share the files: ``count``.

        The processes begin together.
        """
        return self._result("send_by", "count", sock, files.all, processes, threads)

    def send_most(self, sock: Fd, files: Received) -> Result:
        """Send as many of the files in one message as are taken, without waiting: ``count``."""
        return self._result("send_most", "count", sock, files.all)

    def number_each(self, came: Received) -> Result:
        """Write into each file that came in which place it did."""
        return self._result("number_each", "", came.all)

    def unlike(self, files: Received, count: int | Value) -> Value:
        """Tell which of the first files do not have their own number, once; ``none``."""
        return self._value("unlike", files.all, count, told="text")

    # -- flags --------------------------------------------------------------------------------

    def nonblocking(self, fd: Fd) -> Value:
        """Tell whether O_NONBLOCK is set."""
        return self._value("nonblocking", fd)

    def set_nonblocking(self, fd: Fd, on: bool = True) -> Result:
        """Set O_NONBLOCK, or clear it."""
        return self._result("set_nonblocking", "", fd, int(on))

    def appending(self, fd: Fd) -> Value:
        """Tell whether O_APPEND is set."""
        return self._value("appending", fd)

    def status_flags(self, fd: Fd) -> Value:
        """Give all that F_GETFL gives; its bits are the system's own."""
        return self._value("status_flags", fd)

    def set_async(self, fd: Fd) -> Result:
        """Set O_ASYNC; nobody is named to get its signals."""
        return self._result("set_async", "", fd)

    def access(self, fd: Fd) -> Value:
        """Tell the access mode: ``read``, ``write`` or ``both``."""
        return self._value("access", fd, told="text")

    def set_terminal(self, fd: Fd, rows: int, columns: int) -> Result:
        """Have a terminal give each byte at once, without echo; give it a size."""
        return self._result("set_terminal", "", fd, rows, columns)

    def terminal(self, fd: Fd) -> Value:
        """Tell what a terminal was set to: ``raw 24x80``, or other words than ``raw``."""
        return self._value("terminal", fd, told="text")

    def cloexec(self, fd: Fd) -> Value:
        """Tell whether FD_CLOEXEC is set. What the steps open has it clear."""
        return self._value("cloexec", fd)

    def set_cloexec(self, fd: Fd, on: bool = True) -> Result:
        """Set FD_CLOEXEC, or clear it."""
        return self._result("set_cloexec", "", fd, int(on))

    def setsockopt(self, sock: Fd, option: str, value: int) -> Result:
        """Set an option of SOL_SOCKET: PASSCRED, SNDBUF, RCVBUF, KEEPALIVE, RCVTIMEO (seconds).

        And NODELAY, of IPPROTO_TCP.
        """
        return self._result("setsockopt", "", sock, option, value)

    def getsockopt(self, sock: Fd, option: str) -> Value:
        """Give the seconds of RCVTIMEO, the number of TYPE; of others, whether they are set."""
        return self._value("getsockopt", sock, option)

    def is_named(self, sock: Fd, path: Value) -> Value:
        """Tell whether a Unix socket is bound to this path, as getsockname(2) says."""
        return self._value("is_named", sock, path)

    def same_file(self, one: Fd, other: Fd) -> Value:
        """Tell whether fstat(2) says that both are of one file."""
        return self._value("same_file", one, other)

    # -- the table ----------------------------------------------------------------------------

    def limit(self, number: int) -> Result:
        """Set the soft limit of descriptors (RLIMIT_NOFILE)."""
        return self._result("limit", "", number)

    def fill(self, leave: int = 0) -> Result:
        """Open descriptors until there is no room for more than *leave*; :meth:`limit` first."""
        return self._result("fill", "", leave)

    def free(self, number: int) -> Result:
        """Close some of what :meth:`fill` has opened."""
        return self._result("free", "", number)

    def table(self) -> Value:
        """Count the open descriptors, of the first 4096."""
        return self._value("table")

    # -- processes ----------------------------------------------------------------------------

    @contextmanager
    def child(self) -> Iterator[None]:
        """Do the steps of the block in a forked child, which ends with it; the parent waits.

        What the steps give is known in the child only: expect it in the block.
        """
        with self._block("child"):
            yield

    @contextmanager
    def process(self) -> Iterator[Fd]:
        """Do the steps of the block in a forked child, which then stays until :meth:`kill`.

        The parent goes on when the steps are done.
        """
        with self._block("process") as block:
            yield Fd(block.name)

    def become_another(self) -> Result:
        """Go on as another program, by exec; last in the block of a :meth:`process`.

        It is the shell, which does nothing but stay; it has what is not close-on-exec.
        """
        return self._result("become_another", "")

    def kill(self, process: Fd) -> Result:
        """Kill a process by SIGKILL, and wait for its end."""
        return self._result("kill", "", process)

    @contextmanager
    def repeat(self, times: int) -> Iterator[None]:
        """Do the steps of the block so many times; their last results stay."""
        with self._block("repeat", times):
            yield

    def as_nobody(self) -> Result:
        """Become an unprivileged user for the rest of the program; needs root."""
        return self._result("as_nobody", "")

    def unprivileged(self) -> Result:
        """Become a user whom nobody else is, if this is root; else nothing is to be done."""
        return self._result("unprivileged", "")

    def sigpipe(self) -> Result:
        """Let SIGPIPE end the program, as it does where nobody has said otherwise."""
        return self._result("sigpipe", "")


def record(check: Callable[[Script], None]) -> Script:
    """Record the steps of a check."""
    script = Script()
    check(script)
    return script
