"""Peaks that were measured before: ``$XDG_CACHE_HOME/vmprof/peaks.json``, else in ~/.cache.

By processor and number of threads it has all measurements, the last ones of many. What an
older vmprof kept there, one measurement without caches and date, is read as such.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from vmprof import json_text
from vmprof.cache_folder import PEAKS, cache_folder
from vmprof.counters import Machine
from vmprof.errors import VmprofError
from vmprof.whole_file import write_whole
from vmprof.zoo.peaks.model import MEMORY, Level, Peaks, Positive, Rate, best_of

_LARGEST = 10_000_000  # bytes of the file; a measurement has about a thousand
_MOST_KEPT = 20


class _Entry(msgspec.Struct):
    """What is kept of a processor and a number of threads; the oldest measurement first."""

    threads: int
    history: list[Peaks]


class _OldEntry(msgspec.Struct):
    threads: int
    gflops: Positive
    bandwidth: Positive

    @property
    def history(self) -> list[Peaks]:
        gflops, bandwidth = (
            Rate(value, value, settled=False) for value in (self.gflops, self.bandwidth)
        )
        return [Peaks(self.threads, gflops, (Level(MEMORY, None, bandwidth),))]


def cached_peaks(threads: int) -> Peaks | None:
    """The best that was measured on this kind of machine, with this number of threads.

    :class:`VmprofError` if the file cannot be read, or is none of vmprof's.
    """
    history = kept_history(threads)
    return best_of(history) if history else None


def kept_history(threads: int) -> Sequence[Peaks]:
    """All measurements of this kind of machine, with this number of threads, that are kept."""
    return _history(_read(), _key(threads))


def keep_peaks(peaks: Peaks) -> Path:
    """Add them to what is kept; the file that they are in. :class:`VmprofError` if it cannot be."""
    path: Path | str = "the cache"
    try:
        path = _path()
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            entries = _read()
            key = _key(peaks.threads)
            history = [*_history(entries, key), peaks][-_MOST_KEPT:]
            entry = msgspec.to_builtins(_Entry(peaks.threads, history))
            kept = {name: each for name, each in entries.items() if not _is_of(name, key)}
            text = json_text.dumps({**kept, key: entry}, indent=2)
            write_whole(path, f"{text}\n".encode())
    except OSError as error:
        raise VmprofError(
            f"cannot keep the peaks in {path}: {error.strerror}; "
            "make room there, or name another folder with XDG_CACHE_HOME"
        ) from error
    return path


def _history(entries: Mapping[str, Any], key: str) -> list[Peaks]:
    found: list[Peaks] = []
    for name, entry in entries.items():
        if not _is_of(name, key):
            continue
        try:
            if isinstance(entry, dict) and "history" in entry:
                found += msgspec.convert(entry, _Entry).history
            else:
                found += msgspec.convert(entry, _OldEntry).history
        except (msgspec.ValidationError, UnicodeEncodeError) as error:
            raise _damaged(f"{name!r} has no peaks: {error}") from error
    return found


def _read() -> dict[str, Any]:
    """What is kept; nothing where there is no file, nor a folder for it."""
    try:
        path = _path()
    except OSError:
        return {}
    try:
        if not path.exists():
            return {}
        if not path.is_file():
            raise _damaged("it is no file")
        if path.stat().st_size > _LARGEST:
            raise _damaged(f"it has more than {_LARGEST:,} bytes")
        entries = json_text.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _damaged(str(error.strerror)) from error
    except ValueError as error:
        raise _damaged("it is no JSON") from error
    if not isinstance(entries, dict):
        raise _damaged("it is not what vmprof writes")
    return entries


def _damaged(reason: str) -> VmprofError:
    return VmprofError(
        f"cannot read the peaks that are kept in {_path()}: {reason}; mend it or delete it, then "
        "measure again with vmprof peaks"
    )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time, or the measurement of one would be lost. The lock's file stays."""
    with path.with_name(f".{path.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _path() -> Path:
    return cache_folder() / PEAKS


def _key(threads: int) -> str:
    """What decides about the peaks: the processor, how many of it, the threads."""
    machine = Machine.read()
    models = sorted({each.model_name for each in machine.processors.values()})
    processors = f"{len(machine.online_cpus)} x {' and '.join(filter(None, models)) or 'unknown'}"
    return f"{processors}, {threads} threads"


def _is_of(name: str, key: str) -> bool:
    """Older names end in the version of vmprof."""
    return name == key or name.startswith(f"{key}, vmprof ")
