"""The matrix of senders and receivers: what it finds of peers of which the faults are known."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from conformance.__main__ import cli
from conformance.pairs import verdicts
from conformance.pairs.matrix import measured
from conformance.pairs.trials import RAW

from .test_main import command, peer

if TYPE_CHECKING:
    from conformance.report.pairs import Cell, Document, Outcome, Step

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="they pass by Unix sockets")

_ROOT = Path(__file__).resolve().parents[2]
_PLAIN = """
import os, socket, sys
sys.path.insert(0, {root!r})
from conformance.peers.over_sockets import PeerClosed, main
from conformance.peers.plain import PlainPeer

class Changed(PlainPeer):
    {change}

main(Changed)
"""
_SKIPS_BYTES_ALONE = """
    def receive(self, end):
        end.setblocking(True)
        while True:
            data, fds, _, _ = socket.recv_fds(end, 1, 1)
            if not data:
                raise PeerClosed("the stream has ended")
            if fds:
                return fds[0]
"""
_READS_AHEAD = """
    def receive(self, end):
        data, fds, _, _ = socket.recv_fds(end, 1, 1)
        if not data:
            raise PeerClosed("the stream has ended")
        for fd in socket.recv_fds(end, 1, 1)[1]:
            os.close(fd)
        return fds[0]
"""
_SPEAKS_TWO = """
    BYTES = {"nul": b"\\\\0", "bang": b"!"}

    def op_hello(self, request):
        return {**super().op_hello(request), "dialects": ["nul", "bang"]}

    def op_adopt(self, request):
        self.byte = self.BYTES[request.get("dialect", "nul")]
        return super().op_adopt(request)

    def pass_on(self, end, fd):
        socket.send_fds(end, [self.byte], [fd])
"""
_NEEDS_A_NUL = """
    def condition_of(self, error):
        return "not-a-passer" if isinstance(error, KeyError) else super().condition_of(error)

    def receive(self, end):
        data, fds, _, _ = socket.recv_fds(end, 1, 1)
        if not data:
            raise PeerClosed("the stream has ended")
        if data != b"\\\\0":
            [os.close(fd) for fd in fds]
            raise KeyError("what is that?")
        return fds[0]
"""
_SPEAKS_ANOTHER = """
    def op_hello(self, request):
        told = super().op_hello(request)
        del told["dialects"]
        return told

    def pass_on(self, end, fd):
        socket.send_fds(end, [b"<fd>"], [fd])

    def receive(self, end):
        data, fds, _, _ = socket.recv_fds(end, 4, 1)
        if not data:
            raise PeerClosed("the stream has ended")
        if data != b"<fd>":
            raise OSError("what is that?")
        return fds[0]
"""
_DIES = """
    def op_recv(self, request):
        os._exit(7)
"""
_HANGS = """
    def op_recv(self, request):
        signal.pause()
"""
_DIES_WHEN_FULL = """
    def receive(self, end):
        data, fds, _, _ = socket.recv_fds(end, 1, 1)
        if data and not fds:
            os._exit(7)
        if not data:
            raise PeerClosed("the stream has ended")
        return fds[0]
"""
_GIVES_NO_NUMBER = """
    def op_recv(self, request):
        return {{"size": super().op_recv(request)["fd"]}}
"""
_KNOWS_NO_DIALECT = """
    def op_hello(self, request):
        return {{**super().op_hello(request), "dialects": ["nul", "bang"]}}

    def op_adopt(self, request):
        if request.get("dialect", "nul") != "nul":
            raise BadRequest("what is that?")
        return super().op_adopt(request)
"""
_LEAKS = """
    def op_recv(self, request):
        os.dup(2)
        return super().op_recv(request)
"""
_IS_NOT_SEEN = """
    def op_hello(self, request):
        return {{**super().op_hello(request), "pid": 1}}
"""
_CANNOT_FILL = """
    def operations(self):
        return [name for name in super().operations() if name not in ("fill", "free")]

    def op_hello(self, request):
        return {{**super().op_hello(request), "pid": 1}}
