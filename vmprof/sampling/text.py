"""Samples as JSON text, both ways: hits column by column, which is short."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, get_args

from vmprof import json_text
from vmprof.errors import VmprofError
from vmprof.sampling.model import IN_NO_CALL, Function, Hit, Kind, Library, Sampled

_NUMBERS = ("rate", "runs", "lost", "throttled")
_MOST = 1 << 63  # no number of a hit reaches it


def dumps(sampled: Sampled) -> str:
    """One line."""
    return json_text.dumps(
        {
            "event": sampled.event,
            "unit": sampled.unit,
            **{name: getattr(sampled, name) for name in _NUMBERS},
            "libraries": [[*library] for library in sampled.libraries],
            "functions": [[*function] for function in sampled.functions],
            "hits": _columns(sampled.hits),
            **({"others": _columns(sampled.others)} if sampled.others else {}),
        },
        compact=True,
    )


def _columns(hits: Sequence[Hit]) -> dict[str, list[int]]:
    columns = zip(*hits, strict=True) if hits else ([],) * len(Hit._fields)
    return {name: [*column] for name, column in zip(Hit._fields, columns, strict=True)}


def loads(text: str, calls: int) -> Sampled:
    """What :func:`dumps` wrote, of a report with so many ``calls``; :class:`VmprofError` if not."""
    try:
        document = json_text.loads(text)
        libraries, functions = code_of(document)
        hits, others = (
            tuple(_hits(document[name], calls, len(functions))) if name in document else ()
            for name in ("hits", "others")
        )
        return Sampled(
            event=_text(document["event"]),
            unit=_text(document["unit"]),
            libraries=libraries,
            functions=functions,
            hits=hits,
            others=others,
            **{name: _natural(document[name]) for name in _NUMBERS},
        )
    except (ValueError, TypeError, KeyError, IndexError, VmprofError) as error:
        reason = " ".join(str(error).split())
        raise VmprofError(f"not a report: its samples are broken: {reason}") from error


def code_of(document: Any) -> tuple[tuple[Library, ...], tuple[Function, ...]]:
    """The libraries and functions in ``document``, each a list; :class:`ValueError` and others."""
    libraries = tuple(_library(each) for each in document["libraries"])
    return libraries, tuple(_function(each, len(libraries)) for each in document["functions"])


def _library(entry: Any) -> Library:
    path, kind, build_id = map(_text, entry)
    for known in get_args(Kind):
        if kind == known:
            return Library(path, known, build_id)
    raise ValueError(f"there is no kind {kind[:20]!r} of libraries")


def _function(entry: Any, libraries: int) -> Function:
    library, name, begin, size = entry
    if _natural(library) >= libraries:
        raise ValueError("a function is of a library that is not there")
    return Function(library, _text(name), _natural(begin), _natural(size))


def _hits(columns: Any, calls: int, functions: int) -> Iterator[Hit]:
    for values in zip(*(columns[name] for name in Hit._fields), strict=True):
        hit = Hit._make(values)
        _check(hit, calls, functions)
        yield hit


def _check(hit: Hit, calls: int, functions: int) -> None:
    for value in hit[1:]:
        _natural(value)
    if type(hit.call) is not int or not IN_NO_CALL <= hit.call < calls:
        raise ValueError("a sample is of a call that is not there")
    if hit.function >= functions:
        raise ValueError("a sample is of a function that is not there")


def _natural(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _MOST:
        raise ValueError(f"{value!r:.20} is no number from 0 up")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.20} is no text")
    return value
