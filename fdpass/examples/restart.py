"""Restart without downtime: the next process takes the listeners over, and nobody is refused.

    python -m fdpass.examples.restart /run/restart 127.0.0.1:8080    # the first
    python -m fdpass.examples.restart /run/restart                   # again, at any time

    next ── connects ──────────────────────► old
    next ◄─ listeners, with their addresses─ old    both accept from the same queue now
    next ── "ready", and its log ──────────► old    old accepts no more, and frees the path
    next ◄─ the channel ends ─────────────── old    old finishes what it is at, and ends;
                                                    next waits at the path for the one after it

A listener is one open file description, whoever has a descriptor of it: who has connected and was
not accepted yet waits in its queue, and whichever process is there accepts. If the next one dies
before it is ready, the old one just goes on.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress

import fdpass
from fdpass import aio

READY_WITHIN = 30.0  # seconds

serving: set[asyncio.Task[None]] = set()


async def main(path: str, addresses: list[str]) -> None:
    """Serve until the next process has taken over, or until SIGTERM."""
    old = None
    with suppress(FileNotFoundError, ConnectionRefusedError):
        old = await aio.connect(path)
    listeners = await take_over(old) if old else {one: bound(one) for one in addresses}
    accepting = [asyncio.create_task(accept_from(one)) for one in listeners.values()]
    if old:
        with suppress(ConnectionError):  # it died, having given us all there is
            async with old:
                await old.send(sys.stderr, data=b"ready")
                async for fd in old:  # none comes; the end of it says that the path is free
                    os.close(fd)
    for listener in listeners.values():
        print("listening on {}:{}".format(*listener.getsockname()), flush=True)

    leaving = asyncio.create_task(hand_over(path, listeners))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leaving.cancel)
    log = None
    with suppress(asyncio.CancelledError):
        log = await leaving
    for task in accepting:
        task.cancel()
    await asyncio.wait(accepting)  # what a loop still looks at must not be closed
    for listener in listeners.values():
        listener.close()
    if serving:
        await asyncio.wait(serving)
    if log is not None:
        os.write(log, f"{os.getpid()} has ended\n".encode())
        os.close(log)


def bound(address: str) -> socket.socket:
    """Begin to listen."""
    host, _, port = address.rpartition(":")
    listener = socket.create_server((host, int(port)), backlog=1024)
    listener.setblocking(False)
    return listener


async def take_over(old: aio.Passer) -> dict[str, socket.socket]:
    """Receive the listeners; with each comes how many are left, and its address."""
    listeners = {}
    left = 1
    while left:
        fd, text = await old.recv_with_data()
        number, address = text.decode().split()
        listeners[address] = fdpass.as_socket(fd)
        left = int(number)
    return listeners


async def hand_over(path: str, listeners: dict[str, socket.socket]) -> int:
    """Wait for the next process and give it the listeners; give its log, for last words."""
    async with aio.listen(path) as control:
        while True:
            try:
                async with await control.accept() as successor:
                    for left, (address, listener) in enumerate(reversed(listeners.items())):
                        text = f"{len(listeners) - 1 - left} {address}"
                        await successor.send(listener, data=text.encode())
                    ready = successor.recv_with_data()
                    log, word = await asyncio.wait_for(ready, READY_WITHIN)
                    if word == b"ready":
                        control.close()  # before the channel
                        return log
                    os.close(log)
            except (fdpass.FdPassError, ConnectionError, asyncio.TimeoutError) as error:
                print(f"the next process has not taken over: {error}", file=sys.stderr)


async def accept_from(listener: socket.socket) -> None:
    """Accept for as long as this process is the one to do it."""
    while True:
        await aio.wait_readable(listener)  # cancelled here, it has accepted nobody
        with suppress(BlockingIOError):  # another process was quicker
            connection, _ = listener.accept()
            task = asyncio.create_task(answer(connection))
            serving.add(task)
            task.add_done_callback(serving.discard)


async def answer(connection: socket.socket) -> None:
    """Tell the client, after its line, which process serves it."""
    reader, writer = await asyncio.open_connection(sock=connection)
    with suppress(ConnectionError):
        await reader.readline()
        writer.write(f"{os.getpid()}\n".encode())
        writer.close()
        await writer.wait_closed()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
