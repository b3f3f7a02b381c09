"""Handles of Windows: what is particular to DuplicateHandle, over a TCP port behind a path.

The harness speaks the wire itself here: twelve bytes a descriptor, a process and a handle in it. It
can hand on a record that one peer wrote to another, in pieces or behind others.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

from conformance.requirement import must, should

if TYPE_CHECKING:
    from conformance.harness.bench import Bench
    from conformance.harness.player import Player

_WIRE = "IO::FDPass 1.3, FDPass.xs: a DWORD, the process id, and a HANDLE"
_DUPLICATE = "Microsoft, DuplicateHandle: the handle of a process that must be there"
_PATHS = ("listen", "accept")

_RECORD = struct.Struct("<IQ")
_NO_PROCESS = 0x7FFFFFFC
_ITSELF = 0xFFFFFFFFFFFFFFFF  # GetCurrentProcess(): a pseudo-handle


def _raw(bench: Bench, player: Player) -> tuple[Player, socket.socket]:
    """Join a peer to a socket of the harness, by the file at a path; the bench closes it."""
    path = bench.path("endpoint")
    within = bench.patience.seconds()
    listener = player.with_passer(player.peer.call("listen", path=path)["listener"])
    accepting = player.peer.ask("accept", listener=listener.passer, timeout=within)
    with open(path, "rb") as file:
        _, port, word, answer = file.read().split(b"\n")[:4]
    end = bench.keep(socket.create_connection(("127.0.0.1", int(port)), within))
    end.sendall(bytes.fromhex(word.decode()))
    passer = player.with_passer(accepting.answer()["passer"])
    assert _read(end, len(answer) // 2) == bytes.fromhex(answer.decode()), "not its answer"
    listener.drop()
    return passer, end


def _read(end: socket.socket, size: int) -> bytes:
    came = b""
    while len(came) < size:
        some = end.recv(size - len(came))
        assert some, f"the channel ended after {len(came)} of {size} bytes"
        came += some
    return came


def _both(bench: Bench) -> tuple[tuple[Player, socket.socket], tuple[Player, socket.socket]]:
    """Join two peers, each to the harness, which stands between them."""
    one, other = bench.start({}, {})
    return _raw(bench, one), _raw(bench, other)


@must("windows.record", _WIRE, needs=_PATHS, over="filesystem", only="windows")
def test_record(bench: Bench) -> None:
    """A descriptor is twelve bytes, and arrives also where these come one by one."""
    (first, sent), (second, received) = _both(bench)
    token = bench.token()

    first.send(first.open(token))
    first.flush()
    record = _read(sent, _RECORD.size)
    pending = second.ask("recv")
    for byte in record:
        received.sendall(bytes([byte]))

    assert token.is_written_by(pending.answer()), "what arrived is not what was sent"
    sent.setblocking(False)
    try:
        assert not sent.recv(1), "more came than one record"
    except BlockingIOError:
        pass


@must(
    "windows.source-closed", "Microsoft, DUPLICATE_CLOSE_SOURCE", over="filesystem", only="windows"
)
def test_source_closed(bench: Bench) -> None:
    """What was received and closed is open nowhere, although its sender lives on."""
    first, second = bench.join()
    token = bench.token()

    first.send(first.open(token), close=True)
    first.flush()
    second.recv().close()

    assert token.released(), "a copy is still open"


@must("windows.receiver-dies", _DUPLICATE, over="filesystem", only="windows")
def test_receiver_dies(bench: Bench) -> None:
    """What a receiver had not taken when it died is closed with the sender's end."""
    first, second = bench.join()
    tokens = bench.tokens(2)
    for token in tokens:
        first.send(first.open(token), close=True)
    first.flush()

    second.kill()
    first.drop()

    assert all(token.released() for token in tokens), "a copy is still open at the sender's"


@must("windows.rendezvous", _DUPLICATE, over="filesystem", only="windows")
def test_rendezvous(bench: Bench) -> None:
    """What nobody has received is lost with its sender, and that is told."""
    first, second = bench.join()
    token = bench.token()
    first.send(first.open(token))
    first.flush()

    first.kill()

    assert token.released(), "it is still open, although its sender is gone"
    told = second.condition_of("recv")
    assert told in {"lost", "peer-reset"}, f"expected the loss to be told, and it was {told}"


@must("windows.no-such-process", _DUPLICATE, needs=_PATHS, over="filesystem", only="windows")
def test_no_such_process(bench: Bench) -> None:
    """A record of a process that is gone is a loss, and the record behind it arrives."""
    (first, sent), (second, received) = _both(bench)
    token = bench.token()
    first.send(first.open(token))
    first.flush()

    received.sendall(_RECORD.pack(_NO_PROCESS, 64) + _read(sent, _RECORD.size))
    with second.expects("lost"):
        second.recv()

    assert token.is_written_by(second.recv()), "what came behind it is something else"


@must("windows.no-such-handle", _DUPLICATE, needs=_PATHS, over="filesystem", only="windows")
def test_no_such_handle(bench: Bench) -> None:
    """A record of a handle that is not open is a loss."""
    (first, sent), (second, received) = _both(bench)
    first.send(first.open(bench.token()), close=True)
    first.flush()
    pid, value = _RECORD.unpack(record := _read(sent, _RECORD.size))
    received.sendall(_RECORD.pack(pid, value + 0x4000) + record)

    with second.expects("lost"):
        second.recv()
    second.recv().close()


@must("windows.pseudo-handle", _DUPLICATE, needs=_PATHS, over="filesystem", only="windows")
def test_pseudo_handle(bench: Bench) -> None:
    """A record of a pseudo-handle, which would give away a process, is refused."""
    (first, sent), (second, received) = _both(bench)
    first.send(first.open(bench.token()), close=True)
    first.flush()
    pid, _ = _RECORD.unpack(record := _read(sent, _RECORD.size))
    received.sendall(_RECORD.pack(pid, _ITSELF))

    with second.expects("not-a-passer"):
        second.recv()
    sent.sendall(record)  # back to who sent it, so that it is taken
    first.recv().close()


@must("windows.half-a-record", _WIRE, needs=_PATHS, over="filesystem", only="windows")
def test_half_a_record(bench: Bench) -> None:
    """A channel that ends amid a record has lost one, and then ends."""
    (one,) = bench.start()
    player, end = _raw(bench, one)
    end.sendall(b"\1\2\3\4\5")
    end.close()

    with player.expects("lost"):
        player.recv()
    with player.expects("peer-closed"):
        player.recv()


@should(
    "windows.without-the-word",
    "Cygwin: sockets behind files",
    needs=_PATHS,
    over="filesystem",
    only="windows",
)
def test_without_the_word(bench: Bench) -> None:
    """Who connects to the port without the word in the file is not accepted."""
    (one,) = bench.start()
    path = bench.path("endpoint")
    listener = one.with_passer(one.peer.call("listen", path=path)["listener"])
    with open(path, "rb") as file:
        port = int(file.read().split(b"\n")[1])
    stranger = bench.keep(socket.create_connection(("127.0.0.1", port), bench.patience.seconds()))
    stranger.sendall(b"sixteen bytes...")

    refused = one.peer.ask("accept", listener=listener.passer, timeout=bench.patience.seconds(0.2))

    with listener.expects("timed-out"):
        refused.answer()
