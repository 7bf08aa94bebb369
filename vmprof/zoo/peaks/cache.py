"""Peaks that were measured before: ``$XDG_CACHE_HOME/vmprof/peaks.json``, else in ~/.cache."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vmprof import json_text
from vmprof.cache_folder import PEAKS, cache_folder
from vmprof.counters import Machine
from vmprof.errors import VmprofError
from vmprof.version import __version__
from vmprof.zoo.peaks.model import Peaks

_LARGEST = 1_000_000  # bytes of the file; an entry has about a hundred


def cached_peaks(threads: int) -> Peaks | None:
    """What was measured on this kind of machine, with this number of threads."""
    match _read().get(_key(threads)):
        case {"threads": int(number), "gflops": float(gflops), "bandwidth": float(bandwidth)} if (
            number == threads and 0 < gflops < math.inf and 0 < bandwidth < math.inf
        ):
            return Peaks(threads, gflops, bandwidth)
    return None


def keep_peaks(peaks: Peaks) -> Path:
    """Remember them; the file that they are in. :class:`VmprofError` if it cannot be written."""
    path: Path | str = "the cache"
    try:
        path = _path()
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        path.parent.mkdir(parents=True, exist_ok=True)
        entries = {**_read(), _key(peaks.threads): asdict(peaks)}
        try:
            beside.write_text(json_text.dumps(entries, indent=2) + "\n", encoding="utf-8")
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise VmprofError(
            f"cannot keep the peaks in {path}: {error.strerror}; "
            "make room there, or name another folder with XDG_CACHE_HOME"
        ) from error
    return path


def _read() -> Mapping[str, Any]:
    """What is there; nothing if it is damaged, or no file of ours: then it is measured again."""
    try:
        path = _path()
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return {}
        entries = json_text.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return entries if isinstance(entries, dict) else {}


def _path() -> Path:
    return cache_folder() / PEAKS


def _key(threads: int) -> str:
    """What decides about the peaks: the processor, how many of it, the threads, this program."""
    machine = Machine.read()
    models = sorted({each.model_name for each in machine.processors.values()})
    processors = f"{len(machine.online_cpus)} x {' and '.join(filter(None, models)) or 'unknown'}"
    return f"{processors}, {threads} threads, vmprof {__version__}"
