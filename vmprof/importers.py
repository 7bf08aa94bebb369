"""Models of other frameworks -> Relax, by TVM's own importers."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vmprof.errors import VmprofError


def import_model(path: Path) -> Any:
    """The Relax module of an ONNX model (.onnx) or an exported PyTorch program (.pt2).

    Raises :class:`VmprofError` if the framework is not installed, or the file
    cannot be read, or TVM's importer cannot take it.
    """
    read, package, extra = _IMPORTERS[path.suffix]
    if find_spec(package) is None:
        raise VmprofError(
            f"to read {path} takes the package {package!r}; "
            f"run: python -m pip install 'tvm-vmprof[{extra}]'"
        )
    try:
        # What the frameworks and TVM warn each other of is not for our users.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read(path)
    except Exception as error:  # the frameworks and TVM raise what they like
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise VmprofError(f"{path} cannot be imported: {reason}") from error


def _from_onnx(path: Path) -> Any:
    import onnx
    from tvm.relax.frontend.onnx import from_onnx

    return from_onnx(onnx.load(path))


def _from_torch(path: Path) -> Any:
    import torch
    from tvm.relax.frontend.torch import from_exported_program

    return from_exported_program(torch.export.load(path), unwrap_unit_return_tuple=True)


# How to read a file, which package that takes, and vmprof's extra that brings it.
_IMPORTERS = {".onnx": (_from_onnx, "onnx", "onnx"), ".pt2": (_from_torch, "torch", "torch")}
SUFFIXES = tuple(_IMPORTERS)
