"""What programs find in their folder: themselves, libraries, and in the guest vmprof."""

from __future__ import annotations

import compileall
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

import tvm
import tvm_ffi.libinfo

from pmu_guest.commands import run
from pmu_guest.models import mlp
from pmu_guest.system import System

_HERE = Path(__file__).parent
_REPOSITORY = _HERE.parents[1]


@dataclass(frozen=True)
class Toolchain:
    """Compiles C and TVM models for one machine."""

    compiler: str
    options: tuple[str, ...]
    target: Any

    @classmethod
    def native(cls) -> Toolchain:
        return cls("cc", (), "llvm")

    @classmethod
    def guest(cls, system: System) -> Toolchain:
        triple = "aarch64-linux-gnu"
        sysroot = f"--sysroot={system.root}"
        return cls(f"{triple}-gcc", (sysroot,), {"kind": "llvm", "mtriple": triple})

    def compile_c(self, source: Path, library: Path) -> None:
        includes = [tvm_ffi.libinfo.find_include_path(), tvm_ffi.libinfo.find_dlpack_include_path()]
        flags = ["-O2", "-shared", "-fPIC", "-Wall", *(f"-isystem{path}" for path in includes)]
        run([self.compiler, *self.options, *flags, "-o", library, source])

    def compile_model(self, module: tvm.IRModule, library: Path) -> None:
        executable = tvm.compile(module, tvm.target.Target(self.target))
        executable.export_library(str(library), cc=self.compiler, options=list(self.options))


def make_programs(folder: Path, toolchain: Toolchain) -> None:
    """The programs and the libraries that they use, in ``folder``."""
    shutil.copytree(_HERE / "programs", folder / "programs")
    toolchain.compile_c(_HERE / "programs/spin.c", folder / "spin.so")
    for rows in (1, 32):
        toolchain.compile_model(mlp(rows), folder / f"mlp-{rows}.so")


def make_vmprof(folder: Path, system: System) -> None:
    """The package as it stands in the repository, its native half built for the guest."""
    package = folder / "vmprof"
    shutil.copytree(
        _REPOSITORY / "vmprof", package, ignore=shutil.ignore_patterns("*.so", "__pycache__")
    )
    shutil.copy(_build_native(folder.parent / "build", system), package)
    metadata = folder / "tvm_vmprof.dist-info"
    metadata.mkdir()
    text = distribution("tvm-vmprof").read_text("METADATA")
    assert text is not None
    (metadata / "METADATA").write_text(text)
    compileall.compile_dir(package, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)


def _build_native(folder: Path, system: System) -> Path:
    settings = {
        "CMAKE_TOOLCHAIN_FILE": _HERE / "aarch64.cmake",
        "CMAKE_SYSROOT": system.root,
        "CMAKE_BUILD_TYPE": "Release",
        "Python_EXECUTABLE": sys.executable,
        "Python_INCLUDE_DIR": system.python_include,
        "TVM_FFI_LIBRARY": system.packages / "tvm_ffi/lib/libtvm_ffi.so",
    }
    given = [f"-D{name}={value}" for name, value in settings.items()]
    run(["cmake", "-S", _REPOSITORY, "-B", folder, *given])
    run(["cmake", "--build", folder])
    (library,) = folder.glob("_native*.so")
    return library
