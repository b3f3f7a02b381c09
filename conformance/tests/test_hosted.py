"""Workflows for hosted machines: made from the table, and their jobs run here."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance import toml

from .workflow_jobs import Artifacts, Job

_ROOT = Path(__file__).resolve().parents[2]
if not (_ROOT / "ci" / "hosted").exists():
    pytest.skip("ci/ is not here: no source tree", allow_module_level=True)

from ci.guests import page, table  # noqa: E402
from ci.hosted import pins, workflows  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

yaml = pytest.importorskip("yaml", reason="no PyYAML; on Debian: apt install python3-yaml")

_STAND_IN = Path(__file__).with_name("suite_stand_in.py")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def _read(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(workflows.workflows()[name])
    return read


def _jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for name in workflows.workflows():
        for job, told in _read(name)["jobs"].items():
            yield f"{name}: {job}", told


def _rows(job: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = job.get("strategy", {}).get("matrix", {}).get("include", [])
    return rows


# -- made from the table ------------------------------------------------------------------------


def test_the_workflows_are_up_to_date() -> None:
    assert workflows.write(check=True) == 0, "python -m ci.hosted"


def test_one_that_is_not_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workflows, "WORKFLOWS", tmp_path)
    workflows.write(check=False)
    assert workflows.write(check=True) == 0
    (tmp_path / "checks.yml").write_text("name: changed\n")
    (tmp_path / "stray.yml").write_text("name: stray\n")

    status = workflows.write(check=True)

    assert status == 1
    assert "checks.yml, stray.yml" in capsys.readouterr().err


def test_every_row_is_a_job_and_its_results_are_expected() -> None:
    jobs = _read("conformance.yml")["jobs"]
    expected = [row["id"] for one in workflows.hosted() for row in workflows.rows(one)]

    ids = {job: [row["id"] for row in _rows(told)] for job, told in jobs.items()}
    merged = jobs["matrix"]["steps"][3]["run"].split()

    assert sorted(chain(*ids.values())) == sorted(expected)
    assert sorted(merged[2:]) == sorted(set(expected) - set(ids["windows"]))
    assert set(jobs["matrix"]["needs"]) == {"suite"} | {
        one.kind for one in workflows.hosted() if one.kind != "windows"
    }


def test_every_system_of_vmactions_is_booted_by_a_step_of_its_own() -> None:
    job = _read("conformance.yml")["jobs"]["vmactions"]
    conditions = [step["if"] for step in job["steps"] if step.get("name") == "boot"]

    assert conditions == [f"matrix.system == '{row['system']}'" for row in _rows(job)]


def test_a_template_with_an_action_that_is_not_pinned_is_refused() -> None:
    with pytest.raises(KeyError, match="actions/cache"):
        workflows.made("      - uses: actions/cache@pinned\n")


def test_a_machine_on_which_nothing_ran_is_no_evidence() -> None:
    never = [one for one in workflows.hosted() if not one.verdict]
    ran = replace(never[0], verdict="conforms")

    lines = page.rows([*never, ran]).splitlines()[2:]

    assert all(f"| {page.NEVER} |" in line for line in lines[:-1])
    assert "| ran | every | conforms |" in lines[-1]


# -- what all of them keep ----------------------------------------------------------------------


def test_every_action_is_pinned_by_its_commit() -> None:
    pinned = pins.pins()
    used = [
        step["uses"].split("@") for _, job in _jobs() for step in job["steps"] if "uses" in step
    ]

    assert {action for action, _ in used} == set(pinned), "pinned and not used, or the reverse"
    assert [action for action, ref in used if not _COMMIT.fullmatch(ref)] == []


def test_jobs_may_read_the_sources_and_nothing_else() -> None:
    for name, text in workflows.workflows().items():
        told = yaml.safe_load(text)
        may = [told["permissions"], *(job.get("permissions", {}) for job in told["jobs"].values())]
        assert all(one in ({}, {"contents": "read"}) for one in may), name
        assert "secrets." not in text, name
        assert "concurrency" in told, name


def test_a_checkout_leaves_no_credentials() -> None:
    for name, job in _jobs():
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"] == {"persist-credentials": False}, name


def test_every_job_and_every_boot_has_a_deadline() -> None:
    for name, job in _jobs():
        minutes = [row["minutes"] for row in _rows(job)] or [job["timeout-minutes"]]
        assert job["timeout-minutes"] in (minutes[0], "${{ matrix.minutes }}"), name
        for step in job["steps"]:
            if step.get("name") == "boot":
                assert step["timeout-minutes"] < min(minutes), name


def test_a_platform_hands_over_its_results_also_when_it_deviates() -> None:
    for name, job in _jobs():
        if any("id" in row for row in _rows(job)):
            (upload,) = (
                one for one in job["steps"] if one.get("uses", "").startswith("actions/upload")
            )
            assert upload["if"] == "${{ !cancelled() }}", name
            assert upload["with"]["if-no-files-found"] == "error", name
            assert "${{ matrix.id }}" in upload["with"]["name"], name


# -- pins ---------------------------------------------------------------------------------------


def _git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=nobody", "-c", "user.email=nobody@nowhere.example")
    ended = subprocess.run(
        ["git", "-C", str(folder), *who, *words], capture_output=True, check=True, text=True
    )
    return ended.stdout.strip()


def test_a_pin_that_is_not_what_its_version_names_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = {}
    for name in ("plain", "annotated", "moved", "between", "untagged"):
        folder = tmp_path / "some" / name
        folder.mkdir(parents=True)
        _git(folder, "init", "-q")
        _git(folder, "commit", "-q", "--allow-empty", "-m", name)
        commits[name] = _git(folder, "rev-parse", "HEAD")
        if name in {"moved", "between"}:
            _git(folder, "commit", "-q", "--allow-empty", "-m", "later")
        if name != "untagged":
            how = ["-a", "-m", "signed"] if name == "annotated" else []
            _git(folder, "tag", *how, "v1")
    # As the services do: a commit that no name stands for may be asked for.
    _git(tmp_path / "some" / "between", "config", "uploadpack.allowReachableSHA1InWant", "true")
    found = {
        name: pins.Pin(f"some/{name}", "" if name == "between" else "v1", commit, "here")
        for name, commit in {**commits, "nowhere": "0" * 40}.items()
    }
    found["gone"] = pins.Pin("some/between", "", "0" * 40, "here")
    monkeypatch.setattr(pins, "pins", lambda: found)

    told = list(pins.wrong(str(tmp_path)))

    later = _git(tmp_path / "some" / "moved", "rev-parse", "HEAD")
    assert told[:2] == [
        f"some/moved: v1 is {later}, pinned is {commits['moved']}",
        "some/untagged: v1 was not found: there is no such tag",
    ]
    assert told[2].startswith("some/nowhere: v1 was not found: fatal: ")
    assert told[3].startswith(f"some/between: {'0' * 40} was not found: ")
    assert len(told) == 4


def test_a_pin_that_is_no_commit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pins.toml"
    path.write_text('[[pin]]\naction = "a/b"\nversion = "v1"\ncommit = "d0518f91"\nseen = ""\n')
    monkeypatch.setattr(pins, "_PINS", path)

    with pytest.raises(ValueError, match="40 hexadecimal digits, not d0518f91"):
        pins.pins()


# -- versions of Python -------------------------------------------------------------------------


def test_every_list_of_pythons_is_that_of_the_classifiers() -> None:
    versions = workflows.pythons()
    tox = configparser.ConfigParser()
    tox.read(_ROOT / "tox.ini")
    minors = ",".join(version.partition(".")[2] for version in versions)
    newest_first = " ".join(f"python{version}" for version in reversed(versions))

    project = toml.loads((_ROOT / "pyproject.toml").read_text())["project"]

    assert project["requires-python"] == f">={versions[0]}"
    assert tox["tox"]["env_list"] == f"py3{{{minors}}}"
    assert _read("checks.yml")["jobs"]["tests"]["strategy"]["matrix"]["python"] == versions
    for script in ("guest.sh", "environment.sh"):
        assert f"{newest_first} python3" in (_ROOT / "ci" / script).read_text(), script


def test_every_version_of_python_has_a_guest_in_the_table() -> None:
    guests = {one.name for one in table.platforms() if one.reached == "guest"}

    assert {f"cpython-{version}" for version in workflows.pythons()} <= guests


# -- jobs run here ------------------------------------------------------------------------------


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    """What the job called suite hands over, with a stand-in for the single file."""
    suite = tmp_path / "artifacts" / "suite"
    suite.mkdir(parents=True)
    for path in (_ROOT / "ci/guest.sh", _ROOT / "ci/hosted/merge.sh"):
        (suite / path.name).write_bytes(path.read_bytes())
    (suite / "fdpass-conformance.pyz").write_bytes(_STAND_IN.read_bytes())
    return Artifacts(suite.parent)


def _job(kind: str, number: int, artifacts: Artifacts, **variables: str) -> Job:
    told = _read("conformance.yml")["jobs"][kind]
    row = (_rows(told) or [{}])[number]
    workspace = artifacts.folder.parent / f"{kind}-{number}"
    return Job(told, row, artifacts, workspace, {"PYTHON": sys.executable, **variables})


_OF_SUITE = ("runner", "container", "guest", "vmactions")


@pytest.mark.parametrize("kind", _OF_SUITE)
def test_a_job_hands_over_results_junit_and_facts(kind: str, artifacts: Artifacts) -> None:
    job = _job(kind, 0, artifacts)
    name = job.row["id"]

    assert job.run(), job.said

    kept = {path.name for path in (artifacts.folder / f"results-{name}").iterdir()}
    assert kept == {f"{name}.json", f"{name}.xml", f"{name}-facts.json"}
    assert f"run --plain --results {name}.json" in "".join(job.said)
    assert "--baseline auto" in "".join(job.said)


@pytest.mark.parametrize("kind", _OF_SUITE)
def test_a_job_that_deviates_fails_and_hands_them_over(kind: str, artifacts: Artifacts) -> None:
    job = _job(kind, 0, artifacts, STAND_IN_STATUS="1")

    assert not job.run(), job.said

    assert (artifacts.folder / f"results-{job.row['id']}" / f"{job.row['id']}.json").exists()


def test_all_platforms_make_a_page_and_a_missing_one_is_named(
    artifacts: Artifacts, tmp_path: Path
) -> None:
    summary = tmp_path / "summary.md"
    for kind in _OF_SUITE:
        for number in range(len(_rows(_read("conformance.yml")["jobs"][kind]))):
            assert _job(kind, number, artifacts).run()
    merging = _job("matrix", 0, artifacts, GITHUB_STEP_SUMMARY=str(summary))

    assert merging.run(), merging.said

    page = (artifacts.folder / "page" / "index.html").read_text()
    assert all(f"{name}=results/{name}.json" in page for name in workflows.names())
    assert summary.read_text() == "the summary\n"
    (artifacts.folder / "results-netbsd-11" / "netbsd-11.json").unlink()
    again = _job("matrix", 0, artifacts, GITHUB_STEP_SUMMARY=str(summary))
    again.workspace = tmp_path / "again"
    assert not again.run()
    assert "no results of: netbsd-11\n" in "".join(again.said)
    assert "No results of: netbsd-11\n" in summary.read_text()
    assert "netbsd-11" not in (artifacts.folder / "page" / "index.html").read_text()
