"""weston takes shared memory and pipes: with a request, or with bytes that came before it."""

from __future__ import annotations

import mmap
import os
import struct
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fdpass import MessageSocket
from fdpass.tests.descriptors import identities, identity
from fdpass.tests.interop.programs import connected, heard_until, needs, owned, running
from fdpass.tests.interop.tier2.programs import memory
from fdpass.tests.interop.tier2.wayland import Client, request

if TYPE_CHECKING:
    from collections.abc import Iterator

CREATE_POOL, CREATE_BUFFER = 0, 0  # of wl_shm, of its pools
SUBSCRIBE = 1  # of weston_debug_v1
TAKE_SHOT = 0  # of weston_screenshooter
GEOMETRY, MODE = 0, 1  # of wl_output
XRGB8888, BYTES = 1, 4  # a pixel

pytestmark = needs("weston")


@contextmanager
def weston(folder: Path) -> Iterator[tuple[Client, int]]:
    """Run one that shows nothing and tells everything; give a client and the number of it."""
    shows_nothing = ("--backend=headless-backend.so", "--use-pixman", "--shell=kiosk-shell.so")
    options = (*shows_nothing, "--debug", "--no-config", "--idle-time=0", "--socket=wayland")
    with (
        running("weston", *options, env={"XDG_RUNTIME_DIR": str(folder)}) as program,
        MessageSocket(connected(folder / "wayland")) as channel,
    ):
        yield Client(channel), program.pid


def mapped_by(pid: int) -> dict[tuple[int, int], int]:
    """Give the files that a program has in its memory, and how many bytes of each."""
    found: Counter[tuple[int, int]] = Counter()
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        addresses, _, _, device, number = line.split()[:5]
        start, end = (int(part, 16) for part in addresses.split("-"))
        major, minor = (int(part, 16) for part in device.split(":"))
        found[os.makedev(major, minor), int(number)] += end - start
    return found


def test_it_maps_what_came_with_one_message(short: Path) -> None:
    with ExitStack() as stack, weston(short) as (client, pid):
        sizes = [mmap.PAGESIZE * pages for pages in range(1, 26)]
        files = [memory(stack, bytes(size)) for size in sizes]
        shm = client.bind("wl_shm")
        pools = [request(shm, CREATE_POOL, client.new(), size) for size in sizes]
        client.say(b"".join(pools), files)
        client.all_done()
        mapped = mapped_by(pid)

        assert [mapped[one] for one in identities(files)] == sizes


def test_it_writes_to_a_pipe(short: Path) -> None:
    with ExitStack() as stack, weston(short) as (client, _):
        debug = client.bind("weston_debug_v1")
        reading, writing = os.pipe()
        owned(stack, [reading])
        subscription = request(debug, SUBSCRIBE, "scene-graph", client.new())
        with open(writing, "wb"):
            client.say(subscription, [writing])

        assert b"Output 0 (headless)" in heard_until(reading, b"Output 0 (headless)")


def test_it_draws_into_memory_that_came_before_its_request(short: Path) -> None:
    with ExitStack() as stack, weston(short) as (client, pid):
        if "weston_screenshooter" not in client.globals:
            pytest.skip("this weston has no weston_screenshooter")
        output, shooter, shm = map(client.bind, ("wl_output", "weston_screenshooter", "wl_shm"))
        width, height = size_of(output, client)
        size = width * height * BYTES
        canvas = memory(stack, b"\xaa" * size)
        pool, buffer = client.new(), client.new()
        create = request(shm, CREATE_POOL, pool, size)
        place = (0, width, height, width * BYTES, XRGB8888)

        client.say(create[:3], [canvas])
        client.say(create[3:])
        client.say(request(pool, CREATE_BUFFER, buffer, *place))
        client.say(request(shooter, TAKE_SHOT, output, buffer))
        client.until(shooter)

        assert identity(canvas) in mapped_by(pid)
        assert b"\xaa" not in os.pread(canvas, size, 0)


def size_of(output: int, client: Client) -> tuple[int, int]:
    """Give the width and the height of an output."""
    for event in client.all_done():
        if (event.source, event.kind) == (output, MODE):
            _, width, height, _ = struct.unpack("=Iiii", event.body)
            return width, height
    raise AssertionError("the output has no size")
