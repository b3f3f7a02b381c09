"""The command line, as programs in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fdpass.tests.descriptors import SOON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[..., subprocess.Popen[bytes]]

_ROOT = Path(__file__).parents[2]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start ``python -m fdpass`` with what is given; ended at the end of the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: object, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-W", "error", "-m", "fdpass", *map(str, words)]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, cwd=_ROOT, stdin=stdin, stdout=pipe, stderr=pipe))
        return started[-1]

    yield start
    for child in started:
        child.kill()
        child.communicate()


def told(child: subprocess.Popen[bytes], status: int = 0) -> str:
    out, err = child.communicate(timeout=SOON)
    assert child.returncode == status, err.decode()
    return out.decode()


def complaint(child: subprocess.Popen[bytes], status: int = 1) -> str:
    _, err = child.communicate(timeout=SOON)
    assert child.returncode == status
    return err.decode()


def test_the_doctor_says_what_was_chosen_and_why(start: Start) -> None:
    said = told(start("doctor"))

    assert "bsd44      works" in said
    assert "a descriptor was passed and used" in said


def test_the_doctor_speaks_json(start: Start) -> None:
    found = json.loads(told(start("doctor", "--json")))

    assert found["backend"] in {item["name"] for item in found["backends"]}
    assert found["survival"] in {item["name"] for item in found["survivals"]}
    assert found["verdict"] == "a descriptor was passed and used"


def test_a_file_goes_from_one_program_to_another(start: Start, short: Path) -> None:
    (short / "file").write_text("its content\n")
    receiver = start("recv", short / "end")
    sender = start("send", short / "end", short / "file")

    assert told(sender) == ""
    assert told(receiver) == "its content\n"
    assert not (short / "end").exists()


def test_several_become_arguments_of_a_command(start: Start, short: Path) -> None:
    (short / "one").write_text("1\n")
    (short / "two").write_text("2\n")
    receiver = start("recv", short / "end", "--", "cat", "{}")
    sender = start("send", short / "end", short / "one", short / "two")

    assert told(sender) == ""
    assert told(receiver) == "1\n2\n"


def test_the_command_s_exit_status_is_given_on(start: Start, short: Path) -> None:
    receiver = start("recv", short / "end", "--count", "1", "--", "sh", "-c", "exit 7")
    sender = start("send", short / "end", "/dev/null")

    assert told(sender) == ""
    assert told(receiver, status=7) == ""


def test_standard_input_and_numbers_can_be_sent(start: Start, short: Path) -> None:
    (short / "file").write_text("twice\n")
    receiver = start("recv", short / "end")
    with open(short / "file") as source:
        sender = start("send", short / "end", "-", stdin=source.fileno())
        assert told(sender) == ""

    assert told(receiver) == "twice\n"


def test_nobody_listening_is_told_in_time(start: Start, short: Path) -> None:
    child = start("send", short / "end", "/dev/null", "--timeout", "0.05")

    assert "No such file" in complaint(child)


def test_fewer_than_were_due_is_a_failure(start: Start, short: Path) -> None:
    receiver = start("recv", short / "end", "--count", "2")
    sender = start("send", short / "end", "/dev/null")

    assert told(sender) == ""
    assert "expected 2 descriptors, received 1" in complaint(receiver)


def test_a_file_that_is_not_there_sends_nothing(start: Start, short: Path) -> None:
    child = start("send", short / "end", short / "missing")

    assert "No such file" in complaint(child)


def test_a_file_at_the_path_is_not_removed(start: Start, short: Path) -> None:
    (short / "end").write_text("precious")

    assert "no socket" in complaint(start("recv", short / "end"))
    assert (short / "end").read_text() == "precious"


@pytest.mark.parametrize(
    "words", [["recv"], ["send", "path"], ["other"], ["recv", "p", "--count=0"]]
)
def test_wrong_usage_is_status_2(start: Start, words: list[str]) -> None:
    assert "usage:" in complaint(start(*words), status=2)
