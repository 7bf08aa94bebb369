"""What the compiler knew of each kernel: operators, layouts, operations, bytes.

The library itself says none of that. It is written beside it, as
``model.so.vmprof.json``, when the model is compiled with
:class:`vmprof.KernelInfo`.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vmprof.errors import VmprofWarning
from vmprof.program.dimensions import Dimension, evaluate
from vmprof.version import __version__

# What TVM's reports call the layouts of a kernel's tensors.
LAYOUT_COLUMNS = (
    *("data_layout", "kernel_layout", "out_layout", "layout"),
    *("src_layout", "dst_layout", "weight_layout"),
)

# 1: bytes of a tensor were all that it has, also where a call touches a part of it.
_FORMAT = 2
_READABLE = (1, 2)
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Cost:
    """Of one call: operations on data, and bytes that it moves of its tensors.

    None is a number that the shapes of the call do not settle.
    """

    flops: int | None
    bytes_read: int | None
    bytes_written: int | None


@dataclass(frozen=True)
class Kernel:
    """One kernel.

    ``hash`` tells what it computes, in 16 hexadecimal digits, whatever its name
    and schedule; ``operators`` are those that it fuses; ``layouts`` says how
    tensors are laid out, by column of the table. ``flops`` and the numbers of
    bytes may be expressions over the symbols in ``shapes``, which are those of
    the tensors that the kernel takes.
    """

    hash: str
    operators: tuple[str, ...]
    layouts: Mapping[str, str]
    shapes: tuple[tuple[Dimension, ...], ...]
    flops: Dimension
    bytes_read: Dimension
    bytes_written: Dimension

    def cost(self, shapes: Sequence[Sequence[int]]) -> Cost:
        """What a call on tensors of these shapes costs."""
        values = {
            dimension: size
            for expected, given in zip(self.shapes, shapes, strict=False)
            for dimension, size in zip(expected, given, strict=False)
            if isinstance(dimension, str)
        }
        return Cost(
            evaluate(self.flops, values),
            evaluate(self.bytes_read, values),
            evaluate(self.bytes_written, values),
        )


Kernels = Mapping[str, Kernel]


def kernels_path(library: str | Path) -> Path:
    """Where the kernels of the library at ``library`` are written down."""
    return Path(f"{library}.vmprof.json")


def write_kernels(kernels: Kernels, library: str | Path) -> None:
    """Write ``kernels`` beside their library, which exists."""
    document = {
        "format": _FORMAT,
        "vmprof": __version__,
        "library": _digest(Path(library)),
        "kernels": {name: asdict(kernel) for name, kernel in kernels.items()},
    }
    kernels_path(library).write_text(json.dumps(document, indent=1), encoding="utf-8")


def read_kernels(library: str | Path) -> Kernels:
    """What stands beside ``library``; nothing if no file does.

    What belongs to another build, or cannot be read, is left aside with a
    :class:`VmprofWarning`.
    """
    path = kernels_path(library)
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        belongs = document["library"] == _digest(Path(library))
        kernels = {name: _kernel(entry) for name, entry in document["kernels"].items()}
        known = document["format"] in _READABLE
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        _leave_aside(path, f"it cannot be read ({error})")
        return {}
    if not known:
        _leave_aside(path, "another version of vmprof wrote it")
        return {}
    if not belongs:
        _leave_aside(path, f"it is of another build than {library}")
        return {}
    return kernels


def _leave_aside(path: Path, reason: str) -> None:
    warnings.warn(
        f"{path} is left aside: {reason}; compile the model again to have its columns",
        VmprofWarning,
        stacklevel=3,
    )


def _kernel(entry: Mapping[str, Any]) -> Kernel:
    return Kernel(
        hash=str(entry["hash"]),
        operators=tuple(map(str, entry["operators"])),
        layouts={str(column): str(layout) for column, layout in entry["layouts"].items()},
        shapes=tuple(tuple(map(_dimension, shape)) for shape in entry["shapes"]),
        flops=_dimension(entry["flops"]),
        bytes_read=_dimension(entry["bytes_read"]),
        bytes_written=_dimension(entry["bytes_written"]),
    )


def _dimension(value: Any) -> Dimension:
    if value is None or isinstance(value, int | str):
        return value
    raise ValueError(f"{value!r} is no number and no expression")


def _digest(library: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with library.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
