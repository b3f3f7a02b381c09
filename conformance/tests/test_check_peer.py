"""check-peer: what it lets pass, and which lies it finds, in words that teach."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from conformance.__main__ import cli
from conformance.acquaintance import Acquaintance
from conformance.peers.shipped import command_of
from conformance.protocol import MANDATORY, operations

from .test_main import peer

if TYPE_CHECKING:
    from collections.abc import Sequence
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
_LISTS_WHAT_IT_LACKS = """
    op_seek = op_listen = None

    def operations(self):
        return sorted({{*super().operations(), {listed!r}}})
"""
_ANOTHER_SHAPE = """
    def op_{op}(self, request):
        return {ok!r}
"""
_A_BARE_ERROR = """
    def op_recv(self, request):
        from conformance.peers.session import Forked
        if request.get("timeout") != 0.05:
            return super().op_recv(request)
        error = '"error": {{"class": "passer", "name": "timed-out"}}'
        os.write(1, ('{{"id": "' + request["id"] + '", ' + error + '}}\\n').encode())
        raise Forked  # which is not answered again
"""
_FORGETS = """
    def op_{op}(self, request):
        super().op_{op}(request)
        return {{}}
"""
_KEEPS_WHAT_IT_TAKES_OVER = """
    def op_send(self, request):
        request.pop("close", None)
        return super().op_send(request)
"""
_MINDS_FIELDS = """
    def op_flush(self, request):
        if set(request) - {{"id", "op", "passer", "timeout"}}:
            raise BadRequest("what is that?")
        return super().op_flush(request)
"""
_LIES_ABOUT_FLAGS = """
    def op_flags(self, request):
        return {{**super().op_flags(request), "append": False}}
"""
_SWALLOWS_BYTES = """
    def op_recv_with_data(self, request):
        return {{**super().op_recv_with_data(request), "hex": ""}}
"""
_FAILS_TO_FREE = """
    def op_free(self, request):
        return {{"freed": 0}}
"""
_MUTE_IN_A_DIALECT = """
    def op_hello(self, request):
        return {{**super().op_hello(request), "dialects": ["nul", "smoke"]}}

    def op_adopt(self, request):
        if request.pop("dialect", "nul") == "smoke":
            raise BlockingIOError("no fire")
        return super().op_adopt(request)
"""
_STAYS = """
    def reap(self):
        signal.pause()
"""
_FAILS_AT_THE_END = """
    def reap(self):
        os._exit(3)
"""
# It has no more than hello, whatever it lists.
_ONLY_HELLO = """
import json, os, sys
about = {{"name": "hello", "version": "1", "language": "python", "protocol": 1, "pid": os.getpid()}}
for line in sys.stdin:
    request = json.loads(line)
    answer = {{"unsupported": {{"reason": "not yet"}}}}
    if request["op"] == "hello":
        answer = {{"ok": {{**about, "ops": {ops}, "backends": {{}}, "survivals": {{}}}}}}
    elif request["op"] in {ops}:
        answer = {{"error": {{"class": "usage", "name": "usage", "message": "not yet"}}}}
    print(json.dumps({{"id": request["id"], **answer}}), flush=True)
"""
_LEAVES_STDIN_OPEN = """
    def op_fork(self, request):
        kept, me = os.dup(request["stdin"]), os.getpid()
        try:
            return super().op_fork(request)
        finally:
            if {where}:
                os.dup2(kept, request["stdin"])
            os.close(kept)
