# ruff: noqa: E402  the platform stands before the imports, so that mypy stops there elsewhere
"""DuplicateHandle: a copy of a handle is kept for whoever is told of it, and taken by that one.

Who sends makes a copy of the handle in a process whose id and handle value go over the wire; who
receives takes the copy out of there (DUPLICATE_CLOSE_SOURCE). IO::FDPass keeps the copies in the
sending process itself. A value that was taken may be given to any other handle there at once, so
nobody could ever tell a copy that nobody took, to close it, from a stranger. Hence the *keeper*:
a process of our own that has nothing to do but to have the copies, and ends with us. A value in it
is one of ours, or free. Where none can be started, copies are kept in this process, and those that
nobody takes stay open until it ends.

Source: Microsoft's pages on DuplicateHandle, CreateProcess and "Kernel Objects" (only the low 32
bits of a handle are significant). Wine 8: a value must be seen to be in use before
DUPLICATE_CLOSE_SOURCE is asked for it; the call itself needs a handle in the other process, which
may get that very value.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import _winapi
import errno
import msvcrt
import os
import threading

from ..errors import DescriptorsLost, NotAPasser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_PROCESS_DUP_HANDLE = 0x0040
_DETACHED_PROCESS = 0x00000008
_SAME = _winapi.DUPLICATE_SAME_ACCESS
_TAKE = _winapi.DUPLICATE_SAME_ACCESS | _winapi.DUPLICATE_CLOSE_SOURCE
_INVALID_PARAMETER = 87  # ERROR_INVALID_PARAMETER: there is no such process
_ACCESS_DENIED = 5  # ERROR_ACCESS_DENIED
_MOST = 0x7FFFFFFF  # above it, in 32 bits, are the pseudo-handles, such as -1: this process
_SIGN = b"kept"


class Keeper:
    """Where the copies are until they are taken; one for the process."""

    def __init__(self) -> None:
        self.pid = 0
        self.excuse: str | None = None  # why the copies are kept in this process
        self._process = 0
        self._line = 0  # the writing end of its input; it ends when this is closed, as by our end
        self._owners: dict[int, object] = {}
        self._lock = threading.Lock()

    def keep(self, handle: int, owner: object) -> int:
        """Make a copy for somebody to take; give its value in the process ``pid``."""
        with self._lock:
            if not self.pid:
                self._start()
            value = self._copy(handle)
            self._owners[value] = owner  # whoever was told of the value before, has taken it
            return value

    def _copy(self, handle: int) -> int:
        here = _winapi.GetCurrentProcess()
        try:
            return _winapi.DuplicateHandle(here, handle, self._process, 0, False, _SAME)
        except OSError:
            if self.excuse is not None or _is_alive(self._process):
                raise
        # Somebody has ended it, and what it had is gone.
        self._close()
        self._start()
        return _winapi.DuplicateHandle(here, handle, self._process, 0, False, _SAME)

    def _start(self) -> None:
        try:
            self._process, self.pid, self._line = _start_keeper()
        except OSError as error:
            self.excuse = f"no process can be started to keep handles: {error}"
            self._process, self.pid = _winapi.GetCurrentProcess(), os.getpid()

    def has(self, value: int) -> bool:
        """Tell whether *value* is, or was, that of a copy in ``pid``."""
        return value in self._owners

    def close(self, owner: object, values: Iterable[int]) -> None:
        """Close those copies of *owner* that nobody has taken, where that can be known."""
        with self._lock:
            for value in values:
                if self._owners.get(value) is not owner:
                    continue  # taken, and another's since
                if self.excuse is None and _is_open(self._process, value):
                    _drop(self._process, value)
                if self.excuse is None:
                    del self._owners[value]

    def untaken(self) -> int:
        """Count the copies that nobody has taken yet."""
        with self._lock:
            return sum(_is_open(self._process, value) for value in self._owners)

    def _close(self) -> None:
        for handle in (self._line, self._process):
            _winapi.CloseHandle(handle)
        self._owners.clear()


KEEPER = Keeper()


def _start_keeper() -> tuple[int, int, int]:
    """Start a process that waits for the end of its input; give it, its id, and that input."""
    from subprocess import STARTUPINFO

    folder = os.environ.get("SYSTEMROOT", r"C:\Windows")
    program = os.path.join(folder, "System32", "cmd.exe")
    theirs_in, line = _winapi.CreatePipe(None, 0)
    said, theirs_out = _winapi.CreatePipe(None, 0)
    try:
        for handle in (theirs_in, theirs_out):
            os.set_handle_inheritable(handle, True)
        about = STARTUPINFO(
            dwFlags=_winapi.STARTF_USESTDHANDLES,
            hStdInput=theirs_in,
            hStdOutput=theirs_out,
            hStdError=theirs_out,
            lpAttributeList={"handle_list": [theirs_in, theirs_out]},
        )
        # It says a word when it has begun to wait: from then on it opens no handles of its own.
        environment: Any = None  # ours
        words = f'cmd.exe /d /q /c "set /p x={_SIGN.decode()}"'
        process, thread, pid, _ = _winapi.CreateProcess(
            program, words, None, None, True, _DETACHED_PROCESS, environment, folder, about
        )
        _winapi.CloseHandle(thread)
    except BaseException:
        _winapi.CloseHandle(line)
        _winapi.CloseHandle(said)
        raise
    finally:
        _winapi.CloseHandle(theirs_in)
        _winapi.CloseHandle(theirs_out)
    try:
        word, _ = _winapi.ReadFile(said, len(_SIGN))
        if word != _SIGN:
            raise OSError(errno.ENOEXEC, f"{program} says {word!r}")
    except BaseException:
        _winapi.CloseHandle(line)
        _winapi.CloseHandle(process)
        raise
    finally:
        _winapi.CloseHandle(said)
    return process, pid, line


def _is_alive(process: int) -> bool:
    return _winapi.WaitForSingleObject(process, 0) == _winapi.WAIT_TIMEOUT


def _is_open(process: int, value: int) -> bool:
    try:
        copy = _winapi.DuplicateHandle(process, value, _winapi.GetCurrentProcess(), 0, False, _SAME)
    except OSError:
        return False
    _winapi.CloseHandle(copy)
    return True


def _drop(process: int, value: int) -> None:
    here = _winapi.GetCurrentProcess()
    _winapi.CloseHandle(_winapi.DuplicateHandle(process, value, here, 0, False, _TAKE))


def take(pid: int, value: int) -> int:
    """Take a kept copy out of process *pid*; the caller owns the handle, which is not inherited.

    Raises:
        NotAPasser: no sender writes such numbers.
        DescriptorsLost: it cannot be had; the message says why.

    """
    if not pid or not 0 < value <= _MOST:
        # A pseudo-handle would give us the process itself.
        raise NotAPasser(f"expected a process and a handle, received {pid} and {value:#x}")
    if pid == os.getpid() and not (pid == KEEPER.pid and KEEPER.has(value)):
        # Whatever we have of that number is no copy for anybody to take.
        raise NotAPasser(f"handle {value:#x} of this very process was not sent by it")
    try:
        process = _winapi.OpenProcess(_PROCESS_DUP_HANDLE, False, pid)
    except OSError as error:
        raise DescriptorsLost(_no_process(pid, value, error), 1) from error
    here = _winapi.GetCurrentProcess()
    try:
        handle = _winapi.DuplicateHandle(process, value, here, 0, False, _SAME)
        _drop(process, value)
    except OSError as error:
        raise DescriptorsLost(
            f"handle {value:#x} of process {pid} cannot be taken: {error.strerror}; "
            "it is not open, or not ours to take",
            1,
        ) from error
    finally:
        _winapi.CloseHandle(process)
    return handle


def _no_process(pid: int, value: int, error: OSError) -> str:
    if error.winerror == _INVALID_PARAMETER:
        return f"process {pid} has ended, and handle {value:#x} with it: a sender must live on"
    if error.winerror == _ACCESS_DENIED:
        return (
            f"no right (PROCESS_DUP_HANDLE) to take handle {value:#x} out of process {pid}: "
            "it belongs to another user, or has more privileges"
        )
    return f"process {pid}, which has handle {value:#x}, cannot be opened: {error.strerror}"


def as_descriptor(handle: int) -> int:
    """Give a handle a number in the table of the C library, which takes it over.

    Raises:
        OSError: EMFILE, the table is full; EBADF, it is nothing that has a descriptor. The caller
            keeps the handle.

    """
    return msvcrt.open_osfhandle(handle, os.O_NOINHERIT | os.O_BINARY)
