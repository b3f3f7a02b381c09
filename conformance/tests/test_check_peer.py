"""check-peer: what it lets pass, and which lies it finds, in words that teach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from conformance.__main__ import cli

from .test_main import peer

if TYPE_CHECKING:
    from pathlib import Path

_FROM_THE_LOOP = """
    def op_hello(self, request):
        os.write(1, {said!r})
        return super().op_hello(request)
"""
_LACKS_AN_OPERATION = """
    def operations(self):
        return [name for name in super().operations() if name != "flush"]
"""
_SAYS_YES = """
    def __getattr__(self, name):
        if name.startswith("op_"):
            return lambda request: {{}}
        raise AttributeError(name)
"""
_ANOTHER_PID = """
    def op_hello(self, request):
        return {{**super().op_hello(request), "pid": 1}}
"""
_NO_NUMBER = """
    def op_open(self, request):
        return {{"fd": str(super().op_open(request)["fd"])}}
"""
_SENDS_ANOTHER = """
    def op_send(self, request):
        request["fd"] = os.open("/dev/null", os.O_WRONLY)
        return super().op_send(request)
"""
_SENDS_NOTHING = """
    def op_send(self, request):
        return {{}}
"""
_CLOSES_NOTHING = """
    def op_close(self, request):
        return {{}}
"""
_NO_SUCH_ERROR = """
    def condition_of(self, error):
        return "went-wrong"
"""
_GUESSES_THE_PASSER = """
    def op_recv(self, request):
        return {{"fd": 1}}
"""
_STAYS = """
    def reap(self):
        signal.pause()
"""
_FAILS_AT_THE_END = """
    def reap(self):
        os._exit(3)
"""


def check(command: str, scale: float = 1.0) -> tuple[int, str]:
    ended = CliRunner().invoke(
        cli, ["check-peer", command, "--timeout-scale", str(scale)], standalone_mode=False
    )
    return ended.return_value or 0, ended.output


def test_the_reference_peer_speaks_the_protocol() -> None:
    status, said = check("fdpass")

    assert status == 0, said
    assert "FAIL" not in said


@pytest.mark.parametrize(
    ("change", "words", "told"),
    [
        (_FROM_THE_LOOP, {"said": b"hello?\n"}, "this is not a JSON object: b'hello?'"),
        (
            _FROM_THE_LOOP,
            {"said": b'{"id": "zz", "ok": {}}\n'},
            "the id 'zz' waits for an answer; due: '",
        ),
        (_LACKS_AN_OPERATION, {}, "ops of hello lack flush; due: all of"),
        (_SAYS_YES, {}, "does not refuse the unknown operation"),
        (_ANOTHER_PID, {}, "came: the pid 1; due: "),
        (_NO_NUMBER, {}, "due: the number of a descriptor"),
        (_SENDS_ANOTHER, {}, "due: the eight bytes that were written"),
        (_SENDS_NOTHING, {}, "recv: timed-out"),
        (_CLOSES_NOTHING, {}, "close: came: ok {}; due: an error"),
        (_NO_SUCH_ERROR, {}, "there is no such error; due: one of ["),
        (_GUESSES_THE_PASSER, {}, "due: an error of class usage"),
        (_STAYS, {}, "it does not end, although its input has"),
        (_FAILS_AT_THE_END, {}, "exit status 3, expected 0"),
    ],
)
def test_a_lie_is_found(tmp_path: Path, change: str, words: dict[str, object], told: str) -> None:
    status, said = check(peer(tmp_path, change, **words))

    assert status == 1
    assert told in said
    assert "what was said last" in said


def test_what_speaks_before_it_is_asked_is_found(tmp_path: Path) -> None:
    path = tmp_path / "peer.sh"
    path.write_text("""echo '{"id": "1", "ok": {}}'; read line\n""")

    status, said = check(f"sh {path}")

    assert status == 1
    assert "due: nothing, it has not been asked" in said


def test_what_is_no_peer_is_found(tmp_path: Path) -> None:
    path = tmp_path / "peer.sh"
    path.write_text("echo oh dear >&2; exit 9\n")

    status, said = check(f"sh {path}")

    assert status == 1
    assert "the peer died (exit status 9)" in said
    assert "2> oh dear" in said


def test_no_program_is_an_error_of_usage() -> None:
    ended = CliRunner().invoke(cli, ["check-peer", "no-such-program"])

    assert ended.exit_code == 2
    assert "there is no program 'no-such-program'" in ended.output
