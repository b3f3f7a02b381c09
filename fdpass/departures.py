"""How a message of bytes and descriptors goes out over a Unix socket of any type: whole.

On a stream the descriptors go with the first byte, and a rest without them. A rest that could not
be sent leaves the stream torn: whatever came next would be taken for it.
"""

from __future__ import annotations

import errno
import socket
import threading
from array import array

from .backends.scm_rights import SCM_RIGHTS, SENDING, SOL_SOCKET, TOO_MANY, TRY_LATER, messages
from .errors import PasserClosed
from .patience import Patience
from .table import let_go, number_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .backends.unix_sockets import SocketEndpoint
    from .table import HasFileno

    Rights = list[tuple[int, int, array[int]]]

_LOOK_AGAIN = 0.1  # seconds


class Departures:
    """Sends messages, one after the other however many threads have some; borrows the socket."""

    def __init__(self, end: SocketEndpoint, sock: socket.socket) -> None:
        self._end = end
        self._sendmsg = messages(sock)[0]
        self._is_stream = sock.type == socket.SOCK_STREAM
        self._torn = ""
        self.renew_locks()

    def renew_locks(self) -> None:
        """Make new locks: after a fork the old ones may be held by threads that the child lacks."""
        self._turn = threading.Lock()
        self.lock = threading.Lock()  # held in a system call, under which nobody is to close

    def send(
        self,
        data: bytes,
        files: Sequence[int | HasFileno],
        *,
        close: bool,
        to: Iterable[str | bytes],
        timeout: float | None,
    ) -> None:
        """Send one message; *files* are closed as soon as they have gone, if so asked."""
        numbers = array("i", map(number_of, files))
        if numbers and not data and self._is_stream:
            raise ValueError(
                f"expected at least 1 byte to go with {len(numbers)} descriptors, received none"
            )
        rights = [(SOL_SOCKET, SCM_RIGHTS, numbers)] if numbers else []
        patience = Patience(timeout)
        left = patience.left()
        if not self._turn.acquire(timeout=-1 if left is None else max(0.0, left)):
            raise TimeoutError("nothing has gone: another thread is still sending")
        try:
            self._send_whole(
                memoryview(data).cast("B"), rights, files if close else (), to, patience
            )
        finally:
            self._turn.release()

    def _send_whole(
        self,
        data: memoryview,
        rights: Rights,
        files: Sequence[int | HasFileno],
        to: Iterable[str | bytes],
        patience: Patience,
    ) -> None:
        if self._torn:
            raise BrokenPipeError(errno.EPIPE, f"nothing can be sent any more: {self._torn}")
        gone = self._send_some(data, rights, to, patience)
        try:
            for file in files:
                let_go(file)
            while gone < len(data):
                gone += self._send_some(data[gone:], [], to, patience)
        except TimeoutError as error:
            raise TimeoutError(
                f"{gone} of {len(data)} bytes have gone; nothing can be sent any more"
            ) from error
        finally:
            if gone < len(data):
                self._torn = f"a message was cut off after {gone} of {len(data)} bytes"

    def _send_some(
        self, data: memoryview, rights: Rights, to: Iterable[str | bytes], patience: Patience
    ) -> int:
        while True:
            try:
                with self.lock:
                    if self._end.fileno() < 0:
                        raise PasserClosed("this socket has been closed")
                    return self._sendmsg((data,), rights, SENDING, *to)
            except OSError as error:
                if error.errno not in TRY_LATER:
                    raise _explained(error, rights) from None
                if patience.over():
                    raise TimeoutError(f"nothing has gone: {error.strerror}") from error
                must_recover = not isinstance(error, BlockingIOError)
            if not must_recover:
                # Not for long: Linux calls a channel writable no sooner than three quarters are
                # read; and a sender of datagrams always, whether or not their receiver has room.
                self._end.wait(read=False, write=True, timeout=patience.left(_LOOK_AGAIN))
            if must_recover or not self._is_stream:
                patience.pause()


def _explained(error: OSError, rights: Rights) -> OSError:
    """Add how many descriptors there were to an error that may mean: too many of them."""
    count = len(rights[0][2]) if rights else 0
    if error.errno not in TOO_MANY or count < 2:
        return error
    return OSError(
        error.errno,
        f"{error.strerror}; {count} descriptors came for one message, which carries as many as the "
        "system allows (253 on Linux)",
    )
