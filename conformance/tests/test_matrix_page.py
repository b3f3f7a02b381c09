"""The page of the matrix in a browser: what is seen, the address, keys, a phone, and how fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from conformance.facts import GROUPS
from conformance.matrix import page
from conformance.matrix.columns import Named
from conformance.matrix.whole import whole

from .browser import Browser, needed
from .made_documents import environment, profile, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOST = ("fail", "expected <2> descriptors, received 1")
GVISOR = environment(release="4.4.0", surroundings=[{"what": "gVisor", "sign": "dmesg"}])
SHOWN = "return performance.getEntriesByName('shown').length"
ENTER, ESCAPE, DOWN, RIGHT = "\ue007", "\ue00c", "\ue015", "\ue014"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    needed()
    with Browser(tmp_path_factory.mktemp("browser")) as one:
        yield one


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Draw a page of three platforms; on one something fails, and facts differ."""
    gvisor = run({"fifo.order": LOST, "table.waits filesystem": LOST}, around=GVISOR)
    made = whole(
        [
            Named("", run()),
            Named("", gvisor),
            Named("", run({"fifo.order": ("skip", "no queue")}, evidence="simulated illumos")),
        ],
        [profile(), profile({"limits.descriptors-per-message": 121}, GVISOR)],
        fact_groups=GROUPS,
    )
    return _written(tmp_path_factory.mktemp("page") / "index.html", page.render(made))


def _written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def seen(browser: Browser, address: str) -> Any:
    """Give a function that opens the page at a fragment."""

    def open_at(fragment: str = "", width: int = 1440, *, dark: bool = False) -> Browser:
        browser.size(width, 900, dark=dark)
        browser.open(f"{address}#{fragment}")
        browser.until(SHOWN)
        return browser

    return open_at


def rows(browser: Browser) -> list[str]:
    """Draw all groups, and give the rows."""
    found = browser.run(
        "for (const body of [...pending.keys()]) fill(body);"
        "return [...document.querySelectorAll('section:not([hidden]) tr[data-row]')]"
        ".map((it) => it.dataset.row)"
    )
    return list(found)


def text(browser: Browser, selector: str) -> str:
    return str(browser.run("return document.querySelector(arguments[0]).innerText", selector))


def test_the_first_view_says_which_platforms_keep_which_promises(seen: Any) -> None:
    browser = seen()

    assert text(browser, "h1") == "2 of 3 platforms keep every promise tried there."
    broken = "[data-platform=gvisor] td:nth-of-type(3)"
    assert text(browser, f"{broken} i") == "✗"
    assert text(browser, f"{broken} .sr") == "not kept: 1 MUST failed"
    assert text(browser, "tfoot td:nth-of-type(3)") == "2 of 3"


def test_the_page_loads_nothing_else(seen: Any) -> None:
    browser = seen("view=checks")

    assert browser.run("return performance.getEntriesByType('resource').length") == 0


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("verdict=fail", ["fifo.order", "table.waits"]),
        ("verdict=fail&promise=fifo", ["fifo.order"]),
        ("diff=1", ["fifo.order", "table.waits"]),
        ("diff=1&platform=linux-6.18,illumos", []),
        ("q=fifo.order", ["fifo.order"]),
        ("q=as+soon+slot&level=MUST", ["table.waits"]),
    ],
)
def test_the_address_chooses_what_is_shown(seen: Any, fragment: str, expected: list[str]) -> None:
    assert rows(seen(f"view=checks&{fragment}")) == expected


def test_what_is_chosen_stands_in_the_address(seen: Any) -> None:
    browser = seen("view=checks")
    everything = rows(browser)

    browser.click("#diff")
    browser.click("[data-list=level] summary")
    browser.click("[data-list=level] input[value=MUST]")

    assert browser.until("return state.diff && state.level.size")
    assert browser.run("return location.hash") == "#view=checks&level=MUST&diff=1"
    assert rows(browser) == ["fifo.order", "table.waits"]
    browser.click("#reset")
    assert browser.until("return !state.diff && !state.level.size")
    assert rows(browser) == everything


def test_a_cell_opens_with_all_there_is_to_know(seen: Any) -> None:
    browser = seen("view=checks&promise=fifo")
    browser.click('tr[data-row="fifo.order"] > [data-c="1"]')

    assert browser.until("return !document.getElementById('detail').hidden")
    told = text(browser, "#detail")
    for words in (
        "Descriptors arrive in the order in which they were sent",
        "expected <2> descriptors, received 1",
        "3 variants: socketpair, filesystem, inherited",
        "python -m conformance run --check fifo.order",
        "Linux 4.4.0 x86_64",
        "AnyEvent::FDpasser",
    ):
        assert words in told
    assert browser.run("return location.hash").endswith("at=fifo.order@gvisor")
    browser.click("#detail details summary")
    assert '{"op": "recv"}' in text(browser, "#detail pre")


