"""Ruby's recv_io minds no byte: it takes one, whichever, and leaves the others."""

from __future__ import annotations

from contextlib import ExitStack

from fdpass import MessageSocket
from fdpass.tests.descriptors import SOON, identity
from fdpass.tests.interop.programs import (
    joined,
    needs,
    owned_pipe,
)

pytestmark = needs("ruby")

RECEIVES_IO_AND_TEXT = """
require "socket"
channel = UNIXSocket.for_fd(0)
io = channel.recv_io
io.write("through it")
puts "#{io.stat.dev} #{io.stat.ino}", channel.readpartial(100)
"""


def test_recv_io_takes_one_byte_of_any_value() -> None:
    with ExitStack() as stack:
        reading, writing = owned_pipe(stack)
        there = stack.enter_context(joined("ruby", "-e", RECEIVES_IO_AND_TEXT))
        channel = stack.enter_context(MessageSocket(there.channel))
        due = "{} {}".format(*identity(writing.fileno()))
        channel.send(b"hello", [writing.fileno()], timeout=SOON)
        writing.close()

        assert there.said() == [due, "ello"]
        assert reading.readall() == b"through it"
