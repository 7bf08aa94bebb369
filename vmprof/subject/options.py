"""What is run, and the same on the command line. TVM is loaded when it is read there."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vmprof.errors import VmprofError
from vmprof.zoo.options import Toolchain

if TYPE_CHECKING:
    from tvm.runtime import Device

    from vmprof.inputs import Given, Weights
    from vmprof.subject.load import Source

DEFAULT_ENTRY = "main"


@dataclass(frozen=True)
class Subject:
    """A function of a program, and what it is called with.

    ``source`` and ``schedule`` are as in :func:`vmprof.subject.load.load_program`; ``inputs``,
    ``dimensions`` and ``seed`` as in :func:`vmprof.inputs.resolve_inputs`.
    ``params`` are weights by name, or a .safetensors or .npz file of them; None are those that
    came with the program. ``device`` is the first CPU by default. ``imports`` are packages that
    register functions which the model calls; they have been imported. ``toolchain`` is what
    compiles for another target than the processor that runs it has.
    """

    source: Source
    inputs: Given | None = None
    entry: str = DEFAULT_ENTRY
    params: Weights | str | os.PathLike[str] | None = None
    dimensions: Mapping[str, int] | None = None
    seed: int = 0
    schedule: str | None = None
    device: Device | None = None
    imports: Sequence[str] = ()
    toolchain: Toolchain = field(default_factory=Toolchain)

    @property
    def name(self) -> str:
        """What a report calls it."""
        if isinstance(self.source, str | os.PathLike):
            return Path(self.source).name
        return getattr(self.source, "name", "the module")  # of a Program

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "model", metavar="MODEL", help="a model's name, or a file: model.so, .onnx, .pt2"
        )
        cls.add_what_to_run(parser)

    @staticmethod
    def add_what_to_run(parser: argparse.ArgumentParser) -> None:
        """All but the model itself, for commands that may have several."""
        what = parser.add_argument_group("what to run")
        what.add_argument(
            "--entry",
            default=DEFAULT_ENTRY,
            metavar="NAME",
            help=f"the function to run (default: {DEFAULT_ENTRY})",
        )
        what.add_argument(
            "--input",
            action="append",
            default=[],
            metavar="[NAME=]VALUE",
            help="NAME=FILE.npy for one parameter, FILE.npz for those it names, or NAME=zeros, "
            "ones, random, a number, LEAST..MOST (both included), or a shape as 2,8; repeatable",
        )
        what.add_argument(
            "--params",
            metavar="FILE",
            help="weights by name, for a model that takes them as parameters: .safetensors or .npz",
        )
        what.add_argument(
            "--dim",
            action="append",
            default=[],
            type=_dimension,
            metavar="NAME=N",
            help="the size of a symbolic dimension; repeatable. The second that is written n is "
            "n#2",
        )
        what.add_argument(
            "--seed", type=_natural, default=0, metavar="N", help="for made-up inputs (default: 0)"
        )
        what.add_argument(
            "--import",
            action="append",
            default=[],
            dest="imports",
            metavar="PACKAGE",
            help="import a Python package first, which registers functions that the model calls; "
            "repeatable",
        )
        what.add_argument(
            "--schedule",
            choices=("cpu", "none"),
            help="how to compile what is not compiled yet: with vmprof's schedule, or as TVM does "
            "by itself (default: cpu for the models that vmprof brings along, none for others)",
        )
        Toolchain.add_arguments(parser)

    @classmethod
    def from_options(cls, options: argparse.Namespace, model: str | None = None) -> Subject:
        """Import the packages and read the files that ``options`` name.

        ``model`` is for commands whose options are of several.
        """
        from vmprof.inputs import load_arrays

        for package in options.imports:
            import_package(package)
        return cls(
            options.model if model is None else model,
            load_arrays(options.input),
            options.entry,
            options.params,
            dict(options.dim),
            options.seed,
            options.schedule,
            imports=tuple(options.imports),
            toolchain=Toolchain.from_options(options),
        )


def import_package(package: str) -> None:
    """From the current folder too, for what it registers with TVM."""
    sys.path.insert(0, "")
    try:
        importlib.import_module(package)
    except Exception as error:  # whatever the user's package raises
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise VmprofError(
            f"--import {package}: it cannot be imported: {type(error).__name__}: {reason}"
        ) from error
    finally:
        sys.path.remove("")


def _dimension(text: str) -> tuple[str, int]:
    name, separator, size = text.partition("=")
    if not (name and separator and size.isascii() and size.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=N")
    return name, int(size)


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 up")
    return int(text)
