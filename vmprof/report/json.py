"""TVM's report JSON, both ways.

Every value is an object with one key, its kind: ``{"count": 1}``,
``{"microseconds": 0.5}``, ``{"percent": 2.0}``, ``{"ratio": 0.5}``,
``{"string": "x"}``. TVM's reader takes no other kind, no second key and no
fourth part of the report; therefore ours, too, are of these kinds, under new
keys: samples as a string of numbers in a column ``"X samples"``, the parts of
threads in ``"X per thread"``, begin and end of a call and its tasks likewise in
``"Window (us)"`` and ``"Tasks (us)"``; in the configuration, why an event was
not counted, under ``"Not counted: X"``, and how a column was derived, under
``"Derived: X"``, as a string of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from vmprof.errors import VmprofError
from vmprof.expression import Formula
from vmprof.report.model import (
    PER_THREAD_SUFFIX,
    SAMPLES_SUFFIX,
    TASKS,
    WINDOW,
    Count,
    Derived,
    Duration,
    Metric,
    Percent,
    Ratio,
    Report,
    Row,
    Samples,
)

_MISSING_PREFIX = "Not counted: "
_DERIVED_PREFIX = "Derived: "


def render(report: Report) -> str:
    """``report`` as JSON text; :func:`parse` gives it back equal."""
    configuration = {
        **report.configuration,
        **{f"{_MISSING_PREFIX}{name}": reason for name, reason in report.missing.items()},
        **{f"{_DERIVED_PREFIX}{entry.column}": _encode_derived(entry) for entry in report.derived},
    }
    document = {
        "calls": [_encode_row(call) for call in report.calls],
        "device_metrics": {name: _encode_row(row) for name, row in report.device_metrics.items()},
        "configuration": _encode_row(configuration),
    }
    return json.dumps(document, ensure_ascii=False)


def parse(text: str) -> Report:
    """Read a report that :func:`render` or TVM wrote; :class:`VmprofError` says what is wrong."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise VmprofError(f"not a report: the JSON is broken: {error}") from error
    configuration = dict(_decode_row(_part(document, "configuration", dict), "configuration"))
    missing = {
        name.removeprefix(_MISSING_PREFIX): str(configuration.pop(name))
        for name in list(configuration)
        if name.startswith(_MISSING_PREFIX)
    }
    derived = [
        _decode_derived(name.removeprefix(_DERIVED_PREFIX), configuration.pop(name))
        for name in list(configuration)
        if name.startswith(_DERIVED_PREFIX)
    ]
    return Report(
        calls=tuple(
            _decode_row(row, f"calls[{number}]")
            for number, row in enumerate(_part(document, "calls", list))
        ),
        device_metrics={
            device: _decode_row(row, f"device_metrics[{device!r}]")
            for device, row in _part(document, "device_metrics", dict).items()
        },
        configuration=configuration,
        missing=missing,
        derived=tuple(derived),
    )


def encode_metrics(row: Row) -> dict[str, Any]:
    """One row, or a configuration, as TVM's JSON has it."""
    return _encode_row(row)


def decode_metrics(row: Any, where: str) -> Row:
    """What :func:`encode_metrics` gave; ``where`` is what messages call it."""
    return _decode_row(row, where)


def _part(document: Any, name: str, kind: type) -> Any:
    # Reports of before TVM 0.9 have no configuration.
    part = document.get(name, kind()) if isinstance(document, dict) else None
    if not isinstance(part, kind) or "calls" not in document:
        raise VmprofError(f"not a report: it has no {name!r} as TVM writes them")
    return part


def _encode_row(row: Row) -> dict[str, Any]:
    return {name: _encode(metric) for name, metric in row.items()}


def _encode(metric: Metric) -> dict[str, Any]:
    match metric:
        case Count(value):
            return {"count": value}
        case Duration(microseconds):
            return {"microseconds": microseconds}
        case Percent(percent):
            return {"percent": percent}
        case Ratio(ratio):
            return {"ratio": ratio}
        case Samples(values):
            return {"string": " ".join(map(repr, values))}
        case str():
            return {"string": metric}


def _decode_row(row: Any, where: str) -> Row:
    if not isinstance(row, Mapping):
        raise VmprofError(f"not a report: {where} is no object")
    return {name: _decode(name, value, f"{where}[{name!r}]") for name, value in row.items()}


def _decode(name: str, value: Any, where: str) -> Metric:
    match value:
        case {"string": str(text)}:
            hidden = name.endswith((SAMPLES_SUFFIX, PER_THREAD_SUFFIX)) or name in (WINDOW, TASKS)
            return _samples(text, where) if hidden else text
        case {"count": int(number)}:
            return Count(number)
        case {"microseconds": int(number) | float(number)}:
            return Duration(float(number))
        case {"percent": int(number) | float(number)}:
            return Percent(float(number))
        case {"ratio": int(number) | float(number)}:
            return Ratio(float(number))
    raise VmprofError(f"not a report: {where} is {json.dumps(value)[:80]}, no value of TVM's kinds")


def _samples(text: str, where: str) -> Samples:
    try:
        return Samples(tuple(map(float, text.split())))
    except ValueError as error:
        raise VmprofError(f"not a report: {where} is not a list of numbers") from error


def _encode_derived(derived: Derived) -> str:
    return json.dumps(
        {
            "formula": derived.formula,
            "kind": derived.kind,
            "sources": dict(derived.sources),
        }
    )


def _decode_derived(column: str, text: Metric) -> Derived:
    where = f"configuration['{_DERIVED_PREFIX}{column}']"
    try:
        match json.loads(str(text)):
            case {
                "formula": str(formula),
                "kind": "ratio" | "percent" | "count" | "duration" as kind,
                "sources": dict(sources),
            } if Formula(formula).names <= sources.keys():
                columns = {name: str(source) for name, source in sources.items()}
                return Derived(column, formula, kind, columns)
    except (ValueError, VmprofError) as error:
        raise VmprofError(f"not a report: {where} is broken: {error}") from error
    raise VmprofError(f"not a report: {where} says nothing of how the column is derived")
