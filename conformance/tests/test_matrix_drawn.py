from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from conformance.commands.matrix import matrix as command
from conformance.facts import document as facts
from conformance.matrix import badges, markdown, page, summary
from conformance.matrix.columns import Named
from conformance.matrix.whole import whole
from conformance.report import model

from .made_documents import environment, profile, run

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result as Ended

    from conformance.matrix.whole import Matrix
    from conformance.report.model import Document

LOST = ("fail", "expected 2 descriptors, received 1")
GVISOR = environment(release="4.4.0", surroundings=[{"what": "gVisor", "sign": "dmesg"}])


def matrix(*documents: Document, **other: Any) -> Matrix:
    return whole([Named("", document) for document in documents], **other)


# -- what is drawn ------------------------------------------------------------------------------


def test_the_headline_counts() -> None:
    bad = run({"fifo.order": LOST}, around=GVISOR)

    assert summary.headline(matrix()) == "No promise was tried anywhere."
    assert summary.headline(matrix(bad)) == "gVisor does not keep every promise."
    assert summary.headline(matrix(run(), bad)).startswith("1 of 2 platforms keeps every promise")
    assert summary.headline(matrix(bad, bad)).startswith("None of 2 platforms keeps")
    assert summary.headline(matrix(run(), run())).startswith("All 2 platforms keep")


def test_markdown_has_the_promises_and_what_fails() -> None:
    text = markdown.render(matrix(run(), run({"fifo.order": ("fail", "a | b")}, around=GVISOR)))

    assert "| gVisor | ran | ✓ | ✓ | ✗ 1 MUST | ✓ | ✓ | ✓ |" in text
    assert (
        "## gVisor\n\ndoes not conform; ran, 2026-11-21.\n\n- `fifo.order`, MUST: a \\| b\n" in text
    )
    assert "## Linux 6.18\n\nconforms; ran, 2026-11-21.\n\nNothing failed.\n" in text


def test_badges_are_images_that_say_the_same_in_words() -> None:
    made = badges.all_of(matrix(run(), run({"fifo.order": LOST}, around=GVISOR)))

    assert made.keys() == {"platforms", "linux-6.18", "gvisor"}
    for name, words in (
        ("platforms", "descriptor passing: 1 of 2 platforms"),
        ("gvisor", "gVisor: does not conform"),
    ):
        assert ET.fromstring(made[name]).attrib["aria-label"] == words
    odd = ET.fromstring(badges.badge('<"&">', "x", "good"))
    assert odd.attrib["aria-label"] == '<"&">: x'


def test_the_page_is_the_same_from_the_same_files() -> None:
    assert page.render(matrix(run())) == page.render(matrix(run()))


def test_the_page_needs_nothing_from_elsewhere() -> None:
    text = page.render(matrix(run({"fifo.order": LOST}), profiles=[profile()]))

    for loading in ("src=", "<link", "@import", "url(", "fetch(", "XMLHttpRequest"):
        assert loading not in text


def test_what_was_seen_cannot_end_the_data_of_the_page() -> None:
    hostile = "</script><script>alert(1)</script><!-- {{ 7 * 7 }}"
    made = matrix(run({"fifo.order": ("fail", hostile)}, around=environment(libc="<b>&amp;")))

    text = page.render(made)

    start = text.index('id="data">') + len('id="data">')
    data = json.loads(text[start : text.index("</script>", start)])
    assert data["platforms"] == made["platforms"]
    assert "<script>alert" not in text
    assert "<b>&amp;" not in text
    assert "&lt;b&gt;&amp;amp;" in text


def test_nothing_that_draws_imports_the_harness() -> None:
    modules = "page markdown badges whole", "statement folder verify signature"
    names = [f"conformance.matrix.{name}" for name in modules[0].split()]
    names += [f"conformance.submission.{name}" for name in modules[1].split()]
    names += ["conformance.report.compare", "conformance.report.comparison"]
    program = f"import sys, {', '.join(names)}; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()

    assert "conformance.matrix.page" in loaded
    foreign = ("conformance.harness", "conformance.checks", "pytest", "fdpass")
    assert not [name for name in loaded if name.startswith(foreign)]


def test_only_the_page_and_the_statement_need_jinja() -> None:
    program = "import sys; sys.modules['jinja2'] = None; import conformance.__main__"

    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


# -- the command --------------------------------------------------------------------------------


def drawn(*words: object) -> Ended:
    return CliRunner().invoke(command, [str(word) for word in words])


def test_all_is_written_of_files_and_folders(tmp_path: Path) -> None:
    inside = tmp_path / "out"
    inside.mkdir()
    model.write(inside / "a.json", run())
    (inside / "f.json").write_text(facts.text(profile()))
    model.write(tmp_path / "b.json", run({"fifo.order": LOST}, around=GVISOR))
    target = tmp_path / "made"

    done = drawn(
        *(inside, f"my sandbox={tmp_path / 'b.json'}", "--facts", "gvisor"),
        *("--html", target, "--markdown", target / "m.md", "--json", target / "m.json"),
        *("--badges", target / "badges"),
    )

    assert done.exit_code == 0, done.output
    data = json.loads((target / "m.json").read_text())
    assert [it["name"] for it in data["platforms"]] == ["Linux 6.18", "my sandbox"]
    assert all("facts" in it for it in data["platforms"])
    assert {path.name for path in target.rglob("*") if path.is_file()} == {
        *("index.html", "m.md", "m.json", "platforms.svg", "linux-6.18.svg", "my-sandbox.svg")
    }


def test_facts_are_called_as_the_run_that_they_are_of(tmp_path: Path) -> None:
    for name in ("a", "b"):
        model.write(tmp_path / f"{name}.json", run())
    (tmp_path / "f.json").write_text(facts.text(profile({"limits.descriptors-per-message": 7})))

    done = drawn(
        *(f"{name}={tmp_path / file}" for name, file in (("a", "a.json"), ("b", "b.json"))),
        *(f"b={tmp_path / 'f.json'}", "--json", tmp_path / "m.json"),
    )

    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "m.json").read_text())["platforms"]
    assert [it.get("facts", {}).get("limits.descriptors-per-message") for it in told] == [None, 7]


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        ((), "expected results files or profiles"),
        (("{here}/good.json",), "expected one at least of --html"),
        (("{here}/cut.json", "--json", "{here}/m"), "cut.json is cut or damaged"),
        (("{here}/none.json", "--json", "{here}/m"), "none.json cannot be read: No such file"),
        (("{here}/empty", "--json", "{here}/m"), "expected JSON files in"),
        (("{here}/good.json", "--json", "{here}/good.json/m"), "good.json/m cannot be written"),
        (("x={here}/facts", "--json", "{here}/m"), "facts are called 'x', and no results file is"),
        (("--facts", "{here}/good.json", "--json", "{here}/m"), "good.json is no profile"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(
    tmp_path: Path, words: tuple[str, ...], refusal: str
) -> None:
    (tmp_path / "empty").mkdir()
    model.write(tmp_path / "good.json", run())
    (tmp_path / "cut.json").write_text(json.dumps(run())[:-9])
    (tmp_path / "facts").write_text(facts.text(profile()))

    done = drawn(*(word.format(here=tmp_path) for word in words))

    assert done.exit_code == 2
    assert refusal in " ".join(done.output.split())
