"""Try `conformance fleet` on twenty machines, eight of them in trouble; then on repaired ones.

`nox -s fleet`, or `python ci/fleet.py [BUNDLE] [-- OPTIONS OF run]`, as root on Linux with sshd,
ssh and ip (Debian packages openssh-server, openssh-client, iproute2). Each machine is a network
namespace at the end of a link of its own, with an ssh server, and an account with a home. Of those
in trouble one is killed in the middle, one is stopped, of one the link is cut; the others have no
Python, an old one, another host key, no such account, no name. All that is made here is removed
again, also what an earlier trial that was killed has left.

Results are in out/fleet, the words in out/fleet.log.
Exit status: 0 all ended as it should, 1 not, 3 nothing could be tried.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from namespaces import SSHD, Machine, told, within

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
OUT = Path("out").resolve()
NAMES = [f"fdpass{number:02d}" for number in range(1, 21)]
DEADLINE = 1500  # seconds, for a fleet
QUICK = ["--group", "fifo", "--group", "status", "-n", "1"]

KILLED, STOPPED, CUT, BARE, OLD, IMPOSTOR, STRANGER, NAMELESS = NAMES[2:18:2]
# What is due of each, in the words of its outcome.
DUE = {
    KILLED: "it closed the connection",
    STOPPED: "nothing was heard of it|it has ceased to answer",
    CUT: "nothing was heard of it|it has ceased to answer",
    BARE: "has no Python, needs 3.10 or newer",
    OLD: "has Python 3.",
    IMPOSTOR: "its host key is not known here",
    STRANGER: "it refuses our key",
    NAMELESS: "this host is unknown",
}


class Log:
    """The terminal and the log at once."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._began = time.monotonic()

    def __call__(self, line: str) -> None:
        """Write a line, with the seconds that have gone by."""
        text = f"{time.monotonic() - self._began:6.1f}  {line.rstrip()}\n"
        sys.stdout.write(text)
        sys.stdout.flush()
        self._file.write(text)
        self._file.flush()


def hosts(folder: Path, file: Path, *, repaired: bool) -> None:
    """Write the file of hosts."""
    settings = (f"UserKnownHostsFile={folder}/known_hosts", "StrictHostKeyChecking=yes")
    ssh = ["-F", "none", "-i", f"{folder}/key"]
    ssh += [word for one in settings for word in ("-o", one)]
    lines = [
        "[defaults]",
        f"ssh = {json.dumps(ssh)}",
    ]
    for number, name in enumerate(NAMES, 1):
        login, address = name, f"10.77.{number}.2"
        if not repaired:
            login = "nosuchaccount" if name == STRANGER else name
            address = "nowhere.invalid" if name == NAMELESS else address
        lines += ["[[host]]", f'name = "{name}"', f'ssh = ["{login}@{address}"]']
    file.write_text("\n".join(lines) + "\n")


def fleet(log: Log, words: list[str]) -> int:
    """Run the command; what it says goes to the log."""
    command = [sys.executable, "-m", "conformance", "fleet", *words]
    log(f"$ {' '.join(['python', *command[1:]])}")
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        late = threading.Timer(DEADLINE, child.kill)
        late.start()
        try:
            assert child.stdout is not None
            for line in child.stdout:
                log(f"| {line}")
            return child.wait()
        except BaseException:
            child.kill()
            raise
        finally:
            late.cancel()


def trouble(machines: dict[str, Machine], log: Log) -> None:
    """Bring three machines into trouble once their runs are under way."""
    acts: dict[str, tuple[str, Callable[[], object]]] = {
        KILLED: ("its ssh server is killed", lambda: machines[KILLED].signal(signal.SIGKILL)),
        STOPPED: ("its ssh server is stopped", lambda: machines[STOPPED].signal(signal.SIGSTOP)),
        CUT: ("its link is cut", lambda: told("ip", "link", "set", CUT, "down")),
    }
    deadline = time.monotonic() + DEADLINE
    while acts and time.monotonic() < deadline:
        for name in list(acts):
            path = OUT / "fleet" / f"{name}.log"
            if path.exists() and b"\nok " in path.read_bytes():
                words, act = acts.pop(name)
                act()
                log(f"* {name}: {words}")
        time.sleep(0.1)


def outcomes() -> dict[str, tuple[str, str]]:
    """Read what the fleet remembers of each host."""
    from conformance.fleet import state

    return {name: (it.verdict, it.words) for name, it in state.read(OUT / "fleet").items()}


def judged(log: Log, due: dict[str, str]) -> bool:
    """Say whether every host ended as it should."""
    wrong = []
    for name, (verdict, words) in outcomes().items():
        fits = any(part in words for part in due[name].split("|")) if name in due else not words
        if verdict != ("did not end" if name in due else "conforms") or not fits:
            wrong.append(
                f"{name}: expected {due.get(name, 'conforms')}, received {verdict} {words}"
            )
    for line in wrong:
        log(f"! {line}")
    return not wrong and len(outcomes()) == len(NAMES)


