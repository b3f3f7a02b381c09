"""Ruby beyond one descriptor with a NUL: sendmsg with several, and recv_io of what is no NUL."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from fdpass import MessageSocket
from fdpass.tests.descriptors import SOON, identities, identity
from fdpass.tests.interop.programs import (
    files,
    identity_of,
    joined,
    needs,
    owned,
    owned_pipe,
    whole,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs("ruby")

SENDS_TOGETHER = """
require "socket"
files = ARGV.map { |path| File.open(path, "r+") }
UNIXSocket.for_fd(0).sendmsg("all of them", 0, nil, Socket::AncillaryData.unix_rights(*files))
"""
RECEIVES_IO_AND_TEXT = """
require "socket"
channel = UNIXSocket.for_fd(0)
io = channel.recv_io
io.write("through it")
puts "#{io.stat.dev} #{io.stat.ino}", channel.readpartial(100)
"""


def test_several_come_with_the_text_of_their_message(short: Path) -> None:
    with ExitStack() as stack:
        given = files(short, 5)
        there = stack.enter_context(joined("ruby", "-e", SENDS_TOGETHER, *map(str, given)))
        channel = stack.enter_context(MessageSocket(there.channel))
        message = channel.recv(timeout=SOON)
        got = owned(stack, message.fds)

        assert message.data == b"all of them"
        assert identities(got) == [identity_of(path) for path in given]
        assert [whole(fd) for fd in got] == [os.fsencode(path.name) for path in given]
        assert there.said() == []


def test_recv_io_takes_one_byte_of_any_value(short: Path) -> None:
    with ExitStack() as stack:
        reading, writing = owned_pipe(stack)
        there = stack.enter_context(joined("ruby", "-e", RECEIVES_IO_AND_TEXT))
        channel = stack.enter_context(MessageSocket(there.channel))
        due = "{} {}".format(*identity(writing.fileno()))
        channel.send(b"hello", [writing.fileno()], timeout=SOON)
        writing.close()

        assert there.said() == [due, "ello"]
        assert reading.readall() == b"through it"
