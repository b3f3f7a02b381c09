"""A headless Chromium, driven over the HTTP protocol of its chromedriver; W3C WebDriver."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typing_extensions import Self

_PATIENCE = 60.0  # seconds for one request; the machine may be busy
_FLAGS = (
    "--headless",
    "--no-sandbox",  # the tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_SAID = re.compile(r"started successfully on port (\d+)")


def needed() -> None:
    """Skip the test where there is no browser."""
    for program, package in (("chromium", "chromium"), ("chromedriver", "chromium-driver")):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (Debian package {package})")


class Browser:
    """One browser; ``with`` ends it, and all that it started."""

    def __init__(self, folder: Path, width: int = 1440, height: int = 900) -> None:
        """Start it; *folder* is for all that it writes."""
        self._log = folder / "chromedriver.log"
        environment = {**os.environ, "HOME": str(folder), "TMPDIR": str(folder)}
        with self._log.open("wb") as log:
            self._driver = subprocess.Popen(
                ["chromedriver", "--port=0"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        self._at, self._open = "", False
        try:
            self._at = f"http://127.0.0.1:{self._port()}/session"
            options = {"args": [*_FLAGS, f"--user-data-dir={folder / 'profile'}"]}
            chosen = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
            made = self._ask("POST", "", {"capabilities": chosen})
            self._at += f"/{made['sessionId']}"
            self._open = True
            self.size(width, height)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()

    def close(self) -> None:
        """End the browser by its driver, which collects it, and then what is left of the two."""
        try:
            if self._open:
                self._ask("DELETE", "")
        finally:
            with contextlib.suppress(ProcessLookupError):  # nothing of their group is left
                os.killpg(self._driver.pid, signal.SIGKILL)
            self._driver.wait(10)

    def open(self, address: str) -> None:
        """Load a page anew, though only its fragment were another."""
        self._ask("POST", "/url", {"url": "about:blank"})
        self._ask("POST", "/url", {"url": address})

    def run(self, script: str, *arguments: object) -> Any:
        """Run the body of a function in the page, and give what it returns."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def until(self, script: str) -> Any:
        """Wait until a script returns what is true, and give it."""
        return self._until(lambda: self.run(script), script)

    def press(self, *keys: str) -> None:
        """Press and release keys, one after the other."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        pressed = [{"type": "key", "id": "keyboard", "actions": actions}]
        self._ask("POST", "/actions", {"actions": pressed})

    def click(self, selector: str) -> None:
        """Click in the middle of the first element that the selector finds."""
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        (reference,) = found.values()
        self._ask("POST", f"/element/{reference}/click", {})

    def size(self, width: int, height: int, *, dark: bool | None = None) -> None:
        """Set the size of the page, as that of a phone, and the colours that its user prefers."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._command("Emulation.setDeviceMetricsOverride", metrics)
        if dark is not None:
            feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            self._command("Emulation.setEmulatedMedia", {"features": [feature]})

    def picture(self, path: Path) -> None:
        """Write what is seen now, as a PNG."""
        path.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))

    def _command(self, name: str, parameters: dict[str, Any]) -> None:
        self._ask("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def _port(self) -> str:
        said = self._until(
            lambda: _SAID.search(self._log.read_text(errors="replace")), "chromedriver's port"
        )
        return str(said[1])

    def _until(self, look: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + _PATIENCE
        while not (found := look()):
            if self._driver.poll() is not None:
                raise AssertionError(f"chromedriver ended: {self._log.read_text(errors='replace')}")
            assert time.monotonic() < deadline, f"waited {_PATIENCE:g} s in vain for: {what}"
            time.sleep(0.02)
        return found

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._at + path, data, method=method)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=_PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(error.read().decode(errors="replace")) from None
