"""What compiles for another processor than this machine's, and the same on the command line."""

from __future__ import annotations

import argparse
from dataclasses import dataclass


@dataclass(frozen=True)
class Toolchain:
    """A C compiler that links libraries for a target, and the target.

    ``target`` is an LLVM triple (``aarch64-linux-gnu``), a name or JSON as
    ``tvm.target.Target`` takes it; None is that of where the library will run. ``compiler`` is the
    command of a C compiler that links for it, None the one that Debian and others call after the
    target; ``options`` are handed to it. Without any of that it is false.
    """

    target: str | None = None
    compiler: str | None = None
    options: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self != Toolchain()

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        how = parser.add_argument_group("what to compile for")
        how.add_argument(
            "--target",
            metavar="TARGET",
            help="an LLVM triple (aarch64-linux-gnu), or JSON as tvm.target.Target takes it, with "
            'the processor: \'{"kind": "llvm", "mtriple": "aarch64-linux-gnu", '
            '"mcpu": "neoverse-n1"}\' (default: the processor that will run it)',
        )
        how.add_argument(
            "--cc",
            metavar="COMPILER",
            help="the C compiler that links for the target (default for another kind of "
            "processor: aarch64-linux-gnu-gcc and the like)",
        )
        how.add_argument(
            "--cc-option",
            action="append",
            default=[],
            metavar="OPTION",
            help="an option for it, written --cc-option=-static-libgcc; repeatable",
        )
        how.add_argument(
            "--sysroot", metavar="FOLDER", help="where it finds the libraries of the target"
        )

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> Toolchain:
        sysroot = [] if options.sysroot is None else [f"--sysroot={options.sysroot}"]
        return cls(options.target, options.cc, (*options.cc_option, *sysroot))
