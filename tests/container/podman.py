"""Containers by Podman, of images that are made here: no registry of images is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

_HERE = Path(__file__).parent
_INSTALL = "tests/container/install-tools"
_TOOLS = ("podman", "runc", "debootstrap")
_SUITE = "bookworm"
_MIRROR = "http://deb.debian.org/debian"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# Debian with its Python, whose venv module is a package of its own, and nothing else.
BARE = f"localhost/vmprof-bare:{_SUITE}"
# The same as the image that the Dockerfile starts from, as far as it uses that.
VERSION = "3.11"
OFFICIAL = f"localhost/python:{VERSION}-slim-{_SUITE}"

_OFFICIAL = f"""\
FROM {BARE}
RUN apt-get update \\
 && apt-get install -y --no-install-recommends python-is-python3 python3-dev python3-pip \\
 && rm -rf /var/lib/apt/lists/* /usr/lib/python3*/EXTERNALLY-MANAGED
"""


class UnavailableError(Exception):
    """Why there can be no container here, and what to do."""


def require() -> None:
    """Raises :class:`UnavailableError` where there can be no container."""
    if os.geteuid() != 0:
        raise UnavailableError("to make and run containers' images takes root")
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        raise UnavailableError(
            f"containers need {', '.join(missing)}; on Debian, as root: {_INSTALL}"
        )


def make_bare_image(folder: Path) -> None:
    """:data:`BARE`, by debootstrap in ``folder``; once, Podman keeps it.

    RuntimeError if that fails, or if Podman cannot run it.
    """
    if _exists(BARE):
        return
    root = folder / "root"
    packages = "--include=ca-certificates,python3,python3-venv"
    _run("debootstrap", "--variant=minbase", packages, _SUITE, root, _MIRROR)
    # This machine's, which may be behind a proxy with a certificate of its own.
    if _CERTIFICATES.exists():
        shutil.copy(_CERTIFICATES, root / _CERTIFICATES.relative_to("/"))
    archive = folder / "root.tar"
    _run("tar", "-C", root, "-cf", archive, ".")
    podman("import", archive, BARE)
    run(BARE, "true")


def make_official_image(folder: Path) -> None:
    """:data:`OFFICIAL`; once, as :data:`BARE`."""
    if not _exists(OFFICIAL):
        recipe = folder / "Containerfile"
        recipe.write_text(_OFFICIAL)
        build(recipe, folder, OFFICIAL)


def build(recipe: Path, context: Path, image: str, *options: str) -> None:
    """``image`` by ``recipe``; it may use the network."""
    podman("build", "--network", "host", *options, "-f", recipe, "-t", image, context)


def run(image: str, *command: str, options: Sequence[str] = (), network: str = "none") -> str:
    """What ``command`` wrote in a new container; RuntimeError if it failed."""
    return podman("run", "--rm", "--network", network, *options, image, *command)


def podman(*arguments: object) -> str:
    return _run("podman", *arguments)


def _exists(image: str) -> bool:
    found = subprocess.run(["podman", "image", "exists", image], check=False)
    return found.returncode == 0


def _run(*command: object) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, "CONTAINERS_CONF": str(_HERE / "containers.conf")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{done.stdout}")
    return done.stdout
