from __future__ import annotations

import errno
import pickle

import pytest

import fdpass
from fdpass import errors


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (fdpass.PeerClosed, EOFError),
        (fdpass.PeerReset, ConnectionResetError),
        (fdpass.DescriptorsLost, OSError),
        (fdpass.NotAPasser, ValueError),
        (fdpass.PasserClosed, ValueError),
        (fdpass.PasserBusy, RuntimeError),
        (fdpass.QueueFull, BlockingIOError),
        (fdpass.SentInPart, OSError),
        (fdpass.TableFull, BlockingIOError),
    ],
)
def test_each_is_also_the_builtin_a_caller_would_catch(
    kind: type[Exception], builtin: type[Exception]
) -> None:
    assert issubclass(kind, builtin)
    assert issubclass(kind, fdpass.FdPassError)


def test_both_ends_of_a_channel_have_one_name() -> None:
    ends = fdpass.ChannelEnded.__subclasses__()

    assert ends == [fdpass.PeerClosed, fdpass.PeerReset]


def test_a_loss_is_no_blocking_error_and_no_end() -> None:
    assert not issubclass(fdpass.DescriptorsLost, (BlockingIOError, fdpass.ChannelEnded))


def test_the_package_exports_every_error() -> None:
    here = {name for name, item in vars(errors).items() if isinstance(item, type)}

    assert here <= set(fdpass.__all__)


def test_a_loss_tells_how_many_and_the_bytes_that_came_along() -> None:
    error = fdpass.DescriptorsLost("2 of 3 descriptors", 2, b"text")

    assert str(error) == "2 of 3 descriptors"
    assert (error.lost, error.data) == (2, b"text")
    assert fdpass.DescriptorsLost("some").lost is None


def test_sent_in_part_keeps_the_errno_and_tells_how_far_it_came() -> None:
    cause = OSError(errno.EPERM, "Operation not permitted")

    error = fdpass.SentInPart(cause, 2, 5)

    assert (error.errno, error.accepted) == (errno.EPERM, 2)
    assert error.strerror == "Operation not permitted, after 2 of 5 descriptors"


@pytest.mark.parametrize(
    "error",
    [
        fdpass.PeerReset(errno.ECONNRESET, "gone"),
        fdpass.DescriptorsLost("2 of 3 descriptors", 2, b"text"),
        fdpass.SentInPart(OSError(errno.EPERM, "no"), 2, 5),
        fdpass.QueueFull(errno.EAGAIN, "full"),
    ],
)
def test_an_error_survives_the_way_back_from_a_worker_process(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))

    assert (type(again), str(again)) == (type(error), str(error))
    assert vars(again).keys() == vars(error).keys()