"""


def plain_peer(folder: Path, change: str) -> str:
    path = folder / "plain.py"
    path.write_text(_PLAIN.format(root=str(_ROOT), change=change.strip().replace("\\\\", "\\")))
    return f"{sys.executable} {path}"


def cell(document: Document, sender: str, receiver: str) -> Cell:
    """Give what was found in the usual dialect of the sender."""
    return next(
        one
        for one in document["cells"]
        if one["row"].startswith(f"{sender}, ") and one["column"] == receiver
    )


def of_suite(document: Document, name: str, receiver: str) -> Cell:
    return next(
        one
        for one in document["cells"]
        if one["row"] == f"the suite, {name}" and one["column"] == receiver
    )


def wires(document: Document) -> dict[str, list[str]]:
    return {row["id"]: row["wire"] for row in document["rows"] if not row["raw"]}


def came(outcome: Outcome) -> list[str]:
    return [step["got"] or step["said"] for step in outcome["steps"]]


# -- what is found --------------------------------------------------------------------------------


def test_faithful_peers_pass_and_keep_what_finds_no_slot(tmp_path: Path) -> None:
    other = peer(tmp_path, "pass")

    document = measured(("fdpass", other), 2, 1.0)

    assert document["missing"] == {}
    for one in ("fdpass", other):
        for two in ("fdpass", other):
            found = cell(document, one, two)
            assert (found["kind"], found["words"]) == ("passes", "passes"), found
            assert came(found["trials"]["one by one"])[:10] == list("ABCDEFGHIJ")
            assert came(found["trials"]["array"])[:3] == ["A", "B", "C"]
            assert [step["got"] for step in found["trials"]["full"]["steps"]][:1] == ["A"]
            assert found["transcript"] == {}
        assert of_suite(document, "3 in a message", one)["words"] == "takes it"
        assert of_suite(document, "!", one)["kind"] == "refuses"
        assert of_suite(document, "count", one)["kind"] == "refuses"
    assert wires(document)["fdpass, nul"] == wires(document)[f"{other}, nul"] == ["00+1"]


def test_a_full_table_is_really_full_and_the_loss_is_told() -> None:
    found = cell(measured(("send-fds",), 1, 1.0), "send-fds", "send-fds")

    assert (found["kind"], found["words"]) == ("loses", "passes, loses 1 when full, says lost")
    assert came(found["trials"]["full"]) == ["A", "lost", "C", "peer-closed"]
    assert found["not_tried"] == {"array": "the sender has no send_many"}
    assert any('"op": "recv"' in line for line in found["transcript"]["the receiver"])


def test_one_that_cannot_be_seen_fills_its_table_itself(tmp_path: Path) -> None:
    hidden = plain_peer(tmp_path, _IS_NOT_SEEN.replace("{{", "{").replace("}}", "}"))

    found = cell(measured((hidden,), 1, 1.0), hidden, hidden)

    assert found["words"] == "passes, loses 1 when full, says lost"


def test_where_no_table_can_be_filled_that_is_said(tmp_path: Path) -> None:
    hidden = peer(tmp_path, _CANNOT_FILL)

    found = cell(measured((hidden,), 1, 1.0), hidden, hidden)

    assert found["words"] == "passes"
    assert "its table cannot be filled" in found["not_tried"]["full"]


def test_who_needs_a_count_refuses_others(tmp_path: Path) -> None:
    nul_alone = plain_peer(tmp_path, _NEEDS_A_NUL)

    document = measured((nul_alone, "multiprocessing"), 2, 1.0)

    assert cell(document, "multiprocessing", nul_alone)["words"] == "refuses"
    assert cell(document, nul_alone, "multiprocessing")["words"] == "refuses, leaks 10"
    assert [row["dialect"] for row in document["rows"]][:2] == ["nul", "count"]


def test_what_comes_in_the_place_of_another_is_out_of_step(tmp_path: Path) -> None:
    skipping = plain_peer(tmp_path, _SKIPS_BYTES_ALONE)

    document = measured(("fdpass", skipping), 2, 1.0)

    found = cell(document, "fdpass", skipping)
    assert found["kind"] == "out of step"
    assert found["words"] == "passes, out of step when full: C comes in the place of B"
    assert cell(document, "fdpass", "fdpass")["kind"] == "passes"


def test_who_reads_ahead_fails(tmp_path: Path) -> None:
    ahead = plain_peer(tmp_path, _READS_AHEAD)

    found = cell(measured((ahead,), 1, 1.0), ahead, ahead)

    assert (found["kind"], found["words"]) == ("fails", "loses 5 of 10, without a word")
    assert came(found["trials"]["one by one"])[:5] == list("ACEGI")


def test_a_leak_is_counted(tmp_path: Path) -> None:
    leaking = peer(tmp_path, _LEAKS)

    document = measured(("fdpass", leaking), 2, 1.0)

    found = cell(document, "fdpass", leaking)
    assert found["kind"] == "leaks"
    assert found["words"].startswith("passes, leaks 1")
    assert found["trials"]["one by one"]["leaked"] == 11, "ten and the one that found the end"
    assert cell(document, leaking, "fdpass")["words"] == "passes"


def test_one_that_dies_is_a_cell_and_not_the_end(tmp_path: Path) -> None:
    dying = peer(tmp_path, _DIES)

    document = measured(("fdpass", dying), 2, 1.0)

    found = cell(document, "fdpass", dying)
    assert found["kind"] == "dies"
    assert found["words"] == "the receiver: the peer died (exit status 7): recv"
    assert of_suite(document, "!", dying)["kind"] == "dies"
    assert cell(document, dying, "fdpass")["kind"] == "passes"


def test_one_that_dies_when_full(tmp_path: Path) -> None:
    dying = plain_peer(tmp_path, _DIES_WHEN_FULL)

    found = cell(measured(("fdpass", dying), 2, 1.0), "fdpass", dying)

    assert (found["kind"], found["words"]) == ("dies", "passes, dies when full")
    assert "exit status 7" in found["trials"]["full"]["failure"]


def test_one_that_breaks_the_protocol_is_a_cell(tmp_path: Path) -> None:
    breaking = peer(tmp_path, _GIVES_NO_NUMBER)

    document = measured(("fdpass", breaking), 2, 1.0)

    assert cell(document, "fdpass", breaking)["kind"] == "fails"
    assert "recv: expected fd, received" in cell(document, "fdpass", breaking)["words"]
    assert cell(document, "fdpass", "fdpass")["kind"] == "passes"


def test_one_that_lists_a_dialect_and_does_not_know_it_is_left_out(tmp_path: Path) -> None:
    boasting = peer(tmp_path, _KNOWS_NO_DIALECT)

    document = measured(("fdpass", boasting), 2, 1.0)

    assert "what is that?" in document["missing"][boasting]
    assert cell(document, "fdpass", "fdpass")["kind"] == "passes"


def test_one_that_hangs_is_a_cell_and_not_the_end(tmp_path: Path) -> None:
    hanging = peer(tmp_path, _HANGS)

    document = measured(("fdpass", hanging), 4, 0.2)

    assert cell(document, "fdpass", hanging)["kind"] == "hangs"
    assert cell(document, "fdpass", "fdpass")["kind"] == "passes"


def test_each_dialect_of_a_sender_is_tried(tmp_path: Path) -> None:
    two = plain_peer(tmp_path, _SPEAKS_TWO)

    document = measured(("fdpass", two), 2, 1.0)

    by_place = {(one["row"], one["column"]): one for one in document["cells"]}
    of_two = {name: wire for name, wire in wires(document).items() if name.startswith(two)}
    assert of_two == {f"{two}, nul": ["00+1"], f"{two}, bang": ["21+1"]}
    assert by_place[f"{two}, nul", "fdpass"]["kind"] == "passes"
    assert by_place[f"{two}, bang", "fdpass"]["kind"] == "passes"  # it is told to speak that
    assert by_place["fdpass, word0", two]["kind"] != "passes"
    assert by_place[f"{two}, bang", two]["dialect"] == "bang"
    assert by_place["fdpass, nul", two]["dialect"] == "nul"


def test_what_speaks_a_dialect_of_its_own_is_spoken_to_in_it(tmp_path: Path) -> None:
    strange = plain_peer(tmp_path, _SPEAKS_ANOTHER)

    document = measured(("fdpass", strange), 2, 1.0)

    row = next(row for row in document["rows"] if row["name"] == strange)
    assert (row["dialect"], row["wire"]) == ("its own", [f"{b'<fd>'.hex()}+1"])
    assert cell(document, strange, strange)["trials"]["one by one"]["due"] == list("ABCDEFGHIJ")
    assert cell(document, "fdpass", strange)["kind"] == "fails"
    assert came(of_suite(document, "!", strange)["trials"]["raw"])[:2] == ["os", "B"]


# -- what it means --------------------------------------------------------------------------------


def outcome(due: str, steps: str, leaked: int | None = 0, failure: str = "") -> Outcome:
    """Give an outcome: letters are what came, words what was said."""
    told: list[Step] = [
        {"when": "", "got": word, "said": "ok", "words": ""}
        if len(word) == 1
        else {"when": "", "got": None, "said": word, "words": ""}
        for word in steps.split()
    ]
    return {"due": list(due), "steps": told, "sender": [], "leaked": leaked, "failure": failure}


@pytest.mark.parametrize(
    ("one", "array", "full", "kind", "words"),
    [
        ("A B", "A B C", "A B C", "passes", "passes"),
        ("A B", "A B C", "A timed-out B C", "passes", "passes"),
        ("A B", "A lost", "A B C", "loses", "passes, loses 2 of 3 sent at once, says lost"),
        ("A B", "C B A", "A B C", "out of step", "passes, an array comes as C, B, A"),
        ("A B", "A B C", "A lost C", "loses", "passes, loses 1 when full, says lost"),
        (
            "A B",
            "A B C",
            "A timed-out C",
            "out of step",
            "passes, out of step when full: C comes in the place of B",
        ),
        (
            "A B",
            "A B C",
            "A lost C B",
            "out of step",
            "passes, out of step when full: it has A, C, B",
        ),
        ("A B", "A B C", "A lost lost", "loses", "passes, loses 2 when full, says lost"),
        ("B A", "A B C", "A B C", "out of step", "out of step: B, A"),
        ("A lost", "", "", "fails", "loses 1 of 2, says lost"),
        ("timed-out", "", "", "fails", "nothing arrives, without a word"),
        ("not-a-passer", "", "", "refuses", "refuses"),
    ],
)
def test_what_a_pair_does_in_words(one: str, array: str, full: str, kind: str, words: str) -> None:
    trials = {
        "one by one": outcome("AB", one),
        "array": outcome("ABC", array),
        "full": outcome("ABC", full),
    }

    assert verdicts.of_pair(trials) == (kind, words)


def test_who_refuses_one_that_then_hangs_has_refused() -> None:
    broken = outcome("", "not-a-passer", None, "the sender: drop: no answer within 5 s")

    found = verdicts.of_pair({"one by one": broken})

    assert found.kind == "refuses"
    assert found.words.endswith("the sender: drop: no answer within 5 s")


def test_one_that_ends_or_hangs_when_full() -> None:
    good = outcome("A", "A")

    for failure, kind in (("the peer died (exit status 1)", "dies"), ("no answer within", "hangs")):
        found = verdicts.of_pair({"one by one": good, "full": outcome("", "", failure=failure)})
        kind_of_array = verdicts.of_pair({"one by one": good, "array": outcome("", "", 0, failure)})
        assert found.kind == kind_of_array.kind == kind
        assert "when full" in found.words


@pytest.mark.parametrize(
    ("due", "steps", "leaked", "kind", "words"),
    [
        ("AB", "A B", 0, "passes", "takes it"),
        ("AB", "A B", 2, "leaks", "takes it, leaks 2"),
        ("AB", "not-a-passer B", 1, "refuses", "refuses it, says not-a-passer, leaks 1"),
        ("AB", "not-a-passer not-a-passer", 0, "refuses", "refuses it, and nothing after it, says"),
        ("AB", "A lost lost B", 0, "out of step", "takes it, out of step for 2 receives"),
        ("AB", "B", 0, "out of step", "loses 1 of 1, without a word"),
        ("AB", "A", 0, "out of step", "takes 1 of 1, and nothing after it, without a word"),
        ("ABCD", "A lost lost D", 0, "loses", "loses 2 of 3, says lost"),
        ("ABCD", "lost D", 2, "loses", "loses 3 of 3, says lost, leaks 2"),
        ("AB", "lost timed-out", 0, "fails", "nothing arrives, says lost"),
        ("ABCD", "C D", 0, "out of step", "out of step: C, D"),
    ],
)
def test_what_becomes_of_a_raw_message_in_words(
    due: str, steps: str, leaked: int, kind: str, words: str
) -> None:
    found = verdicts.of_raw(outcome(due, steps, leaked))

    assert found.kind == kind
    assert found.words.startswith(words)


# -- the command ----------------------------------------------------------------------------------


def test_the_command_writes_what_it_shows(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("pairs.json", "pairs.md", "pairs.html")]
    to = ("--json", paths[0], "--markdown", paths[1], "--html", paths[2])

    done = command("pairs", "--peer", "fdpass", "--peer", "send-fds", *to, "--plain", "-n", 2)

    document = json.loads(paths[0].read_text())
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert document["finished"] is True
    assert len(document["cells"]) == 2 * (len(wires(document)) + len(RAW))
    assert "send-fds receives" in done.stdout
    assert f"{len(document['cells'])} pairs in " in done.stdout
    assert "◑ loses" in paths[1].read_text()
    assert "passes, loses 1 when full, says lost" in paths[2].read_text()


def test_a_peer_that_cannot_be_met_is_listed_and_nothing_is_proven(tmp_path: Path) -> None:
    kept = tmp_path / "pairs.json"

    done = command("pairs", "--peer", "false", "--json", kept, "--plain")

    assert done.returncode == 3
    assert "the peer died (exit status 1)" in json.loads(kept.read_text())["missing"]["false"]
    assert "not in the table: false" in done.stdout


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dying = peer(tmp_path, _DIES)
    measured((dying,), 1, 1.0)  # what is opened once and for all
    before = set(os.listdir("/dev/fd"))

    measured(("fdpass", "send-fds", dying), 3, 1.0)

    assert set(os.listdir("/dev/fd")) == before
    assert list(tmp_path.glob("fdcp-[!b]*")) == []


def test_a_file_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["pairs", "--json", str(tmp_path / "nowhere" / "pairs.json")])

    assert done.exit_code == 2
    assert "there is no directory" in done.output


def test_an_unknown_peer_is_wrong_usage() -> None:
    done = CliRunner().invoke(cli, ["pairs", "--peer", "no-such-peer"])

    assert done.exit_code == 2
    assert "there is no peer and no program 'no-such-peer'" in done.output
