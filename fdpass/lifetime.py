"""What all owners of descriptors have in common: how they end, and their locks after a fork."""

from __future__ import annotations

import os
import warnings
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Protocol

    from _typeshed import Self

    class Locked(Protocol):
        """Something with locks, which a fork may have copied while another thread held them."""

        def _renew_locks(self) -> None:
            """Make new ones; this is the child of a fork, and has one thread."""


_locked: weakref.WeakSet[Locked] = weakref.WeakSet()


class Owner:
    """Something that owns descriptors: closed at the end of a ``with`` block, or else by hand."""

    _closed = True  # until all is there that close() closes

    @property
    def closed(self) -> bool:
        """Whether this end has been closed."""
        return self._closed

    def close(self) -> None:
        """Close all that it owns; again, it does nothing."""
        raise NotImplementedError

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not self.closed:
            try:  # where warnings are errors, too
                warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)
            finally:
                self.close()


def renewed_after_fork(thing: Locked) -> None:
    """Have its locks renewed in the child of every fork, as long as it lives."""
    _locked.add(thing)


def _after_fork() -> None:
    for thing in list(_locked):
        thing._renew_locks()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
