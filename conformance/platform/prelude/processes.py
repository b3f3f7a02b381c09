"""Children, users, signals."""

from __future__ import annotations

import os
import signal

from .saying import FAILS, HOLDS, MISSING, WRONG, Result, State, end, fail, missing
from .steps import begin, done, gives

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


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


def do_become_another() -> None:
    """Tell of it first: what is read after the exec is not this program any more."""
    may_fail = begin("become_another")
    shell = "/bin/sh"
    if not os.access(shell, os.X_OK):
        missing("there is no /bin/sh")
    done(may_fail, 0, {})
    os.execv(shell, [shell, "-c", "kill -s STOP $$"])


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
