"""A pool of worker processes, started beforehand, that get connections from an acceptor.

    python -m fdpass.examples.pool 127.0.0.1:8080 4

    clients ──► acceptor ──connection──► worker    each worker has a channel and a loop of its own
                         ──connection──► worker

A worker whose channel is full is not offered any until it has caught up; the others are. One that
has died is replaced, and who could not be sent to it goes to the replacement; those it had been
sent go with it. On SIGTERM the channels are closed, and the workers finish what they are at.
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

WORKER = [sys.executable, "-m", "fdpass.examples.pool"]


class Acceptor:
    """Accepts, and hands on what it has accepted."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._turn = asyncio.Lock()
        self._stopping = asyncio.Event()

    async def run(self, workers: int) -> None:
        """Keep that many workers busy until SIGTERM."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._stopping.set)
        await asyncio.gather(*(self._keep_a_worker() for _ in range(workers)))

    async def _keep_a_worker(self) -> None:
        connection = None
        stopped = False
        while not stopped:
            child, ours = fdpass.spawn(WORKER)
            try:
                async with aio.Passer(ours) as worker:
                    while connection := connection or await self._accept():
                        await worker.send(connection, close=True)
                        connection = None  # had it raised, it would still be ours to send
                    stopped = True
            except ConnectionError:
                print(f"worker {child.pid} has died", file=sys.stderr)
            await asyncio.to_thread(child.wait)

    async def _accept(self) -> socket.socket | None:
        """Accept one connection when it is this worker's turn; None: it is time to stop."""
        async with self._turn:
            while True:
                with suppress(BlockingIOError):
                    return self._listener.accept()[0]
                if self._stopping.is_set():
                    return None
                waiting = [
                    asyncio.ensure_future(aio.wait_readable(self._listener)),
                    asyncio.ensure_future(self._stopping.wait()),
                ]
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in waiting:
                    task.cancel()
                await asyncio.wait(waiting)


async def work() -> None:
    """Serve what comes, until the acceptor has closed the channel."""
    serving: set[asyncio.Task[None]] = set()
    async with aio.Passer(fdpass.inherited()) as passer:
        async for fd in passer:
            task = asyncio.create_task(answer(fdpass.as_socket(fd)))
            serving.add(task)
            task.add_done_callback(serving.discard)
    if serving:
        await asyncio.wait(serving)


async def answer(connection: socket.socket) -> None:
    """Tell the client, after its line, which process serves it."""
    reader, writer = await asyncio.open_connection(sock=connection)
    with suppress(ConnectionError):
        await reader.readline()
        writer.write(f"{os.getpid()}\n".encode())
        writer.close()
        await writer.wait_closed()


async def accept(address: str, workers: int) -> None:
    """Listen, and keep the pool."""
    host, _, port = address.rpartition(":")
    with socket.create_server((host, int(port)), backlog=1024) as listener:
        listener.setblocking(False)
        print("listening on {}:{}".format(*listener.getsockname()), flush=True)
        await Acceptor(listener).run(workers)


if __name__ == "__main__":
    asyncio.run(accept(sys.argv[1], int(sys.argv[2])) if sys.argv[1:] else work())
