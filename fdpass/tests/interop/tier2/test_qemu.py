"""QEMU's monitor takes a descriptor with a command: by a name, or into a set of files."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from fdpass import MessageSocket
from fdpass.tests.descriptors import SOON, identities, identity
from fdpass.tests.interop.programs import accepted, heard_until, listening, needs, owned, running
from fdpass.tests.interop.tier2.programs import held_by, memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QEMU = "qemu-system-x86_64"

pytestmark = needs(QEMU)


class Monitor:
    """The QMP of a machine without anything, over a stream."""

    def __init__(self, channel: MessageSocket, pid: int) -> None:
        self.channel = channel
        self.pid = pid
        self._events: list[dict[str, Any]] = []

    def say(self, command: str, *fds: int, **arguments: Any) -> Any:
        """Give a command and wait for its answer; borrows the descriptors that go with it."""
        named = {name.replace("_", "-"): value for name, value in arguments.items()}
        line = json.dumps({"execute": command, "arguments": named}).encode() + b"\n"
        self.channel.send(line, fds, timeout=SOON)
        answer = self._said()
        while "event" in answer:
            self._events.append(answer)
            answer = self._said()

        assert "return" in answer, answer

        return answer["return"]

    def event(self, name: str) -> Any:
        """Wait for an event, or take it from those that came before an answer; give its data."""
        while True:
            event = self._events.pop(0) if self._events else self._said()
            if event["event"] == name:
                return event["data"]

    def _said(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.channel.recv_until(b"\n", timeout=SOON))
        return said


@contextmanager
def machine(folder: Path) -> Iterator[Monitor]:
    """Run one whose monitor is connected to us; it computes nothing."""
    chardev = f"socket,id=monitor,path={folder}/monitor"
    nothing = ("-nodefaults", "-machine", "none", "-display", "none")
    with (
        listening(folder / "monitor") as listener,
        running(QEMU, *nothing, "-chardev", chardev, "-mon", "monitor,mode=control") as program,
        MessageSocket(accepted(listener)) as channel,
    ):
        greeting = json.loads(channel.recv_until(b"\n", timeout=SOON))

        assert greeting.keys() == {"QMP"}

        monitor = Monitor(channel, program.pid)
        monitor.say("qmp_capabilities")
        yield monitor


def test_it_writes_to_a_pipe_that_got_a_name(short: Path) -> None:
    with ExitStack() as stack, machine(short) as monitor:
        reading, writing = os.pipe()
        owned(stack, [reading])
        with open(writing, "wb"):
            monitor.say("getfd", writing, fdname="state of the machine")

            assert identity(writing) in held_by(monitor.pid).values()

        monitor.say("migrate", uri="fd:state of the machine")

        assert heard_until(reading, b"none").startswith(b"QEVM")


def test_each_of_its_sets_holds_what_came_with_the_command(short: Path) -> None:
    with ExitStack() as stack, machine(short) as monitor:
        files = [memory(stack) for _ in range(17)]
        added = [monitor.say("add-fd", fd, fdset_id=1)["fd"] for fd in files]
        held = held_by(monitor.pid)

        assert [held[number] for number in added] == identities(files)

        (listed,) = monitor.say("query-fdsets")

        assert {one["fd"] for one in listed["fds"]} == set(added)


def test_it_takes_one_of_several_and_closes_the_others(short: Path) -> None:
    with ExitStack() as stack, machine(short) as monitor:
        files = [memory(stack) for _ in range(16)]
        monitor.say("add-fd", *files, fdset_id=1)
        held = set(held_by(monitor.pid).values())

        assert [one in held for one in identities(files)] == [True] + 15 * [False]


def test_it_copies_from_one_of_our_files_to_the_other(short: Path) -> None:
    content = os.urandom(1 << 20)
    with ExitStack() as stack, machine(short) as monitor:
        source, target = memory(stack, content), memory(stack, bytes(len(content)))
        for number, (name, fd) in enumerate({"source": source, "target": target}.items(), 1):
            monitor.say("add-fd", fd, fdset_id=number)
            of_set = {"driver": "file", "filename": f"/dev/fdset/{number}"}
            monitor.say("blockdev-add", node_name=name, **of_set)
        monitor.say("blockdev-backup", job_id="copy", device="source", target="target", sync="full")
        completed = monitor.event("BLOCK_JOB_COMPLETED")

        assert "error" not in completed
        assert os.pread(target, len(content) + 1, 0) == content
