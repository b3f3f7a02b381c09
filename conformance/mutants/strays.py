"""Passers that deliver, with or in place of what was sent, something else."""

from __future__ import annotations

import os
import stat
import time

from conformance.peers.reference import ReferencePeer

from .spoilers import Spoiler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    import fdpass
    from conformance.peers.session import Request


class ForgetsAtAnError(ReferencePeer):
    """Closes what has arrived when a send fails: so does AnyEvent::FDpasser's error()."""

    def op_send(self, request: Request) -> object:
        """Send, or give everything up."""
        return self._or_forget(request, super().op_send)

    def op_flush(self, request: Request) -> object:
        """Flush, or give everything up."""
        return self._or_forget(request, super().op_flush)

    def _or_forget(self, request: Request, operation: object) -> object:
        try:
            return operation(request)  # type: ignore[operator]
        except OSError:
            for fd in self.passer(request).recv_many():
                os.close(fd)
            raise


def _replace(fd: int, other: int) -> None:
    os.dup2(other, fd, inheritable=False)
    os.close(other)


class GivesTheRoot(Spoiler):
    """Delivers the root directory where another one was sent."""

    def spoil(self, fd: int, passer: fdpass.Passer) -> None:  # noqa: ARG002
        """Replace it."""
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            _replace(fd, os.open("/", os.O_RDONLY))


class KnowsOneDevice(Spoiler):
    """Delivers /dev/null where another device was sent."""

    def spoil(self, fd: int, passer: fdpass.Passer) -> None:  # noqa: ARG002
        """Replace it."""
        if stat.S_ISCHR(os.fstat(fd).st_mode):
            _replace(fd, os.open(os.devnull, os.O_RDWR))


class ShiftsTheBytes(ReferencePeer):
    """Gives a descriptor the bytes of the next one."""

    def __init__(self) -> None:
        super().__init__()
        self._late: list[object] = []

    def op_recv_with_data(self, request: Request) -> object:
        """Receive two, and exchange their bytes."""
        if self._late:
            return self._late.pop()
        one, other = super().op_recv_with_data(request), super().op_recv_with_data(request)
        assert isinstance(one, dict)
        assert isinstance(other, dict)
        one["hex"], other["hex"] = other["hex"], one["hex"]
        self._late.append(other)
        return one


class ManyBackwards(ReferencePeer):
    """Gives the newest first of all that is there."""

    def op_recv_many(self, request: Request) -> object:
        """Receive several, the other way round."""
        fds = [self.passer(request).recv(request["timeout"])]
        deadline = time.monotonic() + request["timeout"]
        while len(fds) < 2 and time.monotonic() < deadline:
            fds += self.passer(request).recv_many(request["timeout"])
        return {"fds": fds[::-1]}


class SendsItWithTheRest(ReferencePeer):
    """Sends the descriptor again with the rest of a message that went in part: libuv 2086."""

    def op_adopt(self, request: Request) -> object:
        """Adopt a descriptor, to send that way over it."""
        adopted = super().op_adopt(request)
        assert isinstance(adopted, dict)
        outbox = self._named(adopted["passer"])._outbox
        sound, last = outbox._send, list[int]()

        def send(data: bytes, fds: Sequence[int]) -> object:
            last[:] = map(os.dup, fds) if fds else last
            return sound(data, fds or last)

        outbox._send = send
        return adopted


class ReadsAheadAtAFork(ReferencePeer):
    """Receives in the parent what waits at a fork, so that the child never gets it."""

    def op_fork(self, request: Request) -> object:
        """Fork; only the parent comes back from there."""
        answer = super().op_fork(request)
        for passer in filter(None, self._objects.values()):
            passer._inbox.fill_all()
        return answer


class SparesTheChannel(ReferencePeer):
    """Refuses to send a channel over itself, as I_SENDFD may."""

    def op_send(self, request: Request) -> object:
        """Send it, if it is something else."""
        passer = self.passer(request)
        if os.path.sameopenfile(passer.fileno(), request["fd"]):
            raise OSError(22, "the descriptor is of the channel itself")
        return super().op_send(request)


class TextMode(ReferencePeer):
    """Takes the bytes beside a descriptor for text, with one way to end a line."""

    def op_recv_with_data(self, request: Request) -> object:
        """Receive, and put the ends of lines right."""
        fd, data = self.passer(request).recv_with_data(request["timeout"])
        return {"fd": fd, "hex": data.replace(b"\r\n", b"\n").hex()}
