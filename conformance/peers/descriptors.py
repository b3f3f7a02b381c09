"""What every peer program written in Python does with plain descriptors and with its table.

Nothing here passes descriptors: a peer program adds those operations of its own.
"""

from __future__ import annotations

import _thread
import os
import select
import socket
import stat
import sys
import time

from .session import BadRequest, Forked, wait_for

if sys.platform != "win32":  # which has another table, and no flags of it: see windows.py
    import fcntl
    import resource

TYPE_CHECKING = False  # importing typing would double the time to start
if TYPE_CHECKING:
    from .session import Request

_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
}
# PyPy does not name O_ACCMODE.
_ACCMODE = os.O_RDONLY | os.O_WRONLY | os.O_RDWR
_ACCESS = {os.O_RDONLY: "read", os.O_WRONLY: "write", os.O_RDWR: "both"}
_OPEN_FLAGS = {
    word: getattr(os, name)
    for word, name in (
        ("read", "O_RDONLY"),
        ("write", "O_WRONLY"),
        ("both", "O_RDWR"),
        ("append", "O_APPEND"),
        ("nonblocking", "O_NONBLOCK"),
        ("create", "O_CREAT"),
        ("directory", "O_DIRECTORY"),
    )
    if hasattr(os, name)
}
_ALWAYS = getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)


class Churn:
    """A thread that opens and closes descriptors all the time."""

    def __init__(self) -> None:
        self._wanted = True
        self._ended = _thread.allocate_lock()
        self._ended.acquire()
        _thread.start_new_thread(self._run, ())

    def stop(self) -> None:
        """Stop it, and wait until it has closed all that it opened."""
        self._wanted = False
        self._ended.acquire()

    def _run(self) -> None:
        while self._wanted:
            opened = []
            try:
                opened += [os.dup(2)]
                opened += [os.dup(2)]
            except OSError:  # full: just what it is for
                pass
            time.sleep(0.0001)
            for fd in opened:
                os.close(fd)
            time.sleep(0.0001)  # or there would hardly ever be a moment with a free slot
        self._ended.release()


