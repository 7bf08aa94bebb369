"""Layers of a model, as a report names them in the column :data:`~vmprof.values.LAYER`.

A layer has the name that the model's author gave it, mostly a path: ``/layer1/0/conv1/Conv`` in
ONNX, ``layer1.0.conv1`` in PyTorch. A kernel may do the work of several, and a row stand for
calls of several: all of them are in its cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import takewhile

from vmprof.errors import VmprofError
from vmprof.report.model import Report
from vmprof.values import LAYER, PATH, Metric, Row

_AND = " + "
_COMPONENT = re.compile(r"[./]*[^./]+|[./]+$")  # of a path, what separates it before it
NO_LAYER = "(no layer)"
# Of a kernel, or of its arguments: of several kernels none is true.
_OF_KERNELS = ("Hash", "Argument Shapes", LAYER)


def cell_of(layers: Iterable[str]) -> str:
    """A cell of ``layers``, each of them once."""
    return _AND.join(dict.fromkeys(layers))


def layers_of(cell: Metric | None) -> Sequence[str]:
    """The layers that a cell names."""
    return cell.split(_AND) if isinstance(cell, str) and cell else ()


def all_layers(cells: Iterable[Metric]) -> str:
    """The cell of rows that are made one."""
    return cell_of(layer for cell in cells for layer in layers_of(cell))


def short(cell: str) -> str:
    """``layer1.0.{conv1, relu}`` of ``layer1.0.conv1 + layer1.0.relu``."""
    layers = layers_of(cell)
    paths = [_COMPONENT.findall(layer)[:-1] for layer in layers]
    common = "".join(_common(paths))
    if len(layers) < 2 or not common:
        return cell
    rests = [layer[len(common) :] for layer in layers]
    separator = rests[0][0] if {rest[0] for rest in rests} in ({"."}, {"/"}) else ""
    return f"{common}{separator}{{{', '.join(rest.removeprefix(separator) for rest in rests)}}}"


def _common(paths: Sequence[Sequence[str]]) -> list[str]:
    """What all ``paths`` begin with."""
    parts = zip(*paths, strict=False)
    return [first for first, *_ in takewhile(lambda part: len({*part}) == 1, parts)]


def within(cell: Metric | None, depth: int | None) -> str:
    """The layers of ``cell``, of each the first ``depth`` parts of its path; None: all of it."""
    return cell_of("".join(_COMPONENT.findall(each)[:depth]) for each in layers_of(cell))


def by_layer(report: Report, depth: int | None = None) -> Report:
    """``report`` with calls that go by the names of their layers, as :func:`within` has them.

    Raises :class:`VmprofError` if it does not say what they are.
    """
    if not any(LAYER in row for row in report.calls):
        raise VmprofError(
            "the report does not say of which layers calls are; they are known of ONNX models, "
            "exported PyTorch programs and vmprof's models that this version compiled, and of "
            "Relax modules with spans (docs/how-to/models.md)"
        )
    return replace(report, calls=tuple(_of_layer(row, depth) for row in report.calls))


def _of_layer(row: Row, depth: int | None) -> Row:
    kept = {name: metric for name, metric in row.items() if not _is_of_kernels(name)}
    return {**kept, "Name": within(row.get(LAYER), depth) or NO_LAYER}


def _is_of_kernels(column: str) -> bool:
    return column in _OF_KERNELS or column == PATH or column.endswith("layout")
