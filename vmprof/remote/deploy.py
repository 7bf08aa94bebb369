"""Installing vmprof on another host, as small as it gets there."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import msgspec

from vmprof.errors import VmprofError
from vmprof.owned import temporary_folder
from vmprof.progress import Progress, silent
from vmprof.remote.ssh import CommandError, Ssh
from vmprof.version import __version__

_LEAST_PYTHON = (3, 10)
# Of which apache-tvm has wheels; each needs a C library of that version.
_MACHINES = ("x86_64", "aarch64")
_LEAST_GLIBC = (2, 28)
# Of which client and server have to have the same version.
_SAME = ("apache-tvm", "apache-tvm-ffi")
# What a server and what it does import, of all that vmprof needs.
_NEEDED = frozenset(
    {
        *(*_SAME, "cffi", "ml-dtypes", "msgspec", "numpy", "pyelftools", "simpleeval", "tomli"),
    }
)
# A chain of commands, on any Python 3.
_LOOK = """
import json, os, platform, shutil, sys, sysconfig
def there(name):
    try:
        __import__(name)
    except ImportError:
        return False
    return True
print(json.dumps({
    "python": list(sys.version_info[:2]),
    "machine": platform.machine(),
    "libc": list(platform.libc_ver()),
    "venv": there("venv") and there("ensurepip"),
    "compiler": bool(os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")),
    "headers": os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")),
}))
"""
# In the environment that was made: TVM looks for its compiler, and does without.
_FORGET_COMPILER = """
import glob, os, sysconfig
for path in glob.glob(os.path.join(sysconfig.get_path("purelib"), "tvm/lib/libtvm_compiler*")):
    os.unlink(path)
"""
_SIZE = """
import os, sysconfig
print(sum(os.lstat(os.path.join(folder, name)).st_size
          for folder, _, names in os.walk(sysconfig.get_path("purelib")) for name in names))
"""


class Host(msgspec.Struct):
    """What a host has, as :data:`_LOOK` prints it."""

    python: tuple[int, int]
    machine: str
    libc: tuple[str, str]
    venv: bool
    compiler: bool
    headers: bool


@dataclass(frozen=True)
class Deployment:
    """vmprof for ``host``, in ``folder`` of the user's home there, as ``python`` runs it.

    ``wheel`` is a wheel or a source distribution of vmprof; None is made of the source that this
    vmprof runs from, or else what the package index has. Without the ``compiler`` TVM's is
    removed there: what is run is compiled here, and the host's peaks cannot be measured.
    """

    host: str
    python: str = "python3"
    folder: str = ".vmprof"
    wheel: Path | None = None
    compiler: bool = True
    options: Sequence[str] = ()

    @property
    def environment(self) -> str:
        return f"{self.folder}/venv"

    @property
    def command(self) -> str:
        """vmprof's, on the host."""
        return f"{self.environment}/bin/vmprof"

    def start(self, port: int) -> list[str]:
        """The command here that starts the server there, and a tunnel to it, until it is ended."""
        tunnel = ["-t", "-o", "ExitOnForwardFailure=yes", "-L", f"{port}:127.0.0.1:{port}"]
        server = (self.command, "rpc-server", "--port", str(port))
        return Ssh(self.host, self.options).command(*server, more=tunnel)


@dataclass(frozen=True)
class Deployed:
    """What was installed: bytes, and what ``vmprof doctor`` says there."""

    bytes: int
    doctor: str


def deploy(deployment: Deployment, progress: Progress = silent) -> Deployed:
    """Install it; :class:`VmprofError` says what is in the way."""
    if deployment.wheel is not None and not deployment.wheel.is_file():
        raise VmprofError(f"there is no file {deployment.wheel}; name a wheel of vmprof's")
    with Ssh(deployment.host, deployment.options) as ssh:
        progress(f"looking at {deployment.host}")
        host = _look(ssh, deployment.python)
        with temporary_folder() as folder:
            package = deployment.wheel or _made_package(host, folder, progress)
            _check_package(deployment, host, package)
            _install(ssh, deployment, package, progress)
        progress("asking its doctor")
        return Deployed(*_examined(ssh, deployment))


def _look(ssh: Ssh, python: str) -> Host:
    told = ssh.run(python, "-c", _LOOK, fails=f"{python} on {ssh.host} cannot be used")
    host = msgspec.json.decode(told, type=Host)
    version = ".".join(map(str, host.python))
    if host.python < _LEAST_PYTHON:
        raise VmprofError(
            f"{python} on {ssh.host} is Python {version}, and vmprof needs 3.10 or newer; install "
            "one there, and name it with --python"
        )
    if not host.venv:
        raise VmprofError(
            f"{python} on {ssh.host} lacks its venv module; on Debian or Ubuntu run there: "
            "sudo apt install python3-venv"
        )
    if host.machine not in _MACHINES:
        raise VmprofError(
            f"{ssh.host} has processors of the kind {host.machine}; there are wheels of apache-tvm "
            f"for {' and '.join(_MACHINES)} alone"
        )
    name, libc = host.libc
    if name != "glibc" or tuple(map(int, re.findall(r"\d+", libc)[:2])) < _LEAST_GLIBC:
        raise VmprofError(
            f"{ssh.host} has the C library {f'{name} {libc}'.strip() or 'musl, or another'}; the "
            f"wheels of apache-tvm need glibc {'.'.join(map(str, _LEAST_GLIBC))} or newer"
        )
    return host


def _made_package(host: Host, folder: Path, progress: Progress) -> Path | None:
    """A wheel, or for another kind of host a source distribution, of the source that this runs
    from; None if it runs from none.
    """
    source = Path(__file__).resolve().parents[2]
    if not (source / "pyproject.toml").is_file() or not (source / "native").is_dir():
        return None
    progress("packing vmprof")
    if _is_like_this(host):
        command = ["pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    else:
        command = ["build", "--sdist", "--outdir", str(folder), str(source)]
    done = subprocess.run(  # noqa: S603 # this Python
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False
    )
    packages = [*folder.glob("tvm_vmprof-*")]
    if done.returncode != 0 or len(packages) != 1:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise VmprofError(
            f"{source} cannot be packed: {said[-1] if said else 'nothing says why'}; "
            f"run: python -m pip install {command[0]}; or give a wheel with --wheel"
        )
    return packages[0]


def _is_like_this(host: Host) -> bool:
    return (host.machine, host.python) == (platform.machine(), sys.version_info[:2])


def _check_package(deployment: Deployment, host: Host, package: Path | None) -> None:
    if package is None:
        return
    if package.name.endswith(".tar.gz"):
        missing = [
            *([] if host.compiler else ["a C compiler (gcc)"]),
            *([] if host.headers else ["Python's C headers (python3-dev)"]),
        ]
        if missing:
            raise VmprofError(
                f"vmprof is built on {deployment.host} from its source, which takes "
                f"{' and '.join(missing)} there; install them, or give a wheel for "
                f"{host.machine} and Python {'.'.join(map(str, host.python))} with --wheel"
            )
        return
    if not _fits(package, host):
        raise VmprofError(
            f"{package} is no wheel for Python {'.'.join(map(str, host.python))} on "
            f"{host.machine}, which {deployment.host} has; leave --wheel out, or build one there "
            "(pip wheel --no-deps)"
        )


def _fits(package: Path, host: Host) -> bool:
    """Whether a wheel's name says that it is for the host; one for all Pythons says the oldest."""
    tags = re.search(r"-cp(\d)(\d+)-([^-]+)-[^-]+_" + re.escape(host.machine) + "$", package.stem)
    if tags is None:
        return False
    python = (int(tags[1]), int(tags[2]))
    return python == host.python or (tags[3] == "abi3" and python <= host.python)


def _install(ssh: Ssh, deployment: Deployment, package: Path | None, progress: Progress) -> None:
    folder, environment = deployment.folder, deployment.environment
    progress(f"making {folder} on {ssh.host}")
    ssh.run("mkdir", "-p", "-m", "700", "--", folder, fails=f"{folder} cannot be made")
    ssh.run(deployment.python, "-m", "venv", environment, fails=f"{environment} cannot be made")
    if package is None:
        what, least = f"tvm-vmprof=={__version__}", []
    else:
        progress(f"sending {package.name}")
        what = f"{folder}/{package.name}"
        # A shell's redirection: what reads and writes is the same program everywhere.
        ssh.run("sh", "-c", 'cat >"$0"', what, given=package, fails=f"{what} cannot be written")
        least = needed()
    python = f"{environment}/bin/python"
    pip = (python, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check")
    try:
        if least:
            progress(f"installing TVM on {ssh.host}, about 100 MB")
            ssh.run(*pip, *least)
        progress(f"installing vmprof on {ssh.host}")
        more = ("--no-deps", "--force-reinstall") if least else ()
        ssh.run(*pip, *more, what)
    except CommandError as error:
        errors = [line for line in error.said.splitlines() if line.startswith("ERROR:")]
        reason = errors[0].removeprefix("ERROR:").strip() if errors else str(error)
        raise VmprofError(f"pip cannot install vmprof on {ssh.host}: {reason}") from error
    if not deployment.compiler:
        ssh.run(python, "-c", _FORGET_COMPILER)


def needed() -> list[str]:
    """What vmprof's server needs: TVM as it is here, since it has to be the same, and others."""
    try:
        required = requires("tvm-vmprof") or []
        same = [f"{name}=={version(name)}" for name in _SAME]
    except PackageNotFoundError:
        return []
    return same + [
        line
        for line in required
        if "extra ==" not in line and _name(line) in _NEEDED.difference(_SAME)
    ]


def _name(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def _examined(ssh: Ssh, deployment: Deployment) -> tuple[int, str]:
    size = int(ssh.run(f"{deployment.environment}/bin/python", "-c", _SIZE))
    try:
        return size, ssh.run(deployment.command, "doctor")
    except CommandError as error:
        # It ends so where no hardware event can be counted, and says why.
        if error.status == 1 and "vmprof: error" not in error.said:
            return size, error.said + "\n"
        raise VmprofError(
            f"vmprof does not work on {ssh.host}: {error.said.splitlines()[-1]}"
        ) from error
