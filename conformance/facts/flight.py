"""Descriptors in flight: sent, and not received yet. Who keeps them open, and for how long."""

# ruff: noqa: D401 -- a docstring says here what a fact means

from __future__ import annotations

import os
import socket

from .fact import fact
from .sockets import AT_ONCE, Nothing, Token, connected, listening, pair, receive, send

_DUP = "unix(7), SCM_RIGHTS: as if by dup(2)"
_BSD = "FreeBSD tests/sys/kern/unix_passfd_test.c"
_PATIENCE = 1.0  # seconds; a collector of cycles may be a task of its own


@fact("flight.held", _DUP)
def held() -> bool:
    """Whether a descriptor in flight is kept open though its sender has closed it."""
    _first, _second, token = _waiting()
    return not token.released(AT_ONCE)


@fact("flight.sender-closed", f"{_BSD}, send_and_close")
def sender_closed() -> bool:
    """Whether it arrives, and works, when its sender has closed it and the socket."""
    first, second, token = _waiting()
    first.close()
    (received,) = receive(second).fds
    os.write(received, b"y")
    return os.read(token.reading, 1) == b"y"


@fact("flight.sender-exited", "AnyEvent::FDpasser, t/child_dies.t")
def sender_exited() -> bool:
    """Whether it arrives, and works, when the process that sent it has ended."""
    first, second = pair()
    token = Token()
    child = os.fork()
    if child == 0:
        send(first, b"x", [token.writing])
        os._exit(0)
    os.waitpid(child, 0)
    token.close()
    first.close()
    (received,) = receive(second).fds
    os.write(received, b"y")
    return os.read(token.reading, 1) == b"y"


@fact("flight.receiver-closed")
def receiver_closed() -> bool:
    """Whether closing the receiving socket alone lets go of what waits in it."""
    _kept, second, token = _waiting()
    second.close()
    return token.released(_PATIENCE)


@fact("flight.both-closed", f"{_BSD}, send_and_cancel")
def both_closed() -> bool:
    """Whether closing both ends lets go of what waits between them."""
    first, second, token = _waiting()
    first.close()
    second.close()
    return token.released(_PATIENCE)


def _waiting() -> tuple[socket.socket, socket.socket, Token]:
    """Leave a descriptor in flight, which is open nowhere else."""
    first, second = pair()
    token = Token()
    send(first, b"x", [token.writing])
    token.close()
    return first, second, token


@fact("flight.shutdown", f"{_BSD}, send_and_shutdown")
def shutdown() -> str:
    """What becomes of what waits when its receiver shuts down reading."""
    _kept, second, token = _waiting()
    second.shutdown(socket.SHUT_RD)
    if token.released(AT_ONCE):
        return "released"
    try:
        return "delivered" if receive(second).fds else "held"
    except (Nothing, OSError):
        return "held"


@fact("flight.unaccepted")
def unaccepted() -> bool:
    """Whether closing a listener lets go of what was sent to a connection nobody accepted."""
    client, listener, token = _sent_before_accept()
    token.close()
    listener.close()
    client.close()
    return token.released(_PATIENCE)


@fact("flight.before-accept")
def before_accept() -> bool:
    """Whether what was sent before accept() arrives after it."""
    client, listener, token = _sent_before_accept()
    token.close()
    client.close()
    server, _ = listener.accept()
    server.setblocking(False)
    return len(receive(server).fds) == 1


def _sent_before_accept() -> tuple[socket.socket, socket.socket, Token]:
    listener, client, token = listening(), connected(), Token()
    send(client, b"x", [token.writing])
    return client, listener, token


def _churn() -> None:
    for end in pair():
        end.close()


@fact("flight.own-end")
def own_end() -> bool:
    """Whether an end arrives that was sent through itself and closed, and still works."""
    first, second = pair()
    send(first, b"x", [first.fileno()])
    first.close()
    (received,) = receive(second).fds
    os.write(received, b"y")
    return receive(second).data == b"y"


@fact("flight.cycle-collected", f"{_BSD}, bundle_cancel")
def cycle_collected() -> bool:
    """Whether a socket that waits in its own queue, closed by all, is ever let go of."""
    first, second = pair()
    token = Token()
    send(first, b"x", [second.fileno(), token.writing])
    token.close()
    first.close()
    second.close()
    return token.released(_PATIENCE, _churn)


@fact("flight.crossed-cycle-collected", f"{_BSD}, bundle_cancel")
def crossed_cycle_collected() -> bool:
    """Whether two ends that wait in each other's queues, closed by all, are let go of."""
    first, second = pair()
    token = Token()
    send(first, b"x", [first.fileno(), token.writing])
    send(second, b"x", [second.fileno(), token.writing])
    token.close()
    first.close()
    second.close()
    return token.released(_PATIENCE, _churn)
