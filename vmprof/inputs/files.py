"""Arrays from files, and what stands for them on the command line."""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import numpy as np

from vmprof.errors import VmprofError
from vmprof.inputs.made_up import WAYS, way_of
from vmprof.inputs.tensors import Array, numpy_dtype

_HEADER = 128  # bytes in which the header of an array names its dtype
_MOST_SHOWN = 200  # of what somebody else says of a file
# What safetensors calls the dtypes that numpy has, with ml_dtypes.
_SAFETENSORS = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
    **{f"{letter}{bits}": f"{name}{bits}" for letter, name in (("I", "int"), ("U", "uint"))
       for bits in (8, 16, 32, 64)},
    "BOOL": "bool",
}  # fmt: skip


def load_arrays(specifications: Sequence[str]) -> dict[str, Array | str]:
    """Values by parameter name, from ``NAME=FILE.npy``, ``FILE.npz`` and ``NAME=VALUE``.

    What is not in a file, as ``zeros``, ``0..99`` or ``2,8``, stays the text that it is.
    """
    values: dict[str, Array | str] = {}
    for specification in specifications:
        for name, value in _load(specification).items():
            if name in values:
                raise VmprofError(f"--input gives {name!r} twice")
            values[name] = value
    return values


def load_weights(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Arrays by name from a ``.safetensors`` or ``.npz`` file."""
    path = Path(path)
    if not path.is_file():
        raise VmprofError(f"there is no file {path} to read weights from")
    match path.suffix:
        case ".safetensors":
            return _safetensors(path)
        case ".npz":
            loaded = _numpy(path, str(path))
            if isinstance(loaded, Mapping):
                return dict(loaded)
    raise VmprofError(f"{path} holds no weights by name; give a .safetensors or .npz file")


def _load(specification: str) -> Mapping[str, Array | str]:
    name, separator, value = specification.rpartition("=")
    if not separator and not value.endswith(".npz"):
        raise VmprofError(
            f"--input {specification}: write NAME=FILE.npy, FILE.npz, or NAME={_alternatives()}"
        )
    if separator and (way_of(value) is not None or shape_of(value) is not None):
        return {name: value}
    if not Path(value).is_file():
        raise VmprofError(
            f"--input {specification}: there is no file {value}"
            + (f", nor is it {WAYS}" if separator else "")
        )
    loaded = _numpy(Path(value), f"--input {specification}: {value}")
    if not isinstance(loaded, Mapping):
        return {name: loaded}
    if separator:
        raise VmprofError(
            f"--input {specification}: {value} names its arrays itself; give it alone"
        )
    return loaded


def shape_of(text: str) -> tuple[int, ...] | None:
    """``2,8`` or ``[2, 8]`` as a shape; None for anything else."""
    parts = text.removeprefix("[").removesuffix("]").split(",")
    if all(part.strip().isascii() and part.strip().isdecimal() for part in parts):
        return tuple(map(int, parts))
    return () if text == "[]" else None


def _alternatives() -> str:
    return WAYS.replace(", ", "|").replace("|or ", "|").replace("a number", "NUMBER")


def _numpy(path: Path, where: str) -> Array | Mapping[str, Array]:
    try:
        with path.open("rb") as stream:
            if stream.read(2) == b"PK":
                with zipfile.ZipFile(stream) as archive:
                    return {
                        member.filename.removesuffix(".npy"): _array(
                            archive.open(member), member.file_size
                        )
                        for member in archive.infolist()
                    }
            stream.seek(0)
            return _array(stream, os.fstat(stream.fileno()).st_size)
    # What numpy, zipfile, zlib and tokenize raise of damage is written nowhere.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:_MOST_SHOWN]
        raise VmprofError(f"{where} cannot be read: {reason}") from error


def _array(stream: IO[bytes], size: int) -> Array:
    """An array in numpy's own form, of so many bytes: more than there are it cannot claim.

    That has no name for float8_e5m2: numpy writes ``<f1``, and cannot read it.
    """
    head = stream.read(_HEADER)
    if b"'<f1'" in head:
        stream = io.BytesIO(head.replace(b"'<f1'", b"'|V1'", 1) + stream.read())
    stream.seek(0)
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0
    if version != (1, 0):  # 3.0 differs from 2.0 in how names of fields are encoded
        read_header = np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(stream)
    if math.prod(shape) * dtype.itemsize > size:
        raise ValueError(f"it is cut short: an array of shape {shape} does not fit into it")
    stream.seek(0)
    array: Array = np.load(stream, allow_pickle=False)
    return array


def _safetensors(path: Path) -> dict[str, Array]:
    if find_spec("safetensors") is None:
        raise VmprofError(
            f"to read {path} takes the package 'safetensors'; "
            "run: python -m pip install 'tvm-vmprof[safetensors]'"
        )
    import safetensors

    try:
        entries = safetensors.deserialize(path.read_bytes())
        return {name: _tensor(entry) for name, entry in entries}
    except Exception as error:  # what it raises of damage is written nowhere
        raise VmprofError(f"{path} cannot be read: {str(error)[:_MOST_SHOWN]}") from error


def _tensor(entry: Mapping[str, Any]) -> Array:
    known = _SAFETENSORS.get(entry["dtype"])
    if known is None:
        raise ValueError(f"its dtype {entry['dtype']} is none of numpy's")
    return np.frombuffer(entry["data"], numpy_dtype(known)).reshape(entry["shape"])
