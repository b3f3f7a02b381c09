"""The peers that are compiled, or come from elsewhere: how they are made, and what they are asked.

That each speaks the protocol is asked in test_shipped.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from conformance.acquaintance import Acquaintance
from conformance.errors import CannotStart
from conformance.peers import compiled
from conformance.peers.shipped import SHIPPED, command_of
from conformance.report import model

from .test_main import command

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="they pass by Unix sockets")

COMPILED = ("c-musl", "rust-nix", "erlang", "junixsocket", "haskell", "dlang")

# The documented interface of AnyEvent::FDpasser, and no more of it than the peer program uses, over
# IO::FDPass: what is queued goes when the event loop finds the socket ready.
STAND_IN = r"""
package AnyEvent::FDpasser;
use strict;
use warnings;
use AnyEvent;
use IO::FDPass;
use IO::Socket::UNIX;
use Scalar::Util qw(weaken);
use Socket qw(AF_UNIX SOCK_STREAM PF_UNSPEC);

our $VERSION = 'a stand-in';

sub fdpasser_socketpair {
    socketpair(my $left, my $right, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "socketpair: $!";
    return ($left, $right);
}

sub fdpasser_server { return IO::Socket::UNIX->new(Local => $_[0], Listen => $_[1]) // die "$!" }
sub fdpasser_accept { accept(my $socket, $_[0]) or die "accept: $!"; return $socket }
sub fdpasser_connect { return IO::Socket::UNIX->new(Peer => $_[0]) // die "connect: $!" }

sub new {
    my ($class, %given) = @_;
    my $self = bless { %given, sending => [], receiving => [] }, $class;
    AnyEvent::fh_unblock($self->{fh});
    return $self;
}

sub error {
    my ($self, $why) = @_;
    delete @$self{qw(fh writable readable)};
    local $@ = $why;
    $self->{on_error}->();
}

sub push_send_fh {
    my ($self, @one) = @_;
    die 'passer object is in error_state' if !$self->{fh};
    push @{ $self->{sending} }, \@one;
    weaken(my $known = $self);
    $self->{writable} //= AE::io($self->{fh}, 1, sub { $known->send_one });
}

sub send_one {
    my ($self) = @_;
    my ($handle, $sent) = @{ $self->{sending}[0] };
    if (!IO::FDPass::send(fileno $self->{fh}, fileno $handle)) {
        $self->error("$!") if !$!{EAGAIN};
        return;
    }
    shift @{ $self->{sending} };
    delete $self->{writable} if !@{ $self->{sending} };
    $sent->();
}

sub push_recv_fh {
    my ($self, $came) = @_;
    die 'passer object is in error_state' if !$self->{fh};
    push @{ $self->{receiving} }, $came;
    weaken(my $known = $self);
    $self->{readable} //= AE::io($self->{fh}, 0, sub { $known->receive_one });
}

sub receive_one {
    my ($self) = @_;
    $! = 0;
    my $fd = IO::FDPass::recv(fileno $self->{fh});
    return if $fd < 0 && $!{EAGAIN};
    return $self->error($!{EDOM} ? 'cmsg truncated' : $! ? "$!" : undef) if $fd < 0;
    my $came = shift @{ $self->{receiving} };
    delete $self->{readable} if !@{ $self->{receiving} };
    open(my $handle, '+<&=', $fd) or die "open: $!";
    $came->($handle);
}

1;
"""


@pytest.mark.parametrize("name", COMPILED)
def test_it_keeps_the_order_and_loses_what_finds_no_slot(name: str, tmp_path: Path) -> None:
    if lack := SHIPPED[name].missing():
        pytest.skip(lack)
    results = tmp_path / "results.json"
    words = ("--check", "fifo.order", "--check", "table.waits")

    said = command(
        "run", "--peer", name, *words, "--transport", "inherited", "-n", "0", "--results", results
    )

    document = model.read(results)
    verdicts = {one["id"]: one["verdict"] for one in document["results"]}
    assert verdicts["fifo.order"] == "pass", said.stdout
    # Without prlimit(1) some cannot limit their table; none of them survives a full one.
    assert verdicts["table.waits"] in {"fail", "skip"}, said.stdout
    assert document["subject"]["name"] == name


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The peer of AnyEvent::FDpasser, with a module in its place."""
    for module, package in (("AnyEvent", "libanyevent-perl"), ("IO::FDPass", "libio-fdpass-perl")):
        probe = ["perl", f"-M{module}", "-MJSON::PP", "-e1"]
        if not shutil.which("perl") or subprocess.run(probe, check=False, stderr=-3).returncode:
            pytest.skip(f"{module} is not installed; Debian: apt-get install {package}")
    (tmp_path / "AnyEvent").mkdir()
    (tmp_path / "AnyEvent" / "FDpasser.pm").write_text(STAND_IN)
    monkeypatch.setenv("PERL5LIB", str(tmp_path))
    return "anyevent-fdpasser"


def test_a_stand_in_for_fdpasser_is_spoken_for(stand_in: str) -> None:
    talk = Acquaintance(command_of(stand_in), scale=2)
    try:
        faults = [finding for finding in talk.findings() if finding.fault]
    finally:
        talk.close()

    assert faults == []


def test_what_the_stand_in_queues_is_flushed_in_order(stand_in: str, tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    checks = ("fifo.order", "fifo.beyond-the-channel", "nonblocking.queued-is-kept")
    words = [word for check in checks for word in ("--check", check)]

    said = command("run", "--peer", stand_in, *words, "-n", "0", "--results", results)

    verdicts = [one["verdict"] for one in model.read(results)["results"]]
    assert verdicts == ["pass"] * 9, said.stdout


def test_what_debian_has_not_packaged_says_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    lack = SHIPPED["anyevent-fdpasser"].missing()

    assert lack == "AnyEvent::FDpasser is not installed; not in Debian: cpan AnyEvent::FDpasser"


def _sleeper(sources: Sequence[Path], output: str) -> Sequence[str]:
    del sources, output
    return ("sh", "-c", "echo $$ > ../pid; sleep 60; exit 1")


def test_a_compiler_that_does_not_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(compiled, "DEADLINE", 0.2)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "one.c").write_text("")
    began = time.monotonic()

    with pytest.raises(CannotStart, match="was not compiled within"):
        compiled.program("one", str(tmp_path / "source"), ".c", _sleeper)

    assert time.monotonic() - began < 30
    assert os.listdir(tmp_path / "cache" / "fdpass-conformance") == []


def _folder_maker(sources: Sequence[Path], output: str) -> Sequence[str]:
    return ("sh", "-c", 'mkdir "$0" && cp "$@" "$0"', output, *(one.name for one in sources))


def test_two_that_compile_a_folder_at_once_find_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "one.txt").write_text("all there")

    def make(sources: Sequence[Path], output: str) -> Sequence[str]:
        # Another has been quicker.
        monkeypatch.setattr(compiled, "_compile", lambda *_: None)
        return _folder_maker(sources, output)

    (kept,) = compiled.program("one", str(tmp_path / "source"), ".txt", make)

    assert os.listdir(kept) == ["one.txt"]
