from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from conformance.errors import CannotStart, Lacking, PassFailed, PeerFailed, RequestRefused
from conformance.harness.patience import Deadline, Patience
from conformance.harness.peer import Peer, start
from conformance.peers import PEERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Starter = Callable[..., Peer]

# A peer that answers every request with what the expression gives for it.
SCRIPTED = """
import json, os, signal, sys, time
for line in iter(sys.stdin.readline, ""):
    it = json.loads(line)
    answer = {expression}
    print(answer if isinstance(answer, str) else json.dumps(answer), flush=True)
"""
HELLO = """{"name": "n", "version": "1", "language": "l", "protocol": 1, "pid": os.getpid(),
    "backends": {}, "survivals": {}, "ops": ["recv"]}"""


@pytest.fixture
def started() -> Iterator[Starter]:
    peers: list[Peer] = []

    def starter(*command: str, given: Mapping[str, int] | None = None, scale: float = 1.0) -> Peer:
        peers.append(start("peer A", command or PEERS["fdpass"], Patience(scale), given))
        return peers[-1]

    yield starter
    for peer in peers:
        peer.close()


@pytest.fixture
def scripted(started: Starter) -> Callable[..., Peer]:
    def starter(expression: str, scale: float = 1.0) -> Peer:
        code = SCRIPTED.replace("{expression}", expression)
        return started(sys.executable, "-S", "-c", code, scale=scale)

    return starter


def test_a_peer_says_who_it_is(started: Starter) -> None:
    about = started().hello()

    assert about["name"] == "fdpass"
    assert {"send", "recv", "fork", "table"} <= set(about["ops"])


@pytest.mark.parametrize("words", ["610062", "6", "61" * 70_000])
def test_bytes_that_cannot_go_with_a_descriptor_are_refused(started: Starter, words: str) -> None:
    peer = started()
    peer.hello()
    left, right = peer.call("pair")["passers"]

    with pytest.raises(RequestRefused):
        peer.call("send", passer=left, fd=2, hex=words)

    peer.call("send", passer=left, fd=2, hex="61")
    assert peer.call("recv_with_data", passer=right, timeout=4)["hex"] == "61"


def test_a_peer_has_nothing_open_but_what_it_is_given(started: Starter) -> None:
    inherited, also = os.pipe()
    os.set_inheritable(inherited, True)
    try:
        peer = started(given={"one": also, "other": inherited})
        table = peer.call("table")["fds"]
        kinds = [peer.call("identity", fd=fd)["kind"] for fd in (3, 4)]
    finally:
        os.close(inherited)
        os.close(also)

    assert table == [0, 1, 2, 3, 4]
    assert kinds == ["pipe", "pipe"]


def test_given_descriptors_may_have_any_numbers(started: Starter) -> None:
    low, high = os.openpty()
    crossed = os.dup2(low, 90), os.dup2(high, 91)
    try:
        peer = started(given={"a": 91, "b": 90, "c": low, "d": high})
        found = [peer.call("identity", fd=fd)["ino"] for fd in (3, 4, 5, 6)]
        due = [os.fstat(fd).st_ino for fd in (91, 90, low, high)]
    finally:
        for fd in (low, high, *crossed):
            os.close(fd)

    assert found == due


def test_the_environment_names_the_given_descriptors(scripted: Callable[..., Peer]) -> None:
    peer = scripted('{"id": it["id"], "ok": {"fds": os.environ["FDCP_FDS"]}}')

    assert peer.call("x")["fds"] == ""


def test_a_peer_is_in_a_process_group_of_its_own(started: Starter) -> None:
    peer = started()
    peer.hello()

    assert os.getpgid(peer.pid) == peer.pid


def test_the_end_of_input_is_the_end_of_the_peer(started: Starter) -> None:
    peer = started()
    peer.hello()

    peer.leave()
    peer.expect_the_end()

    assert peer.process.ended(Deadline(0)) == "exit status 0"


def test_a_peer_that_does_not_end_is_found_out(started: Starter) -> None:
    peer = started(sys.executable, "-S", "-c", "import time; time.sleep(60)", scale=0.05)

    peer.leave()

    with pytest.raises(PeerFailed, match="it does not end"):
        peer.expect_the_end()


def test_another_exit_status_is_found_out(started: Starter) -> None:
    peer = started(sys.executable, "-S", "-c", "import sys; sys.stdin.read(); sys.exit(3)")

    peer.leave()

    with pytest.raises(PeerFailed, match="exit status 3, expected 0"):
        peer.expect_the_end()


def test_a_hung_peer_is_given_up(scripted: Callable[..., Peer]) -> None:
    peer = scripted("time.sleep(60)", scale=0.05)

    with pytest.raises(PeerFailed, match=r"peer A: recv: no answer within 0\.25 s"):
        peer.call("recv")
    assert any("recv" in line for line in peer.transcript)


def test_a_peer_that_takes_no_requests_is_given_up(started: Starter) -> None:
    peer = started(sys.executable, "-S", "-c", "import time; time.sleep(60)", scale=0.05)

    with pytest.raises(PeerFailed, match="it takes no more requests"):
        peer.ask("write", hex="00" * 200_000)