def old_python() -> str | None:
    """Find an installation of a Python that is older than the suite needs."""
    return min(glob.glob(os.path.expanduser("~/.pyenv/versions/3.[4-9].*")), default=None)


def poor_paths(log: Log, folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Make the folders of programs of those that have few; say what is due of each in trouble."""
    poor = {BARE: folder / "bare", OLD: folder / "old"}
    for path in poor.values():
        path.mkdir()
        (path / "sh").symlink_to("/bin/sh")
    due = dict(DUE)
    if old := old_python():
        # A copy, as it may lie in a home that is closed to others.
        left_out = shutil.ignore_patterns("test", "tests", "__pycache__", "*.a", "include")
        copy, script = poor[OLD] / "python", poor[OLD] / "python3"
        shutil.copytree(old, copy, symlinks=True, ignore=left_out)
        script.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={copy}/lib exec {copy}/bin/python3 "$@"\n')
        script.chmod(0o755)
    else:
        log(f"no Python older than 3.10 is here, so {OLD} has none at all")
        due[OLD] = DUE[BARE]
    return poor, due


def tried(log: Log, bundle: str, options: list[str], stack: ExitStack) -> bool:
    """Make the machines, and have them visited."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    folder.chmod(0o755)
    for key in ("key", "server"):
        told("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key))
    poor, due = poor_paths(log, folder)
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    machines = {name: Machine(name, folder, stack) for name in NAMES}
    for name, machine in machines.items():
        machine.serve(str(poor.get(name, os.defpath)))
    public = " ".join((folder / "server.pub").read_text().split()[:2])
    lines = {name: f"{machine.address} {public}\n" for name, machine in machines.items()}
    known = folder / "known_hosts"
    known.write_text("".join(line for name, line in lines.items() if name != IMPOSTOR))
    log(f"{len(machines)} machines are up")

    file = folder / "hosts.toml"
    words = [str(file), "--plain", "--bundle", bundle, "-n", "20", "-o", str(OUT / "fleet")]
    run = ["--", *(options or QUICK)]
    hosts(folder, file, repaired=False)
    threading.Thread(target=trouble, args=(machines, log), daemon=True).start()
    status = fleet(log, words + run)
    log(f"status {status}, expected 4")
    good = status == 4 and judged(log, due)

    within(90, lambda: not machines[CUT].left(), f"{CUT} ends what was begun, though cut off")
    log(f"* {CUT}: cut off, it has ended the run by itself and left nothing")
    machines[STOPPED].signal(signal.SIGCONT)
    within(90, lambda: not any(map(Machine.left, machines.values())), "nothing is left anywhere")
    log("* nothing is left on any machine")

    told("ip", "link", "set", CUT, "up")
    for name in (KILLED, BARE, OLD):
        machines[name].end()
        machines[name].serve()
    known.write_text("".join(lines.values()))
    hosts(folder, file, repaired=True)
    log("* all are repaired")
    status = fleet(log, [*words, "--only-failed", *run])
    log(f"status {status}, expected 0")
    good &= status == 0 and judged(log, {})
    log("* removing what they have kept")
    status = fleet(log, [*words, "--clean"])
    kept = glob.glob("/home/fdpass*/.cache/fdpass-fleet")
    log(f"status {status}, expected 0; kept: {kept or 'nothing'}")
    return good and status == 0 and not kept


def main() -> int:
    """Try it, if this machine has what it needs."""
    at = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    given, options = sys.argv[1:at], sys.argv[at + 1 :]
    bundle = os.path.abspath(given[0]) if given else str(ROOT / "dist" / "fdpass-conformance.pyz")
    packages = {SSHD: "openssh-server", "ssh": "openssh-client", "ip": "iproute2"}
    lacks = [f"{name} ({package})" for name, package in packages.items() if not shutil.which(name)]
    if os.geteuid():
        lacks.append("root")
    if not os.path.isfile(bundle):
        lacks.append(f"{bundle} (nox -s bundle)")
    if lacks:
        print(f"fleet: not tried; there is no {', no '.join(lacks)}")
        return 3
    OUT.mkdir(exist_ok=True)
    shutil.rmtree(OUT / "fleet", ignore_errors=True)
    log = Log(OUT / "fleet.log")
    try:
        with ExitStack() as stack:
            good = tried(log, bundle, options, stack)
    except (TimeoutError, subprocess.SubprocessError) as error:
        log(f"! {error}; {getattr(error, 'stderr', '') or ''}")
        return 1
    log("all ended as it should" if good else "not all ended as it should")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
