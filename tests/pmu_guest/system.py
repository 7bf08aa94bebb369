"""The emulated machine's system: kernel, Debian, Python, TVM. Made once, kept in the cache.

Nothing is installed on this machine, and no package runs its scripts: apt works
in a folder of its own, where it is told that the machine is an Arm one, and
what it downloads is unpacked.
"""

from __future__ import annotations

import compileall
import contextlib
import fcntl
import gzip
import hashlib
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import requires
from pathlib import Path
from py_compile import PycInvalidationMode

from pmu_guest.commands import require, run
from pmu_guest.machine import UnavailableError

# Debian 12. Point releases alone change it: what tests assert was seen with this kernel.
_SOURCES = (
    "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "
    "http://deb.debian.org/debian bookworm main\n"
)
_PYTHON = (3, 11)
_PACKAGES = (
    "linux-image-arm64",
    "busybox-static",
    "python3",
    "libpython3-dev",  # with libc's headers: the system is what we compile and link against
    "libstdc++6",
    "util-linux",  # setpriv
)
# In the order of their insertion, after what each depends on.
_MODULES = ("virtio_pci", "9pnet_virtio", "9p", "virtio_net")
_WHEEL_PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")

_KEEP_SECONDS = 7 * 24 * 3600

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class System:
    """Where its parts lie. ``root`` is the guest's root folder, and the cross compiler's."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd.gz"

    @property
    def python_include(self) -> Path:
        return self.root / "usr/include/python{}.{}".format(*_PYTHON)

    @property
    def packages(self) -> Path:
        """Where Debian's Python looks for modules."""
        return self.root / "usr/lib/python3/dist-packages"


def cached_system(progress: Callable[[str], None]) -> System:
    """The system from the cache, made if it isn't there; UnavailableError if it can't be."""
    if sys.version_info[:2] != _PYTHON:
        wanted = ".".join(map(str, _PYTHON))
        raise UnavailableError(
            f"the emulated Arm machine has Python {wanted}, so the tests need it too; "
            f"run: make clean; make test-pmu PYTHON=python{wanted}"
        )
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vmprof/pmu-guest"
    system = System(cache / _key())
    with _locked(cache):
        if not system.folder.exists():
            require("apt-get", "dpkg", "cpio")
            progress("making the emulated machine's system (once, about a minute)")
            unfinished = System(cache / "unfinished")
            shutil.rmtree(unfinished.folder, ignore_errors=True)
            unfinished.folder.mkdir()
            _make(unfinished, progress)
            unfinished.folder.rename(system.folder)
        os.utime(system.folder)
        _forget_unused(cache)
    return system


def _forget_unused(cache: Path) -> None:
    """Remove the systems that other states of the repository were tested with, after a week."""
    for folder in cache.iterdir():
        if folder.is_dir() and time.time() - folder.stat().st_mtime > _KEEP_SECONDS:
            shutil.rmtree(folder)


def _requirements() -> list[str]:
    """What vmprof needs, as pyproject.toml says."""
    return [line for line in requires("tvm-vmprof") or () if "extra ==" not in line]


def _key() -> str:
    made_from = [Path(__file__).read_text(), (_HERE / "init").read_text(), *_requirements()]
    return hashlib.sha256("\0".join(made_from).encode()).hexdigest()[:16]


@contextlib.contextmanager
def _locked(cache: Path) -> Iterator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(system: System, progress: Callable[[str], None]) -> None:
    progress("downloading Debian packages for Arm (100 MB)")
    for package in _download(system.folder / "apt"):
        run(["dpkg", "-x", package, system.root])
    shutil.rmtree(system.folder / "apt")
    for name in ("proc", "sys", "dev", "tmp", "mnt"):
        (system.root / name).mkdir(exist_ok=True)
    _make_initrd(system)
    progress("downloading TVM and what else vmprof needs, for Arm (100 MB)")
    _install_wheels(system)
    run(["chmod", "-R", "a+rX", system.root])  # the guest's user is nobody here
    # Start-up is most of what a program does in the guest. Nothing will change these files.
    for folder in ("usr/lib/python{}.{}".format(*_PYTHON), "usr/lib/python3/dist-packages"):
        compileall.compile_dir(
            system.root / folder,
            quiet=2,
            workers=0,
            stripdir=str(system.root),
            invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        )


