"""One host, from the question for its Python to its results file; every step has a deadline.

A visit runs in a thread of its own and does nothing but wait. Who conducts it looks at its
deadline, and breaks it off by killing its ssh: whatever it waits for then ends.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
import traceback
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ..report import model
from ..report.screen import LOOKS
from . import gateway, ssh, worker
from .state import CLEANED, DEVIATES, LOST, OF_STATUS, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO

    from .hosts import Host
    from .plan import Plan

_PIECE = 1 << 16  # bytes
_BEAT = 5.0  # seconds between two signs of life
_LEASE = 60.0  # seconds without one, after which the host ends the run by itself
_FAREWELL = 5.0  # seconds that ssh has to end when all is said
_NAMED = 5  # requirements
_MARKS = {look.plain: verdict for verdict, look in LOOKS.items()}


class BrokenOff(Exception):
    """The visit came to no end; the words say why."""


class Visit:
    """One host, and how far it is."""

    def __init__(self, host: Host, plan: Plan, folder: Path) -> None:
        self.host = host
        self.state = "waiting"
        self.checks = 0
        self.failed = 0
        self.python = ""
        self.outcome: Outcome | None = None
        self._plan = plan
        self._results = folder / f"{host.name}.json"
        self._log_path = folder / f"{host.name}.log"
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._broken_off = ""
        self._last_line = ""
        self._started = 0.0
        self._due: tuple[float, str] | None = None
        self._whole: tuple[float, str] | None = None

    @property
    def seconds(self) -> float:
        """Say how long it took so far."""
        if self.outcome:
            return self.outcome.seconds
        return time.monotonic() - self._started if self._started else 0.0

    def hold_to_deadlines(self) -> None:
        """Break it off if it is late."""
        now = time.monotonic()
        for due in (self._due, self._whole):
            if due and now > due[0]:
                self.break_off(due[1])

    def break_off(self, why: str) -> None:
        """End it, whatever it waits for; the first reason counts."""
        with self._lock:
            if self.outcome is None:
                self._broken_off = self._broken_off or why
            if self._process is not None:
                _kill(self._process)

    def run(self) -> Outcome:
        """Do all of it; whatever goes wrong is the outcome of this host and of no other."""
        self._started = time.monotonic()
        whole = self._plan.limits.whole * self.host.timeout_scale
        self._whole = (self._started + whole, f"it has not ended within {whole:g} s")
        self._results.unlink(missing_ok=True)  # an old one is not to be taken for one of today
        with open(self._log_path, "wb", buffering=0) as log:
            try:
                verdict, words = self._visit(log)
            except (BrokenOff, ssh.Refused) as told:
                verdict, words = LOST, str(told)
            except Exception as error:
                verdict, words = LOST, f"the fleet itself failed: {error!r}, see {self._log_path}"
                log.write(traceback.format_exc().encode())
            log.write(f"fleet: {verdict}{': ' if words else ''}{words}\n".encode())
        self._due = self._whole = None
        outcome = Outcome(
            verdict, words, self.checks, self.failed, round(self.seconds, 1), self.python
        )
        with self._lock:
            self.outcome = outcome
        self.state = verdict
        return outcome

    def _visit(self, log: IO[bytes]) -> tuple[str, str]:
        self._step("connecting", self._plan.limits.connect, "it does not answer within {:g} s")
        python = self._ask_for_python(log)
        self.python = str(python)
        log.write(f"fleet: {python}\n".encode())
        words = ssh.python_command(python.command, gateway.BOOTSTRAP)
        with self._ssh(words, log, stdin=subprocess.PIPE) as process:
            there = gateway.opened(process, self.host.name)
            channel = there.remote_exec(worker)
            channel.send(self._task())
            if self._plan.clean:
                _, folder = self._hear(channel)
                return CLEANED, f"removed {folder}" if folder else "nothing was kept there"
            self._send_bundle(channel, log)
            status, content = self._follow(channel, log)
        return self._judged(status, content)

    def _step(self, state: str, seconds: float, late: str) -> None:
        self.state = state
        self._due = (time.monotonic() + seconds, late.format(seconds))

    def _ask_for_python(self, log: IO[bytes]) -> ssh.Python:
        wanted = self.host.python
        with self._ssh(ssh.question(wanted), log, stdin=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            said = process.stdout.read()
            status = process.wait()
            if status == 255:
                raise EOFError  # by ssh itself, who says why
        log.write(said)
        return ssh.answer(said.decode(errors="replace"), wanted)

    @contextmanager
    def _ssh(self, words: str, log: IO[bytes], stdin: int) -> Iterator[subprocess.Popen[bytes]]:
        """Run ssh; that it ends too early is told by the reason for it."""
        command = ssh.command(self.host, words, self._plan.limits.connect)
        with tempfile.TemporaryFile() as complaints:
            process = self._start(command, stdin, complaints)
            try:
                yield process
            except (EOFError, OSError) as error:
                if self._broken_off:
                    raise BrokenOff(self._broken_off) from None
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_FAREWELL)
                complaints.seek(0)
                told = complaints.read().decode(errors="replace")
                if process.returncode == 255 or not str(error):
                    raise BrokenOff(ssh.meaning(told, process.returncode)) from None
                raise BrokenOff(f"the connection ended: {error}") from None
            finally:
                self._end(process)
                complaints.seek(0)
                log.write(complaints.read())

    def _start(
        self, command: list[str], stdin: int, complaints: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._broken_off:
                raise BrokenOff(self._broken_off)
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=complaints,
                    start_new_session=True,  # Ctrl-C is ours to take
                )
            except FileNotFoundError:
                raise ssh.Refused(
                    f"there is no program {command[0]} here (Debian package {ssh.PACKAGE})"
                ) from None
            return self._process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()  # by which the other side knows that we are through
        with suppress(subprocess.TimeoutExpired):
            process.wait(_FAREWELL if not self._broken_off else 0)
        with self._lock:
            _kill(process)
            self._process = None
        process.wait()

    def _task(self) -> dict[str, Any]:
        host, bundle = self.host, self._plan.bundle
        words = [*host.options, *self._plan.options, "-v", "--plain"]
        words += ["--timeout-scale", str(host.timeout_scale)] if host.timeout_scale != 1 else []
        content = host.baseline_file.read_bytes() if host.baseline_file else None
        words += ["--baseline", host.baseline] if host.baseline and content is None else []
        return {
            "clean": self._plan.clean,
            "sha256": hashlib.sha256(bundle).hexdigest(),
            "size": len(bundle),
            "words": words,
            "baseline": content,
            "env": dict(host.env),
            "lease": _LEASE,
        }

    def _hear(self, channel: Any) -> Any:
        """Wait for what the host says next, giving signs of life meanwhile."""
        while True:
            try:
                return channel.receive(_BEAT)
            except channel.TimeoutError:
                channel.send(None)
            except channel.RemoteError as error:
                last = str(error).strip().splitlines()[-1]
                raise BrokenOff(f"the host failed: {last}") from None

    def _send_bundle(self, channel: Any, log: IO[bytes]) -> None:
        self._step("sending", self._plan.limits.sending, "it has not taken the file within {:g} s")
        answer, path = self._hear(channel)
        if answer == "has":
            log.write(f"fleet: the file is there, {path}\n".encode())
            return
        bundle = self._plan.bundle
        for at in range(0, len(bundle), _PIECE):
            channel.send(bundle[at : at + _PIECE])
            self._hear(channel)
        log.write(f"fleet: sent {len(bundle)} bytes, {path}\n".encode())

    def _follow(self, channel: Any, log: IO[bytes]) -> tuple[int, bytes | None]:
        silence = self._plan.limits.silence * self.host.timeout_scale
        beaten = time.monotonic()
        while True:
            self._step("running", silence, "nothing was heard of it for {:g} s")
            kind, *told = self._hear(channel)
            if kind == "end":
                return told[0], told[1]
            log.write(f"{told[0]}\n".encode())
            self._last_line = told[0].strip() or self._last_line
            self._count(told[0])
            if time.monotonic() > beaten + _BEAT:  # where there is never a pause
                channel.send(None)
                beaten = time.monotonic()

    def _count(self, line: str) -> None:
        verdict = _MARKS.get(line.partition(" ")[0])
        if verdict and line.count("  "):  # the mark, the check, its variant and its time
            self.checks += 1
            self.failed += verdict == "fail"

    def _judged(self, status: int, content: bytes | None) -> tuple[str, str]:
        verdict, broken = OF_STATUS.get(status, LOST), []
        if content is not None:
            try:
                document = model.validate(json.loads(content), "its results file")
            except ValueError as refused:
                return LOST, str(refused)
            model.write(self._results, document)
            broken = _broken(document)
            counted = document["summary"]
            self.checks, self.failed = sum(counted.values()), counted["fail"]
        elif status in {model.CONFORMS, model.DEVIATES, model.NOTHING_RAN}:
            return LOST, f"it ended with status {status}, and there are no results"
        if verdict in {LOST, OF_STATUS[model.USAGE], OF_STATUS[model.SUITE_FAILED]}:
            said = self._last_line or "it said nothing"
            return verdict, f"status {status}, {said} (see {self._log_path})"
        if verdict == DEVIATES:
            return verdict, f"{', '.join(broken) or 'not as its baseline'} (see {self._log_path})"
        return verdict, ""


def _broken(document: model.Document) -> list[str]:
    """Name what was asked and not kept: the first of it, and how much more there is."""
    failed = [it for it in document["results"] if (it["level"], it["verdict"]) == ("MUST", "fail")]
    ids = list(dict.fromkeys(result["id"] for result in failed))
    return ids if len(ids) <= _NAMED else [*ids[:_NAMED], f"{len(ids) - _NAMED} more"]


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        # And what it started, such as a ProxyCommand.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
