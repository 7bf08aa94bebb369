"""Peaks that were measured before: ``$XDG_CACHE_HOME/vmprof/peaks.json``, else in ~/.cache."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vmprof.counters import Machine
from vmprof.errors import VmprofError
from vmprof.peaks.model import Peaks
from vmprof.version import __version__


def cached_peaks(threads: int) -> Peaks | None:
    """What was measured on this kind of machine, with this number of threads."""
    entry = _read().get(_key(threads))
    try:
        return Peaks(**entry) if isinstance(entry, dict) else None
    except TypeError:
        return None


def keep_peaks(peaks: Peaks) -> Path:
    """Remember them; the file that they are in. :class:`VmprofError` if it cannot be written."""
    path = _path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        entries = {**_read(), _key(peaks.threads): asdict(peaks)}
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise VmprofError(f"cannot keep the peaks in {path}: {error.strerror}") from error
    return path


def _read() -> Mapping[str, Any]:
    try:
        entries = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # not there, or damaged: measured again
    return entries if isinstance(entries, dict) else {}


def _path() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "vmprof" / "peaks.json"


def _key(threads: int) -> str:
    """What decides about the peaks: the processor, how many of it, the threads, this program."""
    machine = Machine.read()
    models = sorted({each.model_name for each in machine.processors.values()})
    processors = f"{len(machine.online_cpus)} x {' and '.join(filter(None, models)) or 'unknown'}"
    return f"{processors}, {threads} threads, vmprof {__version__}"