def test_an_address_opens_its_cell_and_brings_it_into_the_window(seen: Any) -> None:
    browser = seen("view=checks&at=table.waits@gvisor")

    assert "fails in 1 of 3 variants" in text(browser, "#detail")
    place = browser.run(
        "const it = document.querySelector('td.open').getBoundingClientRect();"
        "return [it.top, it.bottom]"
    )
    assert 0 <= place[0] < place[1] <= 900


def test_the_keyboard_reaches_everything(seen: Any) -> None:
    browser = seen("view=promises")

    browser.press("2")
    browser.until("return state.view === 'checks' && document.querySelector('td[data-c]')")
    browser.press("/")
    browser.until("return document.activeElement.id === 'search'")
    browser.press(*"fifo.", ENTER)
    browser.until("return document.activeElement.matches('td')")
    browser.until("return state.q === 'fifo.'")
    browser.run("document.querySelector('td[data-c]').focus()")
    first, second, *_ = rows(browser)
    browser.press(RIGHT, DOWN)
    held = "const it = document.activeElement; return [it.parentElement.dataset.row, it.dataset.c]"
    assert browser.run(held) == [second, "1"]
    browser.press(ENTER)
    browser.until("return !document.getElementById('detail').hidden")
    assert browser.run("return state.at") == f"{second}@gvisor"
    browser.press("\ue013")  # the pane follows the cell in hand
    browser.until(f"return state.at === '{first}@gvisor'")
    browser.press(ESCAPE)
    browser.until("return document.getElementById('detail').hidden")
    assert browser.run(held) == [first, "1"]


def test_facts_are_compared_with_a_base(seen: Any) -> None:
    browser = seen("view=facts&diff=1")

    assert rows(browser) == ["limits.descriptors-per-message"]
    other = "td.other"
    assert text(browser, other).split() == ["≠", "121"]
    browser = seen("view=facts&diff=1&base=gvisor")
    rows(browser)
    assert text(browser, other).split() == ["≠", "253"]
    browser.click(other)
    browser.until("return !document.getElementById('detail').hidden")
    assert "2 different answers" in text(browser, "#detail")


def test_a_verdict_is_never_told_by_colour_alone(seen: Any) -> None:
    browser = seen("view=checks")
    rows(browser)

    told = browser.run(
        "return [...document.querySelectorAll('td[data-c]')].map((it) =>"
        "[it.classList[0], it.querySelector('i').textContent, it.getAttribute('aria-label')])"
    )

    signs = {state: (sign, label.split(" in ")[0]) for state, sign, label in told}
    assert signs == {
        "pass": ("✓", "holds"),
        "fail": ("✗", "fails"),
        "skip": ("○", "skipped"),
    }


def test_light_and_dark_follow_the_system_and_the_button(seen: Any) -> None:
    colour = "return getComputedStyle(document.documentElement).backgroundColor"
    browser = seen()
    light = browser.run(colour)
    dark = seen(dark=True).run(colour)

    assert light != dark
    browser.click("#theme")
    assert browser.run(colour) == light
    browser.click("#theme")
    assert browser.run(colour) == dark
    browser.click("#theme")


def test_on_a_phone_the_pane_covers_the_table_and_nothing_else_is_cut(seen: Any) -> None:
    browser = seen("view=checks&at=fifo.order@gvisor", 390)

    boxes = browser.run(
        "return ['#detail', '.top', '.bar'].map((it) => {"
        "const box = document.querySelector(it).getBoundingClientRect();"
        "return [box.left, box.right]; })"
    )
    assert all(left >= 0 and right <= 390.5 for left, right in boxes), boxes
    assert boxes[0] == [0, 390]


def test_fifty_platforms_and_all_checks_load_in_less_than_a_second(
    browser: Browser, tmp_path: Path
) -> None:
    ids = [result["id"] for result in run()["results"]]
    around = [environment(release=f"{5 + n // 10}.{n % 10}.0") for n in range(50)]
    runs = [
        Named("", run(dict.fromkeys(ids[n::40], LOST), around=it)) for n, it in enumerate(around)
    ]
    made = whole(runs, [profile(around=it) for it in around], fact_groups=GROUPS)
    assert (len(made["platforms"]), len(made["checks"]) >= 200) == (50, True)
    address = _written(tmp_path / "index.html", page.render(made))
    browser.size(1440, 900)

    for view in ("promises", "checks", "facts"):
        taken = []
        for _ in range(3):  # the machine may have other work
            browser.open(f"{address}#view={view}")
            browser.until(SHOWN)
            taken.append(
                browser.run("return performance.getEntriesByName('shown')[0].startTime") / 1000
            )
            if taken[-1] < 1:
                break
        assert min(taken) < 1, f"{view}: {taken}"
