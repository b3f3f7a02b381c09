from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import subprocess
import sys

import pytest

from conformance import environment
from conformance.report import model


def test_every_value_is_plain_json() -> None:
    recorded = environment.record()

    assert json.loads(json.dumps(recorded)) == recorded


def test_a_system_without_unix_sockets_is_told_in_a_sentence() -> None:
    code = """
import socket
def refuse(*_):
    raise OSError(28, "Invalid argument")
socket.socketpair = refuse
from conformance.__main__ import main
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code, "run"],
        capture_output=True,
        check=False,
        text=True,
        timeout=100,
    )

    assert environment.unsupported() is None
    assert ended.returncode == model.NOTHING_RAN
    assert ended.stderr.startswith("unsupported, so that nothing is proven: linux has no Unix sock")
    assert "Invalid argument" in ended.stderr


def test_it_tells_the_kernel_the_python_and_the_limits() -> None:
    recorded = environment.record()
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)

    assert recorded["uname"]["release"] == os.uname().release
    assert recorded["python"]["version"] == platform.python_version()
    assert recorded["descriptors"]["soft"] == (
        "unlimited" if soft == resource.RLIM_INFINITY else soft
    )
    assert recorded["bits"] in {32, 64}
    assert recorded["user"]["euid"] == os.geteuid()
    assert recorded["versions"]["pytest"] == pytest.__version__


def test_what_cannot_be_measured_is_none() -> None:
    def fails() -> object:
        raise OSError("no such thing here")

    assert environment._measured(fails) is None


def test_an_interposed_library_is_recorded() -> None:
    code = "import json; from conformance import environment as e; print(json.dumps(e._preload()))"
    said = _run(sys.executable, "-c", code, LD_PRELOAD="/nonexistent/library.so")

    assert json.loads(said) == {"LD_PRELOAD": "/nonexistent/library.so"}


@pytest.mark.skipif(not os.path.exists("/proc/self/mountinfo"), reason="no mountinfo here")
def test_the_file_system_of_a_folder_is_named() -> None:
    assert environment.file_system("/proc/self") == "proc"


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_valgrind_is_seen_below_a_descriptor() -> None:
    code = "import json; from conformance import environment as e; print(list(e._emulators()))"
    said = _run("valgrind", "--tool=none", "-q", sys.executable, "-c", code)

    assert "('valgrind', 'below a descriptor of /proc, self/exe is " in said


def test_whatever_it_is_found_to_be_in_stands_with_the_sign() -> None:
    for found in environment.surroundings():
        assert set(found) == {"what", "sign"}
        assert all(found.values())


def _run(*command: str, **extra: str) -> str:
    ended = subprocess.run(
        command,
        env=os.environ | extra,
        cwd=os.path.dirname(os.path.dirname(os.path.dirname(__file__))),
        capture_output=True,
        check=True,
        timeout=100,
    )
    return ended.stdout.decode()
