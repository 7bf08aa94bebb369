"""Libraries of what was compiled, for this machine or for another."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path
from typing import Any

import tvm
from tvm.support import cc

from vmprof.errors import VmprofError
from vmprof.program.architecture import this_architecture
from vmprof.zoo.compiler.packing import packing_options
from vmprof.zoo.compiler.target import architecture
from vmprof.zoo.options import Toolchain

# GNU's compilers for other processors: the command, and what to install on Debian or Ubuntu.
_CROSS_COMPILERS = {
    "aarch64": ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"),
    "arm": ("arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf libc6-dev-armhf-cross"),
    "i686": ("i686-linux-gnu-gcc", "gcc-i686-linux-gnu libc6-dev-i386-cross"),
    "riscv64": ("riscv64-linux-gnu-gcc", "gcc-riscv64-linux-gnu libc6-dev-riscv64-cross"),
    "x86_64": ("x86_64-linux-gnu-gcc", "gcc-x86-64-linux-gnu libc6-dev-amd64-cross"),
}
# What GNU's linker says where the libraries of the target are not there.
_NO_C_LIBRARY = ("cannot find crti.o", "cannot find -lc", "cannot find Scrt1.o")


class NotLinkedError(VmprofError):
    """A library could not be made of what was compiled."""


def linking_options(
    target: tvm.target.Target, toolchain: Toolchain | None = None
) -> dict[str, Any]:
    """For ``export_library`` of what was compiled for ``target``: the compiler that links it.

    Raises :class:`VmprofError` if there is none.
    """
    toolchain = toolchain or Toolchain()
    compiler = toolchain.compiler or _compiler_for(architecture(target))
    if compiler is not None and shutil.which(compiler) is None:
        raise VmprofError(f"the C compiler {compiler} is not there; name another one with --cc")
    options = list(toolchain.options)
    return {**({"cc": compiler} if compiler else {}), **({"options": options} if options else {})}


def _compiler_for(kind: str) -> str | None:
    """The one that is named after the processor; None is the one that TVM takes by itself."""
    if kind == this_architecture():
        if cc.get_cc() is None:
            raise VmprofError(
                "a library is linked by a C compiler, and there is none; on Debian or Ubuntu run: "
                "sudo apt install gcc"
            )
        return None
    command, packages = _CROSS_COMPILERS.get(kind, ("", ""))
    if not command:
        raise VmprofError(
            f"vmprof knows no C compiler that links for {kind}; name one with --cc (cc= from "
            "Python)"
        )
    if shutil.which(command) is None:
        raise VmprofError(
            f"to link for {kind} takes {command}, which is not there; on Debian or Ubuntu run: "
            f"sudo apt install {packages}; or name another compiler with --cc (cc= from Python)"
        )
    return command


def link(
    executable: Any,
    library: Path,
    target: tvm.target.Target,
    linking: dict[str, Any],
) -> None:
    """Write what was compiled for ``target`` to ``library``, with its :func:`linking_options`.

    Raises :class:`NotLinkedError`, whatever went wrong.
    """
    try:
        with packing_options(executable.mod) as options:
            executable.export_library(str(library), **options, **linking)
    except Exception as error:  # whatever the linker says, down to plain RuntimeError
        said = str(error)
        reason = textwrap.shorten(said, 200)
        if any(each in said for each in _NO_C_LIBRARY):
            _, packages = _CROSS_COMPILERS.get(architecture(target), ("", "libc6-dev"))
            reason = (
                "the C compiler finds no C library of the target; on Debian or Ubuntu run: "
                f"sudo apt install {packages}; or say where it is with --sysroot"
            )
        raise NotLinkedError(f"no library can be linked: {reason}") from error
