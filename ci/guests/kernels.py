"""Debian's kernels on machines that QEMU imitates, instruction by instruction.

Never by KVM, whose device may be there and not work. Kernel and user space are those of Debian
packages, in memory: there is no disk, and what comes out comes over the console.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from . import debian, inside
from .places import MADE, made_once
from .running import PREPARING, CannotRun

if TYPE_CHECKING:
    from .places import Errand
    from .table import Platform

# By Debian's word for the processor: the emulator with its package, the machine, the console.
_X86 = ("-cpu", "max")
_MACHINES: dict[str, tuple[str, str, tuple[str, ...], str]] = {
    "amd64": ("qemu-system-x86_64", "qemu-system-x86", _X86, "ttyS0"),
    "i386": ("qemu-system-i386", "qemu-system-x86", _X86, "ttyS0"),
    # With -cpu max the kernel says nothing for minutes.
    "arm64": (
        "qemu-system-aarch64",
        "qemu-system-arm",
        ("-M", "virt", "-cpu", "cortex-a57"),
        "ttyAMA0",
    ),
    "s390x": ("qemu-system-s390x", "qemu-system-misc", ("-M", "s390-ccw-virtio"), ""),
}


def command(platform: Platform, errand: Errand) -> list[str]:
    """Boot the kernel, with the suite in the place of init."""
    architecture, packages = platform.word("architecture"), platform.words("packages")
    if architecture not in _MACHINES:
        raise CannotRun(f"no machine is known for {architecture}, only {', '.join(_MACHINES)}")
    emulator, package, machine, console = _MACHINES[architecture]
    debian.install({emulator: package, "cpio": "cpio"})
    kernel = _kernel(platform.word("kernel-release"), architecture, platform.word("kernel"))
    base = _initramfs(debian.root(platform.word("release"), architecture, packages))
    memory = errand.results.parent / "initramfs"
    with open(memory, "wb") as whole:
        # Two archives one after the other are one, of which the later covers the earlier.
        for part in (base, _ours(platform, errand)):
            with open(part, "rb") as archive:
                shutil.copyfileobj(archive, whole)
    line = ["quiet", "panic=-1", "rdinit=/init", "plan=/plan.json"]
    line += [f"console={console}"] if console else []
    return [
        *(emulator, "-accel", "tcg", *machine, "-m", "1536", "-smp", "2"),
        *("-kernel", str(kernel), "-initrd", str(memory), "-append", " ".join(line)),
        *("-nographic", "-no-reboot", "-monitor", "none", "-serial", "stdio", "-nic", "none"),
    ]


def _kernel(release: str, architecture: str, name: str) -> Path:
    exact = debian.depends(release, architecture, name, "linux-image-")
    # Since Linux 7 that package only names others, and what is booted lies beside its modules.
    for package in (exact, exact.replace("linux-image-", "linux-binary-")):
        folder = debian.unpacked(release, architecture, package)
        for kernel in (*folder.glob("boot/vmlinu*"), *folder.glob("usr/lib/modules/*/vmlinu*")):
            return kernel
    raise CannotRun(f"in {release}, {exact} has no kernel")


def _initramfs(root: Path) -> Path:
    """Pack a user space, once; not compressed, which an imitated processor would be long at."""
    name = f"initramfs-{root.name}"
    with made_once(name) as folder:
        if folder is not None:
            _pack(root, folder / "cpio")
    return MADE / name / "cpio"


def _ours(platform: Platform, errand: Errand) -> Path:
    """Pack the suite, what runs it, and what it is to do."""
    folder, packed = errand.results.parent / "ours", errand.results.parent / "ours.cpio"
    folder.mkdir()
    shutil.copy(errand.suite, folder)
    shutil.copy(Path(inside.__file__), folder / "init")
    results = "/run/results.json"
    plan = {
        "command": [
            platform.word("interpreter"),
            f"/{errand.suite.name}",
            *errand.words_into(results),
        ],
        "environment": {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/run"},
        "results": results,
        "end": "restart",
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    _pack(folder, packed)
    return packed


def _pack(folder: Path, archive: Path) -> None:
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    with open(archive, "wb") as file:
        words = ["cpio", "--quiet", "--create", "--format=newc", "--owner=+0:+0"]
        subprocess.run(
            words,
            cwd=folder,
            input="\n".join(names).encode(),
            stdout=file,
            timeout=PREPARING,
            check=True,
        )
