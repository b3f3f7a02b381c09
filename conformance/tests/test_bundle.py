"""The single file: the same whoever makes it, and run where much is in its way."""

from __future__ import annotations

import ast
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance import __version__
from conformance.report.catalogue import sha256
from conformance.requirement import catalogue

from .heeding import HEEDING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ROOT = Path(__file__).resolve().parents[2]
_MAKER = _ROOT / "ci" / "bundle.py"
_WHEELS = _ROOT / "out" / "bundle"
_ONE = ("--check", "fifo.order", "--transport", "inherited", "--plain")
_PATIENCE = 100.0

pytestmark = pytest.mark.skipif(not _MAKER.exists(), reason="ci/ is not here: no source tree")


def _made(maker: Path, output: Path, **changed: str) -> Path:
    command = [sys.executable, str(maker), "-o", str(output), "--wheels", str(_WHEELS)]
    made = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **changed}
    )
    if made.returncode == 3:
        pytest.skip(made.stderr.strip().splitlines()[-1])
    assert made.returncode == 0, made.stderr
    return output


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The single file, made once, whichever worker of xdist comes first."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    output = folder / "fdpass-conformance.pyz"
    with open(folder / "bundle.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return output if output.exists() else _made(_MAKER, output)


@pytest.fixture
def temporary(tmp_path: Path) -> Iterator[Path]:
    """A folder for temporary files, in which nothing may be left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []


def _environment(temporary: Path, **more: str) -> dict[str, str]:
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": path, "TMPDIR": str(temporary), "HOME": "/nowhere", **more}


def _run(
    bundle: Path, temporary: Path, *words: str, **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(bundle), *words],
        env=_environment(temporary, **more),
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )


# -- what is in it --------------------------------------------------------------------------------


def test_the_same_bytes_wherever_it_is_made(bundle: Path, tmp_path: Path) -> None:
    del bundle  # after it all wheels are there
    made = []
    for name, zone, seed in (("one", "UTC", "1"), ("another", "Asia/Tokyo", "2")):
        folder = tmp_path / name
        for part in ("ci", "conformance", "fdpass"):
            shutil.copytree(_ROOT / part, folder / part)
        shutil.copy(_ROOT / "LICENSE", folder)
        output = tmp_path / f"{name}.pyz"
        _made(folder / "ci" / "bundle.py", output, TZ=zone, PYTHONHASHSEED=seed)
        made.append(output.read_bytes())
        with zipfile.ZipFile(output) as archive:
            of_the_machine = [
                inside
                for inside in archive.namelist()
                if str(tmp_path).encode() in archive.read(inside)
            ]
        assert of_the_machine == []
    assert made[0] == made[1]


def test_it_says_what_it_is(bundle: Path, temporary: Path) -> None:
    told = _run(bundle, temporary, "--version").stdout
    entries = [requirement.entry() for requirement, _ in catalogue()]
    beside = bundle.with_name(f"{bundle.name}.sha256").read_text()

    assert told.startswith(
        f"fdpass-conformance {__version__}\ncatalogue sha256:{sha256(entries)}\n"
    )
    assert re.search(r"^commit (unknown|[0-9a-f]{40}(, with changes)?)$", told, re.MULTILINE)
    assert beside == f"{hashlib.sha256(bundle.read_bytes()).hexdigest()}  {bundle.name}\n"


def test_all_that_is_needed_is_inside_and_licensed(bundle: Path, temporary: Path) -> None:
    needed = {"pytest", "pytest-xdist", "rich", "click", "tomli"}
    with zipfile.ZipFile(bundle) as archive:
        names = archive.namelist()
        inside = {}
        for name in names:
            if name.endswith(".dist-info/METADATA"):
                about = archive.read(name).decode()
                (own,) = re.findall(r"^Name: (\S+)$", about, re.MULTILINE)
                inside[_normal(own)] = name.split("/")[1].removesuffix(".dist-info")
                asked = re.findall(r"^Requires-Dist: ([\w.-]+)(.*)$", about, re.MULTILINE)
                needed.update(_normal(other) for other, how in asked if "extra ==" not in how)
    licensed = {name.split("/")[1] for name in names if name.startswith("LICENSES/")}
    told = _run(bundle, temporary, "--licenses").stdout

    assert needed - set(inside) == set()
    assert licensed == {"fdpass", *inside.values()}
    assert "== LICENSES/fdpass/LICENSE\n\nMIT License" in told
    assert [name for name in names if "/tests/" in name or name.endswith((".pyc", ".so"))] == []


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize(
    ("file", "purelib", "said"),
    [
        ("one/_speedups.so", "true", "it has one/_speedups.so"),
        ("one-1.data/purelib/one.py", "true", "it has one-1.data"),
        ("one-1.dist-info/LICENSE", "false", "its tag says"),
        ("one/__init__.py", "true", "no licence"),
    ],
)
def test_a_wheel_that_may_not_be_inside(tmp_path: Path, file: str, purelib: str, said: str) -> None:
    spec = importlib.util.spec_from_file_location("bundle_maker", _MAKER)
    assert spec is not None
    assert spec.loader is not None
    maker: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    path = tmp_path / "one-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("one-1.dist-info/WHEEL", f"Root-Is-Purelib: {purelib}\n")
        wheel.writestr(file, "")

    with pytest.raises(maker.CannotBundle, match=said):
        dict(maker.of_wheel(path))


# -- how it runs ----------------------------------------------------------------------------------


def test_it_is_the_command_line_of_the_suite(bundle: Path, temporary: Path) -> None:
    ours = [sys.executable, "-m", "conformance", "list", "--json"]
    due = subprocess.run(ours, capture_output=True, text=True, check=True, cwd=_ROOT)
    refused = _run(bundle, temporary, "runn")

    assert _run(bundle, temporary, "list", "--json").stdout == due.stdout
    assert refused.returncode == 2
    assert "Usage: fdpass-conformance.pyz" in refused.stderr


def test_nothing_is_written_but_what_was_asked_for(
    bundle: Path, temporary: Path, tmp_path: Path
) -> None:
    beside, empty = tmp_path / "beside", tmp_path / "empty"
    for folder in (beside, empty):
        folder.mkdir()
    own = shutil.copy(bundle, beside)
    beside.chmod(0o555)
    empty.chmod(0o555)
    results = tmp_path / "results.json"
    words = ("run", *_ONE, "-n", "2", "--results", str(results))
    done = subprocess.run(
        [sys.executable, "-I", "-S", own, *words],
        env=_environment(temporary),
        cwd=empty,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert os.listdir(empty) == []
    assert os.listdir(beside) == [bundle.name]
    pinned = dict(
        re.findall(r"^(\S+)==(\S+) ", (_ROOT / "ci/bundle.txt").read_text(), re.MULTILINE)
    )
    versions = json.loads(results.read_text())["environment"]["versions"]
    assert versions == {name: pinned[name] for name in versions}


_POISON = """
import sys
raise SystemExit(f"{__name__} of this machine was imported, not that of the single file")
"""
_CUSTOM = """
import sys
from importlib.machinery import PathFinder
from types import ModuleType
sys.modules["click"] = ModuleType("click")  # as a .pth file may import one
class Editable:
    find_spec = PathFinder.find_spec
sys.meta_path.append(Editable)
"""


def test_what_is_installed_here_is_left_out(bundle: Path, temporary: Path, tmp_path: Path) -> None:
    others = tmp_path / "others"
    with zipfile.ZipFile(bundle) as archive:
        ours = {name.split("/")[1].partition(".")[0] for name in archive.namelist() if "/" in name}
    for name in [name for name in ours if name.isidentifier()]:
        package = others / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(_POISON)
    (others / "argcomplete.py").write_text(_POISON)  # which pytest takes where it finds it
    (others / "sitecustomize.py").write_text(_CUSTOM)
    done = _run(
        bundle,
        temporary,
        *("run", *_ONE, "-n", "1"),
        PYTHONPATH=str(others),
        PYTEST_ADDOPTS="--no-such-option",
        PYTEST_PLUGINS="no_such_plugin",
    )

    assert {"pytest", "conformance", "fdpass", "execnet", "click"} <= ours
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_bytecode_goes_where_the_rest_does(bundle: Path, temporary: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    done = _run(bundle, temporary, "run", *_ONE, "-n", "0", PYTHONPYCACHEPREFIX=str(kept))

    assert done.returncode == 0, done.stdout + done.stderr
    assert list(kept.rglob("fdpass-conformance-*")) == []


# -- how it ends ----------------------------------------------------------------------------------


def _started(bundle: Path, temporary: Path) -> subprocess.Popen[str]:
    """Start a run, and wait until its first check is done."""
    running = subprocess.Popen(
        [
            *HEEDING,
            sys.executable,
            str(bundle),
            "run",
            "-v",
            "--plain",
            "-n",
            "2",
            "--group",
            "fifo",
        ],
        env=_environment(temporary),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert running.stdout is not None
    for line in running.stdout:
        if line.startswith("ok "):
            return running
    pytest.fail("it has ended before a check passed")


def _end(running: subprocess.Popen[str]) -> str:
    try:
        said, _ = running.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        raise
    return said


def _to_all(running: subprocess.Popen[str]) -> None:
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does with Ctrl-C


def _to_itself(running: subprocess.Popen[str]) -> None:
    running.terminate()


def _to_a_worker(running: subprocess.Popen[str]) -> None:
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = (path / "stat").read_text().rpartition(")")[2].split()[1]
            command = (path / "cmdline").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if int(parent) == running.pid and b"sys.stdin.readline" in command:
            os.kill(int(path.name), signal.SIGKILL)
            return
    pytest.fail("there is no worker")


@pytest.mark.parametrize(
    ("end", "said"),
    [(_to_all, "interrupted"), (_to_itself, "ended by SIGTERM"), (_to_a_worker, "crash")],
)
def test_it_leaves_nothing_however_it_is_ended(
    bundle: Path, temporary: Path, end: Callable[[subprocess.Popen[str]], None], said: str
) -> None:
    if end is _to_a_worker and not Path("/proc/self/stat").exists():
        pytest.skip("workers are found in /proc, and there is none")
    running = _started(bundle, temporary)
    end(running)
    told = _end(running)
    left = [path for path in temporary.iterdir() if path.name.startswith("fdpass-conformance-")]
    for path in temporary.iterdir():  # of benches whose worker was killed
        shutil.rmtree(path)

    assert running.returncode == 4, told
    assert said in told
    assert left == []


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def test_it_cannot_be_unpacked(bundle: Path, temporary: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(bundle), "list"],
        env=_environment(temporary),
        preexec_fn=_limited,  # a file system that is full is an OSError as well
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )

    assert done.returncode == 4
    assert "fdpass-conformance.pyz: it cannot be unpacked, TMPDIR may name another" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_it_is_damaged(bundle: Path, temporary: Path, tmp_path: Path) -> None:
    content = bytearray(bundle.read_bytes())
    with zipfile.ZipFile(bundle) as archive:
        content[archive.getinfo("inside/rich/table.py").header_offset + 100] ^= 0xFF
    damaged = tmp_path / "damaged.pyz"
    damaged.write_bytes(content)
    done = _run(damaged, temporary, "list")

    assert done.returncode == 4
    assert "damaged.pyz: it is damaged, fetch it again: " in done.stderr


def _old_pythons() -> list[Path]:
    names = ("python2", *(f"python3.{minor}" for minor in range(4, 10)), "pypy3")
    there = [Path(found) for found in map(shutil.which, names) if found]
    there += (
        Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser().glob("versions/*/bin/python")
    )
    return [python for python in there if _ends_with(python, _IS_OLD)]


def _ends_with(python: Path, code: str) -> bool:
    command = [str(python), "-c", code]
    return not subprocess.run(command, capture_output=True, check=False).returncode


_IS_OLD = "import sys; sys.exit(sys.version_info >= (3, 10))"


def test_this_python_is_too_old(bundle: Path) -> None:
    if not (pythons := _old_pythons()):
        pytest.skip("no Python that is older than 3.10 is here")
    for python in pythons:
        done = subprocess.run(
            [str(python), str(bundle), "run"], capture_output=True, text=True, check=False
        )
        needs = r"fdpass-conformance.pyz needs Python 3.10 or newer, and this is Python \d\.\d+\n"
        assert done.returncode == 2, python
        assert re.fullmatch(needs, done.stderr), python


def test_old_ones_can_read_what_tells_them(bundle: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        source = archive.read("__main__.py").decode("ascii")
    told = source.replace("(3, 10)", "(99, 0)")
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=False)

    ast.parse(source, feature_version=(3, 4))
    assert done.returncode == 2
    assert "this is Python 3." in done.stderr
