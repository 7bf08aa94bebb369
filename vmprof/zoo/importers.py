"""Models of other frameworks -> Relax, by TVM's own importers."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vmprof.errors import VmprofError
from vmprof.native_log import kept_quiet, reason_of

# What TVM's importer prints when it fails in the middle.
_OPERATOR = re.compile(r"Error converting operator (.*)")


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
    return _imported(str(path), lambda: read(path))


def import_object(source: Any) -> Any | None:
    """The Relax module of an ONNX or PyTorch model in memory; None for anything else.

    Raises :class:`VmprofError` as :func:`import_model` does.
    """
    kind = type(source)
    match f"{kind.__module__}.{kind.__qualname__}":
        case "torch.export.exported_program.ExportedProgram":
            return _imported("the exported program", lambda: _of_exported(source))
        case "onnx.onnx_ml_pb2.ModelProto":
            return _imported("the ONNX model", lambda: _of_onnx(source))
    return None


def _imported(what: str, run: Callable[[], Any]) -> Any:
    said: list[str] = []
    try:
        with kept_quiet("importing", said):
            return run()
    except Exception as error:  # the frameworks and TVM raise what they like
        operators = _OPERATOR.findall("".join(said))
        where = f"operator {operators[-1]}: " if operators else ""
        problem = f"{what} cannot be imported: {where}{reason_of(error)}"
        raise VmprofError(
            problem, command_line=f"{problem} (--debug shows all that is said of it)"
        ) from error


def _from_onnx(path: Path) -> Any:
    import onnx

    return _of_onnx(onnx.load(path))


def _of_onnx(model: Any) -> Any:
    from vmprof.zoo.named_importers import from_onnx

    _name_dimensions(model.graph)
    return from_onnx(model)


def _name_dimensions(graph: Any) -> None:
    """Give the dimensions of inputs names that are names, and to each its own.

    TVM takes ``batch-size`` for a difference, and all dimensions without a name for one.
    What is arithmetic over other dimensions, as ``2*n`` beside ``n``, stays.
    """
    dimensions = [
        (value.name, axis, dimension)
        for value in graph.input
        for axis, dimension in enumerate(value.type.tensor_type.shape.dim)
        if dimension.WhichOneof("value") != "dim_value"
    ]
    taken = {d.dim_param for _, _, d in dimensions if d.dim_param.isidentifier()}
    names: dict[str, str] = {}

    def unused(text: str) -> str:
        name = re.sub(r"\W", "_", text)
        name = name if name.isidentifier() else f"_{name}"
        while name in taken:
            name += "_"
        taken.add(name)
        return name

    for value, axis, dimension in dimensions:
        text = dimension.dim_param
        symbols = set(re.findall(r"[^\W\d]\w*", text))
        if text in ("", "?"):
            dimension.dim_param = unused(f"{value}_{axis}")
        elif not text.isidentifier() and not (symbols and symbols <= taken):
            if text not in names:
                names[text] = unused(text)
            dimension.dim_param = names[text]


def _from_torch(path: Path) -> Any:
    import torch

    return _of_exported(torch.export.load(path))


def _of_exported(program: Any) -> Any:
    from vmprof.zoo.named_importers import from_exported_program

    return from_exported_program(program)


# How to read a file, which package that takes, and vmprof's extra that brings it.
_IMPORTERS = {".onnx": (_from_onnx, "onnx", "onnx"), ".pt2": (_from_torch, "torch", "torch")}
SUFFIXES = tuple(_IMPORTERS)
