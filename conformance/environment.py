"""What is recorded of the machine a run took place on: measured, and None where it is unknown.

Nothing here is judged, and no verdict depends on it. A sandbox or an emulator is recognised by the
sign it shows, which is recorded with it.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import sysconfig
import tempfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PATIENCE = 20.0  # seconds for one program that is asked; an emulator may be slow


def record() -> dict[str, Any]:
    """Measure everything; what cannot be measured is None."""
    return {name: _measured(measure) for name, measure in _MEASURES.items()}


def _measured(measure: Callable[[], Any]) -> Any:
    try:
        return measure()
    except Exception:
        # Whatever a strange system does to one value must not cost the run, nor the other values.
        return None


def _uname() -> dict[str, str]:
    name = os.uname()
    return {
        "system": name.sysname,
        "release": name.release,
        "version": name.version,
        "machine": name.machine,
    }


def _distribution() -> str | None:
    return platform.freedesktop_os_release().get("PRETTY_NAME")


def _libc() -> str | None:
    try:
        known = os.confstr("CS_GNU_LIBC_VERSION")  # "glibc 2.36"
    except (AttributeError, ValueError, OSError):
        known = None
    if known:
        return known
    musl = re.search(r"\S*/ld-musl-\S+", _text("/proc/self/maps"))
    if musl:
        # musl tells its version to nobody but who runs its loader as a program.
        said = _said((musl[0],), error_stream=True)
        version = re.search(r"Version (\S+)", said)
        return f"musl {version[1]}" if version else "musl"
    return " ".join(platform.libc_ver()).strip() or None


def _python() -> dict[str, Any]:
    return {
        "implementation": platform.python_implementation(),
        "version": platform.python_version(),
        "build": " ".join(platform.python_build()),
        "compiler": platform.python_compiler(),
        "debug": bool(sysconfig.get_config_var("Py_DEBUG")),
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "executable": sys.executable,
    }


def _descriptors() -> dict[str, int | str]:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {
        name: "unlimited" if limit == resource.RLIM_INFINITY else limit
        for name, limit in (("soft", soft), ("hard", hard))
    }


def _user() -> dict[str, int]:
    return {"uid": os.getuid(), "euid": os.geteuid(), "gid": os.getgid(), "egid": os.getegid()}


def _cpus() -> dict[str, int | None]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return {"present": os.cpu_count(), "usable": usable}


def _temporary() -> dict[str, str | None]:
    folder = tempfile.gettempdir()
    return {"path": folder, "file_system": _measured(lambda: file_system(folder))}


def file_system(path: str) -> str | None:
    """Name the type of the file system that *path* lies on.

    Source: proc(5), /proc/PID/mountinfo; elsewhere nothing is known.
    """
    real = os.path.realpath(path)
    longest, kind = "", None
    for line in _text("/proc/self/mountinfo").splitlines():
        mount, _, rest = line.partition(" - ")
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), mount.split()[4])
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        # Of two mounts on one point the later one covers the earlier.
        if inside and len(point) >= len(longest):
            longest, kind = point, rest.split()[0]
    return kind


def _preload() -> dict[str, str]:
    names = ("LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES")
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def _versions() -> dict[str, str | None]:
    return {name: _version(name) for name in ("pytest", "pytest-xdist", "rich", "click")}


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def unsupported() -> str | None:
    """Say in a sentence why the suite cannot run here, found out by trying; None: it can.

    Names are no proof: Pyodide has socket.SCM_RIGHTS and socket.socketpair, and neither works.
    """
    try:
        import fcntl  # noqa: F401
        import socket

        for one in socket.socketpair(socket.AF_UNIX):
            one.close()
    except (ImportError, AttributeError, OSError) as error:
        return (
            f"{sys.platform} has no Unix sockets ({error}), and the suite joins its peers by them; "
            "run it on another system, with --peer for a passer that runs on this one"
        )
    return None


# -- what we are in -----------------------------------------------------------------------------


@functools.cache
def surroundings() -> list[dict[str, str]]:
    """List the sandboxes, containers and emulators this process shows signs of being in."""
    found: list[dict[str, str]] = []
    for look in (_simulations, _sandboxes, _containers, _emulators, _other_systems):
        try:
            found += [{"what": what, "sign": sign} for what, sign in look()]
        except Exception:  # noqa: S112  as in _measured()
            continue
    return found


def _sandboxes() -> Iterator[tuple[str, str]]:
    version = _text("/proc/version")
    if "gvisor" in version.lower():
        yield "gVisor", f"/proc/version: {version.strip()}"
    elif "Starting gVisor" in _said(("dmesg",)):
        # Its uname and its /proc/version may be those of an ordinary Linux 4.4.0.
        yield "gVisor", "dmesg: Starting gVisor"
    if "microsoft" in version.lower():
        yield "WSL", f"/proc/version: {version.strip()}"


@functools.cache
def simulated() -> str | None:
    """Name the system that a library interposed here simulates, as it says itself; or None."""
    import ctypes

    try:
        name = ctypes.CDLL(None).simulated_system
    except (AttributeError, OSError, TypeError):
        return None
    name.restype = ctypes.c_char_p
    return str(name().decode())


def evidence(system: str | None = None) -> str:
    """Say what a run here proves something of: ``ran`` of this system, else what stood between.

    *system* is what the peer says it runs on, if that is not where the suite runs.
    """
    if system:
        return f"ran on {system}"
    if name := simulated():
        return f"simulated {name}"
    outside = emulator()
    if outside is None:
        return "ran"
    # Of valgrind it is the tool that is seen, such as none-amd64-linux.
    return f"emulated by {'valgrind' if 'valgrind' in outside else os.path.basename(outside)}"


def _simulations() -> Iterator[tuple[str, str]]:
    if name := simulated():
        yield f"simulated {name}", "an interposed library offers simulated_system()"


_ALL_USERS = ["0", "0", str(0xFFFFFFFF)]  # user_namespaces(7): what the first one maps


def _containers() -> Iterator[tuple[str, str]]:
    for what, path in (("Docker", "/.dockerenv"), ("Podman", "/run/.containerenv")):
        if os.path.exists(path):
            yield what, f"{path} exists"
    if os.environ.get("container"):  # noqa: SIM112  it is written so; systemd.exec(5)
        yield "container", f"$container is {os.environ['container']}"  # noqa: SIM112
    mapped = _text("/proc/self/uid_map").split()
    if mapped and mapped != _ALL_USERS:
        yield "user namespace", f"/proc/self/uid_map: {' '.join(mapped)}"
    runtime = re.search(r"docker|kubepods|containerd|libpod|lxc", _text("/proc/1/cgroup"))
    if runtime:
        yield "container", f"/proc/1/cgroup names {runtime[0]}"


@functools.cache
def emulator() -> str | None:
    """Name the program that this one is interpreted by, such as qemu-x86_64-static; or None.

    An emulator answers for /proc/self/exe itself; below a descriptor of /proc it is not recognised,
    and the system says what runs.
    """
    try:
        inside = os.readlink("/proc/self/exe")
        proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
        try:
            outside = os.readlink("self/exe", dir_fd=proc)
        finally:
            os.close(proc)
    except OSError:
        return None
    return None if os.path.basename(outside) == os.path.basename(inside) else outside


def _emulators() -> Iterator[tuple[str, str]]:
    if outside := emulator():
        sign = f"below a descriptor of /proc, self/exe is {outside}"
        if "valgrind" in outside:
            yield "valgrind", sign
        elif os.path.basename(outside).startswith("qemu-"):
            yield "qemu-user", sign
        else:
            yield "emulator", sign


def _other_systems() -> Iterator[tuple[str, str]]:
    for what, command, answer in (
        ("FreeBSD jail", ("sysctl", "-n", "security.jail.jailed"), "1"),
        ("Rosetta 2", ("sysctl", "-n", "sysctl.proc_translated"), "1"),
    ):
        if _said(command).strip() == answer:
            yield what, f"{' '.join(command)}: {answer}"
    zone = _said(("zonename",)).strip()
    if zone and zone != "global":
        yield "zone", f"zonename: {zone}"


def _text(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _said(command: tuple[str, ...], *, error_stream: bool = False) -> str:
    if shutil.which(command[0]) is None:
        return ""
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if error_stream else subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return ended.stdout.decode(errors="replace")


_MEASURES: dict[str, Callable[[], Any]] = {
    "uname": _uname,
    "distribution": _distribution,
    "libc": _libc,
    "bits": lambda: struct.calcsize("P") * 8,
    "byte_order": lambda: sys.byteorder,
    "python": _python,
    "descriptors": _descriptors,
    "user": _user,
    "cpus": _cpus,
    "temporary": _temporary,
    "preload": _preload,
    "surroundings": surroundings,
    "versions": _versions,
}
