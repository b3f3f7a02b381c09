"""PROTOCOL.md and its schema, held against what is really said."""

from __future__ import annotations

import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import conformance
from conformance import protocol, protocol_page
from conformance.acquaintance import Acquaintance
from conformance.capabilities import CAPABILITIES
from conformance.harness.dialects import FRAMED, SPOKEN
from conformance.peers.levels import command_of
from conformance.peers.oneshot import CONDITIONS
from conformance.report import shape
from conformance.requirement import catalogue

from .test_main import _ROOT, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="they pass by Unix sockets")

PAGE = (Path(conformance.__file__).parent / "PROTOCOL.md").read_text()
OPERATIONS = protocol.operations()

# The reference peer, which keeps what it is asked and what it answers.
_RECORDING = """
import json, os, sys
sys.path.insert(0, {root!r})
from conformance.peers.reference import ReferencePeer
from conformance.peers.session import Session

record = os.open({path!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

class Recording(Session):
    def _answer(self, request):
        answer = super()._answer(request)
        os.write(record, json.dumps([request, answer]).encode() + b"\\n")
        return answer

peer = ReferencePeer()
Recording(peer).run()
peer.reap()
os._exit(0)
"""


@cache
def _validator(*names: str) -> Any:
    return jsonschema.Draft202012Validator(protocol.part(*names))


def _hold(request: dict[str, Any], answer: dict[str, Any]) -> str:
    """Say what the schema finds wrong; nothing: all is right."""
    op = request["op"]
    if op not in OPERATIONS:
        return "" if "unsupported" in answer else f"{op} is unknown, and was answered"
    parts = [(("operations", op, "request"), request), (("answer",), answer)]
    if "ok" in answer:
        parts.append((("operations", op, "ok"), answer["ok"]))
    for names, value in parts:
        for error in _validator(*names).iter_errors(value):
            return f"{'.'.join(names)}: {error.message} in {value}"
    if "error" in answer and answer["error"]["name"] not in {*OPERATIONS[op]["errors"], "usage"}:
        return f"{op} is not said to bring the error {answer['error']}"
    return ""


@pytest.fixture(scope="module")
def real() -> dict[str, list[tuple[dict[str, Any], dict[str, Any]]]]:
    """What the reference peer is asked by check-peer, and answers, by operation."""
    talk = Acquaintance(command_of("fdpass"), scale=3)
    pairs: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {}
    try:
        assert [finding for finding in talk.findings() if finding.fault] == []
        for peer in talk.peers:
            said = [re.sub(r"^ *[\d.]+ ", "", line) for line in peer.transcript]
            whole = [line for line in said if not line.endswith(" characters)")]
            requests = [json.loads(line[2:]) for line in whole if line.startswith(">")]
            answers = [json.loads(line[2:]) for line in whole if line.startswith("<")]
            by_id = {answer["id"]: answer for answer in answers}
            for request in requests:
                if "ok" in by_id.get(request["id"], {}):
                    pairs.setdefault(request["op"], []).append((request, by_id[request["id"]]))
    finally:
        talk.close()
    return pairs


def _shape(value: object) -> object:
    """Give the names and kinds of a value, without what differs from one time to the next."""
    if isinstance(value, dict):
        return {name: _shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shape(item) for item in value[:1]]
    return type(value).__name__


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(protocol.schema())


@pytest.mark.parametrize("op", OPERATIONS)
def test_the_page_shows_what_is_really_said(
    op: str, real: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]]
) -> None:
    example = OPERATIONS[op]["example"]
    lines = f"    → {json.dumps(example['request'])}\n    ← {json.dumps(example['answer'])}\n"

    assert lines in PAGE
    assert _hold(example["request"], example["answer"]) == ""
    if op != "hello":  # too long for a transcript; the recorded run has it
        shapes = [_shape([[request], [answer]]) for request, answer in real[op]]
        assert _shape([[example["request"]], [example["answer"]]]) in shapes


