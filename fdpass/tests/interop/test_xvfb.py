"""An X server shares memory by descriptor: ours with it, and its own with us."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from fdpass.tests.interop import x11_shm as x11
from fdpass.tests.interop.programs import needs, owned, receive_in_a_full_table, whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = needs("Xvfb")

# Four bytes a pixel, of which the last is not shown.
PICTURE = b"".join(bytes((x, y, x ^ y, 0)) for y in range(x11.SIDE) for x in range(x11.SIDE))


def test_what_is_in_our_memory_is_shown_and_comes_back_in_the_servers(tmp_path: Path) -> None:
    with ExitStack() as stack:
        screen = stack.enter_context(x11.screen())
        (tmp_path / "picture").write_bytes(PICTURE)
        (ours,) = owned(stack, [os.open(tmp_path / "picture", os.O_RDWR)])
        screen.show(screen.attach(ours))
        number = screen.ask_for_segment()
        (theirs,) = owned(stack, [screen.segment()])
        screen.copy(number)

        assert whole(theirs) == PICTURE
        assert screen.has_mapped(os.fstat(ours).st_ino)
        assert screen.has_mapped(os.fstat(theirs).st_ino)


def test_what_we_draw_in_the_servers_memory_comes_back_in_ours(tmp_path: Path) -> None:
    with ExitStack() as stack:
        screen = stack.enter_context(x11.screen())
        (tmp_path / "picture").write_bytes(bytes(x11.SIZE))
        (ours,) = owned(stack, [os.open(tmp_path / "picture", os.O_RDWR)])
        theirs = screen.ask_for_segment()
        (fd,) = owned(stack, [screen.segment()])
        os.pwrite(fd, PICTURE, 0)
        screen.show(theirs)
        screen.copy(screen.attach(ours))

        assert whole(ours) == PICTURE


def _keeps_what_the_server_passes() -> None:
    with ExitStack() as stack:
        screen = stack.enter_context(x11.screen())
        segments = [screen.ask_for_segment() for _ in range(3)]
        replies = bytearray()

        def receive() -> list[int]:
            message = screen.channel.recv(timeout=0)
            replies.extend(message.data)
            return message.fds

        got, times_full = receive_in_a_full_table(screen.channel, receive, 3)
        owned(stack, got)
        assert times_full
        assert [bytes(replies[at : at + 2]) for at in (0, 32, 64)] == [b"\1\1"] * 3
        # Through each goes what is drawn in the one before.
        os.pwrite(got[0], bytes(range(1, 101)), 0)
        for before, after, fd in zip(segments, segments[1:], got[1:], strict=False):
            screen.show(before)
            screen.copy(after)
            assert os.pread(fd, 100, 0)[:3] == bytes((1, 2, 3))
        assert all(screen.has_mapped(os.fstat(fd).st_ino) for fd in got)


def test_a_full_table_keeps_what_the_server_passes(apart: Callable[..., str]) -> None:
    apart(_keeps_what_the_server_passes)
