"""Measuring with a user's own code: collectors in Python, loading them and those in C."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Protocol, runtime_checkable

from vmprof.counters.reading.collector import NativeCollector
from vmprof.errors import VmprofError
from vmprof.values import Metric


@runtime_checkable
class Collector(Protocol):
    """What a user's Python class must have to measure calls or runs.

    ``scope`` is ``"call"`` or ``"run"``. `start` is called before each call
    (or run), `stop` after it; `stop` returns columns and their values
    (:mod:`vmprof.report.model`). Calls are collected in a pass of their own,
    so that no other number holds the cost of this code.
    """

    scope: str

    def start(self) -> None: ...
    def stop(self) -> Mapping[str, Metric]: ...


def get_include() -> str:
    """The folder of ``vmprof_collector.h``, for compiling collectors in C."""
    return str(Path(__file__).parents[1] / "include")


def load_collector(specification: str) -> Collector | NativeCollector:
    """``LIBRARY.so``, ``FILE.py:NAME`` or ``MODULE:NAME``.

    NAME is a class, of which an instance is made without arguments, or an
    object. Raises :class:`VmprofError` for what cannot be loaded or is no
    collector.
    """
    if specification.endswith(".so"):
        path = Path(specification)
        if not path.is_file():
            raise VmprofError(f"--collector {specification}: there is no such file")
        return NativeCollector(path)
    place, separator, name = specification.rpartition(":")
    if not separator or not place or not name:
        raise VmprofError(
            f"--collector {specification}: write LIBRARY.so, FILE.py:NAME or MODULE:NAME"
        )
    module = _import(place, specification)
    found = getattr(module, name, None)
    collector = found() if isinstance(found, type) else found
    return check_collector(collector, f"--collector {specification}")


def check_collector(collector: object, where: str) -> Collector | NativeCollector:
    """``collector``, if it is one."""
    if isinstance(collector, NativeCollector):
        return collector
    if not isinstance(collector, Collector):
        raise VmprofError(
            f"{where} is no collector: it needs scope, start() and stop(); "
            "see docs/how-to/extending.md"
        )
    if collector.scope not in ("call", "run"):
        raise VmprofError(f"{where}: scope is {collector.scope!r}; it must be 'call' or 'run'")
    return collector


def _import(place: str, specification: str) -> ModuleType:
    if place.endswith(".py") and not Path(place).is_file():
        raise VmprofError(f"--collector {specification}: there is no file {place}")
    try:
        if not place.endswith(".py"):
            return importlib.import_module(place)
        spec = importlib.util.spec_from_file_location(Path(place).stem, place)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's file raises
        raise VmprofError(
            f"--collector {specification}: {place} cannot be imported: "
            f"{type(error).__name__}: {error}"
        ) from error
    return module
