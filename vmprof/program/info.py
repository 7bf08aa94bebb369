"""What the compiler knew of a model, beside its library: kernels, and what functions take.

The library itself says none of that. It is written as ``model.so.vmprof.json``, when the
model is compiled by :func:`vmprof.compile` or with :class:`vmprof.KernelInfo`.
"""

from __future__ import annotations

import json
import re
import stat
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vmprof.errors import VmprofWarning
from vmprof.program.build_id import digest, identity
from vmprof.program.dimensions import Dimension
from vmprof.program.kernels import LAYOUT_COLUMNS, Flow, Kernel, Kernels
from vmprof.program.layers import Calls, KernelCall
from vmprof.program.tensor_ir import write_tensor_ir
from vmprof.version import __version__
from vmprof.whole_file import write_whole

# 2 added signatures, and limits and flows of kernels; 3 knows the library by its build ID,
# where it has one, since to read all of it takes long; 4 added the layers of calls.
_FORMAT, _READABLE = 4, (1, 2, 3, 4)
_BY_DIGEST = (1, 2)
# Anybody may have written the file: no more than this is read of it.
_MAX_BYTES = 16 << 20
_MAX_TEXT = 10_000
_HASH = re.compile(r"[0-9a-f]{1,16}")


@dataclass(frozen=True)
class Signature:
    """What a function takes: ``inputs`` values, then weights.

    ``annotations`` are the parameters' types as TVMScript writes them.
    """

    inputs: int
    annotations: tuple[str, ...]


@dataclass(frozen=True)
class ModelInfo:
    """Kernels by their names, signatures and calls of kernels by the functions' names.

    ``tensor_ir`` is the kernels' TensorIR as :mod:`vmprof.program.tensor_ir` has it, where this was
    compiled in this process.
    """

    kernels: Kernels = field(default_factory=dict)
    signatures: Mapping[str, Signature] = field(default_factory=dict)
    calls: Calls = field(default_factory=dict)
    tensor_ir: str = field(default="", compare=False, repr=False)


NOTHING_KNOWN = ModelInfo()


def info_path(library: str | Path) -> Path:
    """Where what is known of the library at ``library`` is written down."""
    return Path(f"{library}.vmprof.json")


def write_info(info: ModelInfo, library: str | Path) -> None:
    """Write ``info`` beside its library, which exists."""
    document = {
        "format": _FORMAT,
        "vmprof": __version__,
        "library": identity(Path(library)),
        "kernels": {name: asdict(kernel) for name, kernel in info.kernels.items()},
        "functions": {name: asdict(signature) for name, signature in info.signatures.items()},
        "calls": {
            function: [[call.kernel, call.layers[:_MAX_TEXT]] for call in calls]
            for function, calls in info.calls.items()
        },
    }
    write_whole(info_path(library), json.dumps(document, indent=1).encode())
    write_tensor_ir(info.tensor_ir, Path(library))


def read_info(library: str | Path) -> ModelInfo:
    """What stands beside ``library``; nothing if no file does.

    What belongs to another build, or cannot be read, is left aside with a
    :class:`VmprofWarning`.
    """
    path = info_path(library)
    try:
        text = _text(path)
        if text is None:
            return NOTHING_KNOWN
        document = json.loads(text)
        known = document["format"] in _READABLE
        identify = digest if document["format"] in _BY_DIGEST else identity
        belongs = document["library"] == identify(Path(library))
        info = _info(document) if known else NOTHING_KNOWN
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        _leave_aside(path, f"it cannot be read ({str(error)[:200] or type(error).__name__})")
        return NOTHING_KNOWN
    if not known:
        _leave_aside(path, "another version of vmprof wrote it")
        return NOTHING_KNOWN
    if not belongs:
        _leave_aside(path, f"it is of another build than {library}")
        return NOTHING_KNOWN
    return info


def _leave_aside(path: Path, reason: str) -> None:
    warnings.warn(
        f"{path} is left aside: {reason}; compile the model again to have its columns",
        VmprofWarning,
        stacklevel=3,
    )


def _text(path: Path) -> str | None:
    """What is in the file; None if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is no regular file")
    with path.open("rb") as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise ValueError(f"it is longer than {_MAX_BYTES >> 20} MiB")
    return data.decode("utf-8")


def _info(document: Mapping[str, Any]) -> ModelInfo:
    return ModelInfo(
        {name: kernel_of(entry) for name, entry in document["kernels"].items()},
        {name: _signature(entry) for name, entry in document.get("functions", {}).items()},
        {name: tuple(map(_call, calls)) for name, calls in document.get("calls", {}).items()},
    )


def _call(entry: Sequence[Any]) -> KernelCall:
    kernel, layers = map(_short, entry)
    return KernelCall(kernel, layers)


def _signature(entry: Mapping[str, Any]) -> Signature:
    return Signature(_count(entry["inputs"]), tuple(map(str, entry["annotations"])))


def kernel_of(entry: Mapping[str, Any]) -> Kernel:
    """A kernel of its fields as JSON has them; ``ValueError`` and the like if it is none."""
    if not _HASH.fullmatch(entry["hash"]):
        raise ValueError(f"{entry['hash']!r} is no hash")
    # They become columns, which must not take the place of those that were measured.
    if unknown := entry["layouts"].keys() - set(LAYOUT_COLUMNS):
        raise ValueError(f"there is no layout {min(unknown)!r}")
    return Kernel(
        hash=entry["hash"],
        operators=tuple(map(_short, entry["operators"])),
        layouts={column: _short(layout) for column, layout in entry["layouts"].items()},
        shapes=tuple(tuple(map(_dimension, shape)) for shape in entry["shapes"]),
        flops=_dimension(entry["flops"]),
        bytes_read=_dimension(entry["bytes_read"]),
        bytes_written=_dimension(entry["bytes_written"]),
        limits=_limits(entry.get("limits")),
        flows=tuple(_flow(each) for each in entry.get("flows", ())),
    )


def _limits(entry: Any) -> tuple[Dimension, ...] | None:
    return None if entry is None else tuple(map(_dimension, entry))


def _flow(entry: Mapping[str, Any]) -> Flow:
    return Flow(_count(entry["source"]), _count(entry["target"]), exact=entry["exact"] is True)


def _short(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        raise ValueError(f"{value!r} is no name")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError(f"{value!r} is no count")
    return value


def _dimension(value: Any) -> Dimension:
    if value is None or (isinstance(value, str) and len(value) <= _MAX_TEXT):
        return value
    return _count(value)