@pytest.mark.parametrize(
    "words",
    [
        ("--transport", "inherited", "-n", "2"),
        ("--check", "fifo.order", "--check", "table.waits", "--check", "interfaces.*", "-n", "0"),
    ],
)
def test_what_the_suite_asks_and_the_reference_peer_answers_is_as_the_schema_says(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    record, path = tmp_path / "record", tmp_path / "peer.py"
    path.write_text(_RECORDING.format(root=str(_ROOT), path=str(record)))

    run("--subject", "passer", "--peer", f"{sys.executable} -S {path}", *words)

    pairs = [json.loads(line) for line in record.read_text().splitlines()]
    assert [wrong for pair in pairs if (wrong := _hold(*pair))] == []
    # What a fork starts with is not answered by who was asked.
    assert len(pairs) > 200


def test_the_whole_of_hello_is_shown() -> None:
    example = OPERATIONS["hello"]["example"]["answer"]["ok"]
    due = OPERATIONS["hello"]["ok"]["properties"].keys() - {"kinds", "system", "level"}

    assert example.keys() == due


def test_every_operation_that_may_be_missing_is_tried_by_check_peer() -> None:
    tried = {op for needed, _ in CAPABILITIES for op in needed} | {"wait", "set_nonblocking"}

    assert tried == OPERATIONS.keys() - set(protocol.MANDATORY)


def test_every_check_needs_operations_that_the_page_has() -> None:
    needed = {op for requirement, _ in catalogue() for op in requirement.needs}

    assert needed <= OPERATIONS.keys()


def test_the_page_names_every_error_and_every_dialect() -> None:
    for name in (*protocol.conditions(), *SPOKEN, *FRAMED):
        assert f"`{name}`" in PAGE
    assert set(CONDITIONS) <= set(protocol.conditions())
    assert all(set(it["errors"]) <= set(protocol.conditions()) for it in OPERATIONS.values())


def test_the_requests_of_the_conversation_are_requests() -> None:
    conversation = PAGE.partition("## A conversation")[2]
    requests = [json.loads(text) for text in re.findall(r"> (\{[^{}]*\})", conversation)]

    assert len(requests) > 15
    for request in requests:
        assert list(_validator("operations", request["op"], "request").iter_errors(request)) == []


def test_the_page_is_made_anew_without_losing_what_is_around() -> None:
    stale = PAGE.replace("#### churn", "#### churning")

    assert protocol_page.renewed(stale) == PAGE


def test_what_is_wrong_is_told_in_words() -> None:
    assert protocol.wrong_with_ok("recv", {"fd": 5, "more": True}) == ""
    assert protocol.wrong_with_ok("recv", {"fd": "5"}) == (
        'in {"fd": "5"}: fd: expected integer, received \'5\''
    )
    assert "'message' is missing" in protocol.wrong_with_error({"class": "os", "name": "os"})


def test_our_own_reader_of_the_schema_finds_what_the_library_finds() -> None:
    for op, operation in OPERATIONS.items():
        ok = operation["example"]["answer"]["ok"]
        for name in operation["ok"]["required"]:
            short = {key: value for key, value in ok.items() if key != name}
            part = protocol.part("operations", op, "ok")
            assert shape.complaint(short, part)
            assert not _validator("operations", op, "ok").is_valid(short)


# -- the shortest peer ----------------------------------------------------------------------------


@pytest.fixture
def shortest(tmp_path: Path) -> str:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "shortest.py"
    path.write_text(code)
    return f"{sys.executable} -S {path}"


def test_the_shortest_peer_speaks_the_protocol(shortest: str) -> None:
    talk = Acquaintance(command_of(shortest), scale=2)
    try:
        faults = [finding for finding in talk.findings() if finding.fault]
        ops = talk.peers[0].ops
    finally:
        talk.close()

    assert faults == []
    assert ops == set(protocol.MANDATORY) - {"hello"}


def test_the_shortest_peer_passes(shortest: str) -> None:
    checks = (
        "fifo.order",
        "bidirectional.there-and-back",
        "table.loss-is-told",
        "table.text-is-refused",
    )
    words = [word for check in checks for word in ("--check", check)]

    ended = run("--peer", shortest, *words, "--transport", "inherited")

    assert ended.returncode == 0, ended.stdout + ended.stderr