class Descriptors:
    """The operations on plain descriptors, and on the table as a whole."""

    def __init__(self) -> None:
        self._filling: list[int] = []
        self._churn: Churn | None = None
        self._endings: dict[int, int] = {}

    def condition_of(self, error: Exception) -> str | None:
        """Name the condition that *error* stands for, or None: a fault of this program."""
        if isinstance(error, BlockingIOError):
            return "would-block"
        if isinstance(error, TimeoutError):
            return "timed-out"
        if isinstance(error, BrokenPipeError | ConnectionResetError):
            return "peer-reset"
        return "os" if isinstance(error, OSError) else None

    def operations(self) -> list[str]:
        """List the names of all operations."""
        names = (name for name in dir(self) if name.startswith("op_"))
        return sorted(name[3:] for name in names if getattr(self, name) is not None)

    def about(self, name: str, version: str, **more: object) -> dict[str, object]:
        """Give what every hello says, and *more*."""
        return {
            "name": name,
            "version": version,
            "language": f"{sys.implementation.name} {sys.version.split()[0]}",
            "protocol": 1,
            "pid": os.getpid(),
            "ops": self.operations(),
            **more,
        }

    def op_open(self, request: Request) -> object:
        """Open a path."""
        flags = _ALWAYS
        for word in request["flags"]:
            if word not in _OPEN_FLAGS:
                raise BadRequest(f"no such flag: {word!r}")
            flags |= _OPEN_FLAGS[word]
        return {"fd": os.open(request["path"], flags, 0o600)}

    def op_socketpair(self, request: Request) -> object:  # noqa: ARG002
        """Open a connected pair of sockets."""
        left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        return {"fds": [left.detach(), right.detach()]}

    def op_write(self, request: Request) -> object:
        """Write, as much as there is room for."""
        data = bytes.fromhex(request["hex"])
        done = 0
        while done < len(data):
            try:
                done += os.write(request["fd"], data[done:])
            except BlockingIOError:
                if wait_for(request["fd"], select.POLLOUT, 0):
                    continue  # spurious
                if not done:
                    raise
                break
        return {"count": done}

    def op_read(self, request: Request) -> object:
        """Read what there is, once there is something."""
        timeout = request.get("timeout")
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not wait_for(request["fd"], select.POLLIN, remaining):
                raise TimeoutError(f"nothing to read within {timeout} s")
            try:
                return {"hex": os.read(request["fd"], request["count"]).hex()}
            except BlockingIOError:  # spurious, or another process was faster
                continue

    def op_seek(self, request: Request) -> object:
        """Move the file offset."""
        return {"offset": os.lseek(request["fd"], request["offset"], os.SEEK_SET)}

    def op_close(self, request: Request) -> object:
        """Close a descriptor."""
        os.close(request["fd"])
        return {}

    def op_flags(self, request: Request) -> object:
        """Tell the flags."""
        flags = fcntl.fcntl(request["fd"], fcntl.F_GETFL)
        return {
            "nonblocking": bool(flags & os.O_NONBLOCK),
            "append": bool(flags & os.O_APPEND),
            "access": _ACCESS.get(flags & _ACCMODE, "none"),
            "cloexec": not os.get_inheritable(request["fd"]),
        }

    def op_set_nonblocking(self, request: Request) -> object:
        """Set or clear O_NONBLOCK."""
        os.set_blocking(request["fd"], not request["on"])
        return {}

    def op_identity(self, request: Request) -> object:
        """Tell what a descriptor is open on."""
        about = os.fstat(request["fd"])
        kind = _KINDS.get(stat.S_IFMT(about.st_mode), "other")
        return {"dev": about.st_dev, "ino": about.st_ino, "kind": kind}

    def op_limit(self, request: Request) -> object:
        """Limit the table."""
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (request["descriptors"], most))
        return {}

    def op_fill(self, request: Request) -> object:
        """Fill the table but for some slots."""
        try:
            while True:
                self._filling.append(os.dup(2))
        except OSError:
            pass
        self._free(request["leave"])
        return {"filled": len(self._filling)}

    def op_free(self, request: Request) -> object:
        """Free slots that were filled."""
        count = request.get("count")
        return {"freed": self._free(len(self._filling) if count is None else count)}

    def _free(self, count: int) -> int:
        freed = self._filling[len(self._filling) - min(count, len(self._filling)) :]
        del self._filling[len(self._filling) - len(freed) :]
        for fd in freed:
            os.close(fd)
        return len(freed)

    def op_churn(self, request: Request) -> object:
        """Start or stop the thread that opens and closes."""
        if request["on"] and self._churn is None:
            self._churn = Churn()
        elif not request["on"] and self._churn is not None:
            self._churn.stop()
            self._churn = None
        return {}

    def op_table(self, request: Request) -> object:  # noqa: ARG002
        """List the open descriptors."""
        # Asking for each number needs no free slot, as listing a directory would.
        return {"fds": [fd for fd in range(os.sysconf("SC_OPEN_MAX")) if is_open(fd)]}

    def op_fork(self, request: Request) -> object:
        """Fork; the child goes on with other standard input and output."""
        self._bury()
        pid = os.fork()
        if pid == 0:
            os.dup2(request["stdin"], 0)
            os.dup2(request["stdout"], 1)
        os.close(request["stdin"])
        os.close(request["stdout"])
        if pid == 0:
            self._churn = None  # a child has no threads
            raise Forked
        return {"pid": pid}

    def _bury(self) -> None:
        """Collect what is left of children that have ended."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                self._endings[pid] = os.waitstatus_to_exitcode(status)
        except ChildProcessError:
            pass

    def op_wait(self, request: Request) -> object:
        """Tell how a child has ended: its exit status, or minus the number of a signal."""
        deadline = time.monotonic() + request["timeout"]
        self._bury()
        while request["pid"] not in self._endings:
            if time.monotonic() > deadline:
                raise TimeoutError("it has not ended")
            time.sleep(0.001)
            self._bury()
        return {"status": self._endings.pop(request["pid"])}

    def reap(self) -> None:
        """Wait for the children, whose input ends before this one's."""
        try:
            while True:
                os.waitpid(-1, 0)
        except ChildProcessError:
            pass


def is_open(fd: int) -> bool:
    """Tell whether there is such a descriptor."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