def test_a_made_up_process_id_is_not_signalled(scripted: Callable[..., Peer]) -> None:
    peer = scripted('{"id": it["id"], "ok": {}}')
    peer.pid = 0  # kill(2): every process of our own group

    with pytest.raises(PeerFailed, match="no process 0 in its process group"):
        peer.signal(signal.SIGCONT)


def test_a_wait_that_was_asked_for_is_not_cut_short(scripted: Callable[..., Peer]) -> None:
    peer = scripted('time.sleep(0.4) or {"id": it["id"], "ok": {}}', scale=0.05)

    assert peer.call("recv", timeout=30) == {}


def test_a_check_as_a_whole_has_its_time(scripted: Callable[..., Peer]) -> None:
    peer = scripted("time.sleep(60)", scale=0.01)

    with pytest.raises(PeerFailed, match="the check has had its time"):
        peer.call("recv", timeout=100)


@pytest.mark.parametrize(
    ("how", "seen"),
    [
        ("sys.exit(7)", "exit status 7"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "killed by SIGSEGV"),
    ],
)
def test_a_death_is_told(scripted: Callable[..., Peer], how: str, seen: str) -> None:
    peer = scripted(how)

    with pytest.raises(PeerFailed, match=rf"the peer died \({seen}\): recv"):
        peer.call("recv")


def test_standard_error_is_in_the_transcript(scripted: Callable[..., Peer]) -> None:
    peer = scripted("1 / 0")

    with pytest.raises(PeerFailed):
        peer.call("recv")
    peer.close()

    assert "ZeroDivisionError" in peer.full_transcript()[-1]


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ('"hello, world"', "not a JSON object"),
        ('"[1, 2]"', "not a JSON object"),
        ('{"id": "another", "ok": {}}', "nothing with the id 'another'"),
        ('{"id": it["id"], "ok": {}, "error": {"name": "os"}}', "expected one object"),
        ('{"id": it["id"]}', "expected one object"),
        ('{"id": it["id"], "ok": 5}', "expected one object"),
        ('{"id": it["id"], "error": {"class": "os"}}', "the error has no name"),
    ],
)
def test_what_is_no_answer_is_named(
    scripted: Callable[..., Peer], answer: str, complaint: str
) -> None:
    with pytest.raises(PeerFailed, match=f"the peer broke the protocol: .*{complaint}"):
        scripted(answer).call("recv")


def test_the_unknown_is_refused(started: Starter) -> None:
    started().refuses_the_unknown()


def test_a_peer_that_says_yes_to_everything_is_found_out(scripted: Callable[..., Peer]) -> None:
    with pytest.raises(PeerFailed, match="does not refuse the unknown operation"):
        scripted('{"id": it["id"], "ok": {}}').refuses_the_unknown()


def test_what_is_listed_must_be_there(scripted: Callable[..., Peer]) -> None:
    unsupported = '"unsupported": {"reason": "tired"}'
    peer = scripted(
        f'{{"id": it["id"], **({{"ok": {HELLO}}} if it["op"] == "hello" else {{{unsupported}}})}}'
    )
    peer.hello()

    with pytest.raises(PeerFailed, match="lists recv, and answers unsupported"):
        peer.call("recv")
    with pytest.raises(Lacking, match="peer A has no send: tired"):
        scripted(f'{{"id": it["id"], {unsupported}}}').call("send")


def test_a_short_hello_is_named(scripted: Callable[..., Peer]) -> None:
    with pytest.raises(PeerFailed, match="hello lacks"):
        scripted('{"id": it["id"], "ok": {"name": "n"}}').hello()


def test_a_condition_comes_by_its_name(started: Starter) -> None:
    peer = started()

    with pytest.raises(PassFailed, match=r"peer A: close: os \(EBADF ") as failure:
        peer.call("close", fd=77)
    assert failure.value.condition == "os"
    assert failure.value.errno == "EBADF"


def test_nonsense_is_the_fault_of_who_asked(started: Starter) -> None:
    peer = started()

    with pytest.raises(RequestRefused, match="the request lacks 'fd'"):
        peer.call("close")
    with pytest.raises(RequestRefused, match="there is no 'p9' here"):
        peer.call("recv_nowait", passer="p9")


def test_a_request_can_be_in_flight(started: Starter) -> None:
    peer = started()
    left, right = peer.call("socketpair")["fds"]

    reading = peer.ask("read", fd=left, count=2, timeout=4)

    assert not reading.has_answer
    assert right > left


def test_a_killed_peer_is_gone(started: Starter) -> None:
    peer = started()
    peer.hello()

    peer.kill()

    assert peer.is_dead
    assert peer.process.ended(Deadline(5)) == f"killed by {signal.SIGKILL.name}"


def test_answers_wait_for_who_asked(started: Starter) -> None:
    peer = started()
    peer.hello()

    asked = [peer.ask("identity", fd=fd) for fd in (0, 1, 2)]
    kinds = [one.answer()["kind"] for one in reversed(asked)]

    assert kinds == ["file", "pipe", "pipe"]


def test_a_program_that_is_not_there_cannot_be_started(started: Starter) -> None:
    with pytest.raises(CannotStart, match="there is no program '/no/such'"):
        started("/no/such")


def test_starting_leaves_nothing_open(started: Starter) -> None:
    before = os.listdir("/dev/fd")
    with pytest.raises(CannotStart):
        started("/dev")
    started().close()

    assert os.listdir("/dev/fd") == before
