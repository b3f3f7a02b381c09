"""A job of a workflow, run here: its commands for real, its actions by what each leaves behind."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE = 100.0  # seconds, for one step


@dataclass
class Artifacts:
    """What jobs hand to one another: folders by name."""

    folder: Path

    def upload(self, given: dict[str, str], workspace: Path) -> bool:
        """Take what the patterns match; say whether that is anything."""
        found = [path for word in given["path"].split() for path in _matching(workspace, word)]
        for path in found:
            kept = self.folder / given["name"] / path.name
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, kept)
        return bool(found) or given.get("if-no-files-found") != "error"

    def download(self, given: dict[str, str], workspace: Path) -> bool:
        """Give one by its name, or all of a pattern, merged."""
        names = given.get("name") or given["pattern"]
        for folder in sorted(self.folder.glob(names)):
            target = workspace / given.get("path", ".")
            target.mkdir(exist_ok=True)
            for path in folder.iterdir():
                shutil.copyfile(path, target / path.name)
        return "pattern" in given or (self.folder / names).exists()


def _matching(workspace: Path, word: str) -> list[Path]:
    pattern = f"{word}**/*" if word.endswith("/") else word
    return sorted(path for path in workspace.glob(pattern) if path.is_file())


@dataclass
class Job:
    """A job with one row of its matrix, in a workspace of its own."""

    told: dict[str, Any]
    row: dict[str, Any]
    artifacts: Artifacts
    workspace: Path
    variables: dict[str, str]
    said: list[str] = field(default_factory=list)

    def run(self) -> bool:
        """Run the steps as the service does; say whether all went well."""
        self.workspace.mkdir()
        well = True
        for step in self.told["steps"]:
            if self._is_due(str(step.get("if", "")), well=well):
                well = self._step(step) and well
        return well

    def _is_due(self, condition: str, *, well: bool) -> bool:
        if compared := re.fullmatch(r"matrix\.(\w+) == '(.*)'", condition):
            return well and self.row[compared[1]] == compared[2]
        assert condition in {"", "${{ !cancelled() }}"}, f"a condition nobody knows: {condition}"
        return well or bool(condition)

    def _step(self, step: dict[str, Any]) -> bool:
        given = {key: self._filled(str(value)) for key, value in step.get("with", {}).items()}
        action = step.get("uses", "").partition("@")[0]
        if action == "actions/upload-artifact":
            return self.artifacts.upload(given, self.workspace)
        if action == "actions/download-artifact":
            return self.artifacts.download(given, self.workspace)
        if action:  # what boots or installs; the commands are run here
            return True
        shell = ["bash", "-e"] if "shell" not in step else ["sh", "-e"]
        own = {key: self._filled(value) for key, value in step.get("env", {}).items()}
        ended = subprocess.run(
            [*shell, "-c", self._filled(step["run"])],
            cwd=self.workspace,
            env={
                **os.environ,
                "GITHUB_WORKSPACE": str(self.workspace),
                **self.variables,
                **own,
            },
            capture_output=True,
            check=False,
            text=True,
            timeout=_PATIENCE,
        )
        self.said += [ended.stdout, ended.stderr]
        return ended.returncode == 0

    def _filled(self, text: str) -> str:
        values = {f"matrix.{key}": str(value) for key, value in self.row.items()}
        values["steps.python.outputs.python-path"] = self.variables["PYTHON"]
        return re.sub(r"\$\{\{ (\S+) \}\}", lambda at: values[at[1]], text)