def _download(folder: Path) -> list[Path]:
    """The files of Debian's packages, with all that they depend on."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()  # nothing is installed yet
    (folder / "sources.list").write_text(_SOURCES)
    (folder / "apt.conf").write_text(
        'APT::Architecture "arm64";\n'
        'APT::Architectures { "arm64"; };\n'
        'APT::Install-Recommends "false";\n'
        'APT::Sandbox::User "";\n'
        f'Dir::State "{folder}/state";\n'
        f'Dir::State::status "{folder}/status";\n'
        f'Dir::Cache "{folder}/cache";\n'
        f'Dir::Etc::SourceList "{folder}/sources.list";\n'
        'Dir::Etc::SourceParts "-";\n'
        'Debug::NoLocking "true";\n'
    )
    env = {**os.environ, "APT_CONFIG": str(folder / "apt.conf")}
    try:
        run(["apt-get", "update", "--error-on=any"], env=env)
        run(["apt-get", "install", "--yes", "--download-only", *_PACKAGES], env=env)
    except RuntimeError as error:
        reason = [line for line in str(error).splitlines() if line.startswith("E:")]
        raise UnavailableError(
            f"apt-get cannot download Debian packages for Arm: {' '.join(reason) or error}"
        ) from error
    return sorted((folder / "cache/archives").glob("*.deb"))


def _make_initrd(system: System) -> None:
    """Take kernel, busybox and the modules that mount what QEMU shares out of the root folder."""
    (kernel,) = (system.root / "boot").glob("vmlinuz-*")
    kernel.rename(system.kernel)
    initrd = system.folder / "initrd"
    for name in ("bin", "modules", "proc", "sys", "dev", "root"):
        (initrd / name).mkdir(parents=True)
    shutil.copy(system.root / "bin/busybox", initrd / "bin")
    shutil.copy(_HERE / "init", initrd / "init")
    (initrd / "init").chmod(0o755)
    modules = system.root / "lib/modules"
    for number, module in enumerate(_in_order(modules)):
        shutil.copy(module, initrd / f"modules/{number:02}-{module.name}")
    names = [str(path.relative_to(initrd)) for path in sorted(initrd.rglob("*"))]
    archive = run(
        ["cpio", "--create", "--format=newc", "--quiet"],
        cwd=initrd,
        stdin="\n".join(names).encode(),
    )
    system.initrd.write_bytes(gzip.compress(archive, 1))
    shutil.rmtree(initrd)
    shutil.rmtree(modules)


def _in_order(modules: Path) -> list[Path]:
    """The files of the modules in _MODULES, each after those that it depends on."""
    files = {path.stem.replace("-", "_"): path for path in modules.rglob("*.ko")}
    ordered: dict[Path, None] = {}

    def add(name: str) -> None:
        depends = re.search(rb"\0depends=([^\0]*)", files[name].read_bytes())
        assert depends is not None, f"{files[name]} does not say what it depends on"
        for other in filter(None, depends[1].decode().split(",")):
            add(other.replace("-", "_"))
        ordered[files[name]] = None

    for name in _MODULES:
        add(name)
    return list(ordered)


def _install_wheels(system: System) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
    command += ["--target", str(system.packages), "--only-binary=:all:"]
    command += ["--python-version", "{}.{}".format(*_PYTHON)]
    for platform in _WHEEL_PLATFORMS:
        command += ["--platform", platform]
    try:
        run([*command, *_requirements()])
    except RuntimeError as error:
        reason = [line for line in str(error).splitlines() if line.startswith("ERROR:")]
        raise UnavailableError(
            f"pip cannot download wheels for Arm: {' '.join(reason) or error}"
        ) from error
