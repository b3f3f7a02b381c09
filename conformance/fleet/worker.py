"""What runs on the other machine: takes the single file, runs it, and sends back what it says.

execnet sends the source of this module, so it imports the standard library only. It holds a lease:
should nothing be heard for a while, or the connection end, then it ends the run and all that
belongs to it, and removes its folder. Nothing stays behind on a machine that is out of reach.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

GRACE = 3.0  # seconds that the run has to end in good order; execnet loses patience after five
LINGER = 30.0  # seconds that we stay when all is said: where a link was cut, nobody hangs up


def main(channel: Any) -> None:
    """Do what is asked for, and be gone soon afterwards."""
    try:
        work(channel)
    finally:
        late = threading.Timer(LINGER, os._exit, (1,))
        late.daemon = True
        late.start()


def work(channel: Any) -> None:
    """Do what the first message asks for."""
    task = channel.receive(60.0)
    kept = kept_folder()
    if task["clean"]:
        if kept and os.path.isdir(kept):
            shutil.rmtree(kept)
            channel.send(("cleaned", kept))
        else:
            channel.send(("cleaned", ""))
        return
    scratch = tempfile.mkdtemp(prefix="fdpass-fleet-", dir=task["env"].get("TMPDIR"))
    over = threading.Event()
    try:
        archive = archive_of(channel, task, kept or scratch)
        words = [*task["words"]]
        if task["baseline"] is not None:
            path = os.path.join(scratch, "baseline.toml")
            with open(path, "wb") as file:
                file.write(task["baseline"])
            words += ["--baseline", path]
        results = os.path.join(scratch, "results.json")
        command = [sys.executable, archive, "run", *words, "--results", results]
        status = run(channel, task, scratch, command, over)
        content = None
        if os.path.exists(results):
            with open(results, "rb") as file:
                content = file.read()
        channel.send(("end", status, content))
    finally:
        over.set()
        shutil.rmtree(scratch, ignore_errors=True)


def kept_folder() -> str | None:
    """Give the folder that keeps the single file, ours alone; None where a home has no room."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = os.path.join(home, "fdpass-fleet")
    try:
        os.makedirs(home, exist_ok=True)
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        found = os.lstat(folder)
    except OSError:
        return None
    # What somebody else can write to would be run as us.
    ours = found.st_uid == os.geteuid() and not found.st_mode & 0o022
    return folder if ours and stat.S_ISDIR(found.st_mode) and os.access(folder, os.W_OK) else None


def archive_of(channel: Any, task: dict[str, Any], folder: str) -> str:
    """Give the path of the single file, which is sent if it is not there."""
    path = os.path.join(folder, task["sha256"] + ".pyz")
    if os.path.exists(path) and digest(path) == task["sha256"]:
        channel.send(("has", path))
        return path
    channel.send(("wants", path))
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        try:
            received = 0
            while received < task["size"]:
                piece = channel.receive(task["lease"])
                file.write(piece)
                received += len(piece)
                channel.send(("got", received))
            file.close()
            if digest(file.name) != task["sha256"]:
                raise ValueError("the single file has not arrived as it was sent")
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
    return path


def digest(path: str) -> str:
    """Give the sha256 of a file."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def run(
    channel: Any, task: dict[str, Any], scratch: str, command: list[str], over: threading.Event
) -> int:
    """Run it, and send every line; give its exit status. The lease lasts until *over* is set."""
    own = {"PYTHONUNBUFFERED": "1", "COLUMNS": "240", "TMPDIR": scratch}
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=scratch,
        env={**os.environ, **task["env"], **own},
        start_new_session=True,
    )

    def give_up() -> None:
        if not over.is_set():
            end(child)
            shutil.rmtree(scratch, ignore_errors=True)
            os._exit(1)  # who would be told is not there

    watch = threading.Thread(
        target=hold_the_lease, args=(channel, task["lease"], give_up), daemon=True
    )
    watch.start()
    assert child.stdout is not None
    try:
        for line in child.stdout:
            channel.send(("line", line.decode(errors="replace").rstrip("\n")))
        return child.wait()
    except OSError:
        give_up()
        raise
    finally:
        end(child)


def hold_the_lease(channel: Any, seconds: float, give_up: Callable[[], None]) -> None:
    """Wait for the signs of life of who started us; without them, give up."""
    try:
        while True:
            channel.receive(seconds)
    except Exception:  # in whichever way it ended, it ended
        give_up()


def end(child: subprocess.Popen[bytes]) -> None:
    """End the run and what it started, politely first."""
    if child.poll() is not None:
        return
    groups = groups_below(child.pid)
    os.killpg(child.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(GRACE)
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    child.wait()


def groups_below(pid: int) -> set[int]:
    """Give the process groups of a process and of its descendants; only its own without ps(1)."""
    groups, below = {pid}, {pid}
    try:
        command = ("ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "pgid=")
        told = subprocess.run(command, capture_output=True, check=True, timeout=GRACE).stdout
    except (OSError, subprocess.SubprocessError):
        return groups
    rows = [tuple(map(int, line.split())) for line in told.splitlines()]
    while more := {row for row in rows if row[1] in below and row[0] not in below}:
        below.update(row[0] for row in more)
        groups.update(row[2] for row in more)
    return groups


if __name__ == "__channelexec__":
    main(channel)  # type: ignore[name-defined]  # noqa: F821  execnet puts it there
