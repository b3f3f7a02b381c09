"""Many visits at once: none waits for another, and what is late is broken off."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .visit import Visit

_TICK = 0.25  # seconds


def conduct(
    visits: Sequence[Visit],
    at_once: int,
    ended: Callable[[Visit], None],
    tick: Callable[[], None],
) -> None:
    """Have all take place; *ended* is told of each, *tick* is called several times a second."""
    with ThreadPoolExecutor(at_once) as pool:
        open_ = {pool.submit(visit.run): visit for visit in visits}
        try:
            while open_:
                done, _ = wait(open_, timeout=_TICK, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                    ended(open_.pop(future))
                for visit in open_.values():
                    visit.hold_to_deadlines()
                tick()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for visit in open_.values():
                visit.break_off("the fleet was interrupted")
            pool.shutdown()
            for future, visit in open_.items():
                if not future.cancelled():
                    ended(visit)
            raise
