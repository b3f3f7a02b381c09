"""The command line: one guest or many, each with its results file, its log and its deadline.

Exit status: 0 all that ran is as its baseline lists, 1 something is not, 2 wrong usage,
3 nothing ran.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from . import matrix, page, table, visiting
from .outcome import Outcome
from .places import MADE, OUT
from .running import CannotRun, end_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .table import Platform

NOTHING_RAN, SUITE_FAILED = 3, 4


def one(platform: Platform, options: Sequence[str]) -> int:
    """Run one, shown as it goes."""
    print(f"{platform.name}: {platform.title}", flush=True)
    return told([visiting.run(platform, options, shown=True)])


def many(platforms: Sequence[Platform], at_once: int, do: Callable[[Platform], Outcome]) -> int:
    """Go to several, and tell of each when it has ended."""

    def visited(platform: Platform) -> Outcome:
        try:
            found = do(platform)
        except Exception as error:  # what is wrong with one is not to cost the others
            found = Outcome(platform.name, SUITE_FAILED, f"{type(error).__name__}: {error}")
        print(f"{found.name}: {found.words}, {found.seconds:.0f} s", flush=True)
        return found

    with ThreadPoolExecutor(at_once) as pool:
        waiting = [pool.submit(visited, platform) for platform in platforms]
        try:
            return told([one.result() for one in waiting])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            end_all()
            raise


def told(outcomes: Sequence[Outcome]) -> int:
    """Print the table of all, and give the exit status."""
    width = max(len(one.name) for one in outcomes)
    print("\nguest, seconds, verdict")
    for one in outcomes:
        seconds = "   -" if one.status is None else f"{one.seconds:4.0f}"
        print(f"{one.name:{width}} {seconds}  {one.words}")
    ran = [one for one in outcomes if one.status is not None]
    print(f"{len(ran)} ran, {len(outcomes) - len(ran)} did not; results and logs are in {OUT}")
    return NOTHING_RAN if not ran else int(any(one.status for one in ran))


def chosen(names: Sequence[str]) -> list[Platform]:
    """Give the guests of these names; ``fast`` are those of every change, ``full`` all there are.

    Raises:
        CannotRun: there is none of that name.

    """
    guests = {one.name: one for one in table.platforms() if one.reached == "guest"}
    found: dict[str, Platform] = {}
    for name in names:
        if name == "full":
            found |= guests
        elif name == "fast":
            found |= {key: in_haste(one) for key, one in guests.items() if one.ci == "fast"}
        elif name in guests:
            found[name] = guests[name]
        else:
            raise CannotRun(f"there is no guest {name!r}; known: fast, full, {', '.join(guests)}")
    return list(found.values())


def in_haste(platform: Platform) -> Platform:
    """Give a platform as every change meets it."""
    return replace(platform, options=(*platform.options, *platform.fast_options))


def main(words: list[str]) -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m ci.guests", description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    single = commands.add_parser("one", help="run one, with options of the run after its name")
    single.add_argument("name")
    single.add_argument("options", nargs=argparse.REMAINDER)
    several = commands.add_parser("many", help="run several: fast, full (the default), names")
    several.add_argument("names", nargs="*", default=["full"])
    several.add_argument("-j", "--at-once", type=int, default=1, metavar="N")
    several.add_argument("--facts", action="store_true", help="measure facts, in place of a run")
    commands.add_parser("list", help="list the guests")
    noted = commands.add_parser("record", help="write into the table what results files say")
    noted.add_argument("names", nargs="*", default=["full"])
    commands.add_parser("matrix", help="draw ci/matrix, the page of all, from the results files")
    drawn = commands.add_parser("page", help="write README's table from that of the platforms")
    drawn.add_argument("--check", action="store_true", help="only say whether it is up to date")
    given = parser.parse_args(words)
    try:
        if given.what in {"page", "matrix"}:
            return matrix.write() if given.what == "matrix" else page.write(check=given.check)
        guests = chosen(getattr(given, "names", None) or [getattr(given, "name", "full")])
    except (CannotRun, table.BadTable) as refused:
        print(refused, file=sys.stderr)
        return 2
    if given.what == "list":
        for guest in guests:
            print(f"{guest.name:20} {guest.ci:5} {guest.seconds or 0:5.0f} s  {guest.title}")
        print(f"one after another {sum(guest.seconds or 0 for guest in guests) / 60:.0f} min")
        return 0
    MADE.mkdir(parents=True, exist_ok=True)
    if given.what == "record":
        return page.record([guest.name for guest in guests])
    if given.what == "one":
        return one(guests[0], [word for word in given.options if word != "--"])
    return many(guests, given.at_once, visiting.facts if given.facts else visiting.run)