"""
_CHILD_ANSWERS_FORK = """
    def op_fork(self, request):
        from conformance.peers.session import Forked
        try:
            return super().op_fork(request)
        except Forked:
            return {{"pid": os.getpid()}}
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
        (_LACKS_AN_OPERATION, {}, "came: ops that lack flush; due: all of"),
        (_SAYS_YES, {}, "does not refuse the unknown operation"),
        (_ANOTHER_PID, {}, "came: the pid 1; due: "),
        (_NO_NUMBER, {}, ": fd: expected integer, received '"),
        (_SENDS_ANOTHER, {}, "due: the eight bytes that were written"),
        (_SENDS_NOTHING, {}, "recv: timed-out"),
        (_CLOSES_NOTHING, {}, "close: came: ok {}; due: an error"),
        (_NO_SUCH_ERROR, {}, "there is no such error; due: one of ["),
        (_GUESSES_THE_PASSER, {}, "due: an error of class usage"),
        (_LISTS_WHAT_IT_LACKS, {"listed": "seek"}, "lists seek, and answers unsupported"),
        (_LISTS_WHAT_IT_LACKS, {"listed": "listen"}, "lists listen, and answers unsupported"),
        (_LISTS_WHAT_IT_LACKS, {"listed": "juggle"}, "ops with juggle; due: those that PROTOCOL"),
        (
            _ANOTHER_SHAPE,
            {"op": "queued", "ok": {"queued": "none"}},
            "queued: expected integer, received 'none' (PROTOCOL.md, queued)",
        ),
        (_ANOTHER_SHAPE, {"op": "table", "ok": {"fds": [0, "1"]}}, "fds[1]: expected integer"),
        (_ANOTHER_SHAPE, {"op": "queued", "ok": {"queued": -1}}, "expected at least 0, received"),
        (_ANOTHER_SHAPE, {"op": "pair", "ok": {"passers": ["p1"]}}, "due: two new words"),
        (_ANOTHER_SHAPE, {"op": "recv_many", "ok": {"fds": []}}, "due: timed-out or would-block"),
        (_FORGETS, {"op": "flags"}, "'nonblocking' is missing (PROTOCOL.md, flags)"),
        (_FORGETS, {"op": "open"}, "'fd' is missing (PROTOCOL.md, open)"),
        (_A_BARE_ERROR, {}, "'message' is missing (PROTOCOL.md, Errors)"),
        (_KEEPS_WHAT_IT_TAKES_OVER, {}, "close: came: ok {}; due: os"),
        (_MINDS_FIELDS, {}, "flush: came: peer A: flush: what is that?; due: ok"),
        (_LIES_ABOUT_FLAGS, {}, "flags: came: append False; due: True"),
        (_SWALLOWS_BYTES, {}, "recv_with_data: came: hex ''; due: '626573696465'"),
        (_FAILS_TO_FREE, {}, "free: came: freed 0; due: 1"),
        (_MUTE_IN_A_DIALECT, {}, "adopt: came: peer A: adopt: would-block"),
        (
            _LEAVES_STDIN_OPEN,
            {"where": "os.getpid() == me"},
            "fork: came: peer B: 1 descriptor more than at the start",
        ),
        (
            _LEAVES_STDIN_OPEN,
            {"where": "os.getpid() != me"},
            "fork: came: peer C: 1 descriptor more than at the start",
        ),
        (_CHILD_ANSWERS_FORK, {}, "peer C: the peer broke the protocol: it answers fork, which"),
        (_STAYS, {}, "it does not end, although its input has"),
        (_FAILS_AT_THE_END, {}, "exit status 3, expected 0"),
        (_FAILS_AT_THE_END, {}, "wait: came: status 3; due: 0, as its input has ended"),
    ],
)
def test_a_lie_is_found(tmp_path: Path, change: str, words: dict[str, object], told: str) -> None:
    status, said = check(peer(tmp_path, change, **words))

    assert status == 1
    assert told in said
    assert "what was said last" in said


@pytest.mark.parametrize(
    ("ops", "told", "why"),
    [
        ([], "came: ops that lack adopt, drop, ", "it stands on adopt, recv, not listed in hello"),
        (
            MANDATORY,
            "adopt: came: peer A: adopt: not yet; due: ok",
            "it stands on adopt, which did not work",
        ),
    ],
)
def test_what_stands_on_what_is_not_there_is_not_tried(
    tmp_path: Path, ops: Sequence[str], told: str, why: str
) -> None:
    path = tmp_path / "peer.py"
    path.write_text(_ONLY_HELLO.format(ops=list(ops)))

    status, said = check(f"{sys.executable} {path}")

    assert status == 1
    assert told in said
    assert f"skip a receive from an empty channel is over in time\n     {why}\n" in said
    assert "skip it knows whatever else it lists\n     it stands on what every peer" in said
    assert "ok   it ends when its input does" in said


def test_a_list_of_operations_that_is_none_is_found(tmp_path: Path) -> None:
    path = tmp_path / "peer.py"
    path.write_text(_ONLY_HELLO.format(ops="[['adopt']]"))

    status, said = check(f"{sys.executable} {path}")

    assert status == 1
    assert "hello: ops: expected a list of words, received [['adopt']]" in said


def test_every_operation_is_tried() -> None:
    talk = Acquaintance(command_of("fdpass"), scale=2)
    try:
        faults = [finding for finding in talk.findings() if finding.fault]
        asked = {
            json.loads(line.partition("> ")[2])["op"]
            for peer in talk.peers
            for line in peer.transcript
            if "> {" in line
        }
    finally:
        talk.close()

    assert faults == []
    assert operations().keys() <= asked


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
