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

What would be read as something else has its kind under ``"Kinds"`` in the
configuration, as a string of JSON: ``{"calls": {"3": {"Duration (us)":
"microseconds"}}}`` says that the string in that cell of call 3 is a duration. So
are numbers that are not finite, which JSON cannot hold. A line of the
configuration whose name begins as one of these does has ``"Setting: "`` before it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from vmprof import json_text
from vmprof.errors import VmprofError
from vmprof.expression import Formula
from vmprof.report.model import Report
from vmprof.uncollected import uncollected
from vmprof.values import (
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
    Row,
    Samples,
)

_MISSING_PREFIX = "Not counted: "
_DERIVED_PREFIX = "Derived: "
_SETTING_PREFIX = "Setting: "
_KINDS = "Kinds"
# Larger numbers are damage; of these sums, products and floats can be made.
_MOST_COUNT = 10**100

_KINDS_OF: Mapping[type, str] = {
    Count: "count",
    Duration: "microseconds",
    Percent: "percent",
    Ratio: "ratio",
    Samples: "samples",
    str: "string",
}
_OF_FLOATS: Mapping[str, Callable[[float], Metric]] = {
    "microseconds": Duration,
    "percent": Percent,
    "ratio": Ratio,
}

_Kinds = dict[str, Any]


@uncollected()
def render(report: Report) -> str:
    """``report`` as JSON text; :func:`parse` gives it back equal, but for counts over 1e100."""
    rest = to_document(replace(report, calls=()))
    calls = _Calls(report)
    if calls.kinds:
        configuration = rest["configuration"]
        others = json.loads(configuration[_KINDS]["string"]) if _KINDS in configuration else {}
        kinds = json_text.dumps({"calls": calls.kinds, **others})
        configuration[_KINDS] = {"string": kinds}
    del rest["calls"]
    return f'{{"calls": {json_text.storable(calls.text)}, {json_text.dumps(rest)[1:]}'


class _Calls:
    """The calls of a report as ``text``, the same as that of :func:`to_document`.

    Written here and now, without an object for each of millions of cells. ``kinds`` are
    those of unusual cells, by row and column.
    """

    def __init__(self, report: Report) -> None:
        self.kinds: dict[str, dict[str, str]] = {}
        # Names, shapes and columns are the same in row after row.
        self._string = lru_cache(maxsize=1 << 16)(partial(json.dumps, ensure_ascii=False))
        rows = (self._row(place, row) for place, row in enumerate(report.calls))
        self.text = f"[{', '.join(rows)}]"

    def _row(self, place: int, row: Row) -> str:
        cells = []
        for name, metric in row.items():
            if isinstance(metric, Count):
                text = f'{{"count": {metric.value}}}'
            elif isinstance(metric, Samples) and _holds_samples(name):
                text = f'{{"string": "{_samples_text(metric)}"}}'
            elif isinstance(metric, str) and not _holds_samples(name):
                text = f'{{"string": {self._string(metric)}}}'
            elif _is_usual(name, metric):
                ((kind, number),) = _encode(metric).items()
                text = f'{{"{kind}": {_number_text(number)}}}'
            else:
                text = json.dumps(_encode(metric), ensure_ascii=False)
                self.kinds.setdefault(str(place), {})[name] = kind_of(metric)
            cells.append(f"{self._string(name)}: {text}")
        return f"{{{', '.join(cells)}}}"


def to_document(report: Report) -> dict[str, Any]:
    """``report`` as what :func:`render` writes."""
    configuration = {
        **{_escaped(name): metric for name, metric in report.configuration.items()},
        **{f"{_MISSING_PREFIX}{name}": reason for name, reason in report.missing.items()},
        **{f"{_DERIVED_PREFIX}{entry.column}": _encode_derived(entry) for entry in report.derived},
    }
    rows = {
        "calls": {str(number): call for number, call in enumerate(report.calls)},
        "device_metrics": report.device_metrics,
    }
    kinds: _Kinds = {}
    for part, named in rows.items():
        of_rows = {name: found for name, row in named.items() if (found := _unusual_kinds(row))}
        if of_rows:
            kinds[part] = of_rows
    if unusual := _unusual_kinds(configuration):
        kinds["configuration"] = unusual
    if kinds:
        configuration[_KINDS] = json_text.dumps(kinds)
    return {
        "calls": [_encode_row(call) for call in report.calls],
        "device_metrics": {name: _encode_row(row) for name, row in report.device_metrics.items()},
        "configuration": _encode_row(configuration),
    }


@uncollected()
def parse(text: str) -> Report:
    """Read a report that :func:`render` or TVM wrote; :class:`VmprofError` says what is wrong."""
    try:
        try:
            document = json_text.loads(text)
        except ValueError:
            document = json_text.loads(json_text.with_json_numbers(text))
    except ValueError as error:
        raise VmprofError(f"not a report: the JSON is broken: {error}") from error
    return from_document(document)


@uncollected()
def from_document(document: Any) -> Report:
    """The report that ``document`` is, which was read from JSON. Raises as :func:`parse`."""
    settings = dict(_part(document, "configuration", dict))
    kinds = _decode_kinds(settings.pop(_KINDS, None))
    configuration = dict(_decode_row(settings, _of(kinds, "configuration"), "configuration"))
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
    of_calls, of_devices = _of(kinds, "calls"), _of(kinds, "device_metrics")
    return Report(
        calls=tuple(
            _decode_row(row, _of(of_calls, str(number)), f"calls[{number}]")
            for number, row in enumerate(_part(document, "calls", list))
        ),
        device_metrics={
            device: _decode_row(row, _of(of_devices, device), f"device_metrics[{device!r}]")
            for device, row in _part(document, "device_metrics", dict).items()
        },
        configuration={
            name.removeprefix(_SETTING_PREFIX): metric for name, metric in configuration.items()
        },
        missing=missing,
        derived=tuple(derived),
    )


def kind_of(metric: Metric) -> str:
    """What ``metric`` is, in a word or two: ``count``, ``lone ratio``."""
    kind = _KINDS_OF[type(metric)]
    return f"lone {kind}" if isinstance(metric, Percent | Ratio) and metric.is_lone else kind


def of_kind(kind: str, content: str | float) -> Metric:
    """The metric of ``kind``, as :func:`kind_of` calls it; :class:`ValueError` if it is none."""
    match kind:
        case "string":
            return str(content)
        case "samples":
            return Samples(tuple(map(float, str(content).split())))
        case "count":
            number = int(content)
            if abs(number) > _MOST_COUNT:
                raise ValueError("no machine counts that far")
            return Count(number)
        case "microseconds":
            return Duration(float(content))
        case "percent" | "lone percent":
            return Percent(float(content), is_lone=kind != "percent")
        case "ratio" | "lone ratio":
            return Ratio(float(content), is_lone=kind != "ratio")
    raise ValueError(f"there is no kind {kind[:20]!r}")


def _unusual_kinds(row: Row) -> dict[str, str]:
    """The kinds of the cells that would be read as another one without it."""
    return {name: kind_of(metric) for name, metric in row.items() if not _is_usual(name, metric)}


def _is_usual(name: str, metric: Metric) -> bool:
    match metric:
        case Percent() | Ratio() if metric.is_lone:
            return False
        case Duration(number) | Percent(number) | Ratio(number):
            return math.isfinite(number)
        case Samples():
            return _holds_samples(name)
        case str():
            return not _holds_samples(name)
    return True


@lru_cache(maxsize=1024)
def _holds_samples(name: str) -> bool:
    return name.endswith((SAMPLES_SUFFIX, PER_THREAD_SUFFIX)) or name in (WINDOW, TASKS)


def _escaped(setting: str) -> str:
    """The name of a line of the configuration, that of none of our additions."""
    ours = (_MISSING_PREFIX, _DERIVED_PREFIX, _SETTING_PREFIX)
    if setting.startswith(ours) or setting == _KINDS:
        return f"{_SETTING_PREFIX}{setting}"
    return setting


def encode_metrics(row: Row) -> dict[str, Any]:
    """One row, or a configuration, as TVM's JSON has it."""
    return _encode_row(row)


def decode_metrics(row: Any, where: str) -> Row:
    """What :func:`encode_metrics` gave; ``where`` is what messages call it."""
    return _decode_row(row, {}, where)


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
        case Duration(number) | Percent(number) | Ratio(number):
            if math.isfinite(number):
                return {_KINDS_OF[type(metric)]: number}
            return {"string": str(float(number))}
        case Samples():
            return {"string": _samples_text(metric)}
        case str():
            return {"string": metric}


def _number_text(number: float) -> str:
    # Of numpy's floats, which are floats too, repr() says that they are numpy's.
    return float.__repr__(number) if isinstance(number, float) else json.dumps(number)


def _samples_text(samples: Samples) -> str:
    return " ".join(map(repr, samples.values))


def _decode_kinds(value: Any) -> _Kinds:
    if value is None:
        return {}
    try:
        return dict(json_text.loads(str(_decode(_KINDS, value, "string", _KINDS))))
    except (TypeError, ValueError) as error:
        raise VmprofError(f"not a report: configuration[{_KINDS!r}] is broken: {error}") from error


def _of(kinds: _Kinds, name: str) -> _Kinds:
    found = kinds.get(name)
    return found if isinstance(found, dict) else {}


def _decode_row(row: Any, kinds: _Kinds, where: str) -> Row:
    if not isinstance(row, Mapping):
        raise VmprofError(f"not a report: {where} is no object")
    decoded: dict[str, Metric] = {}
    for name, value in row.items():
        metric = None if name in kinds else _decode_usual(name, value)
        if metric is None:
            metric = _decode(name, value, kinds.get(name), f"{where}[{name[:60]!r}]")
        decoded[name] = metric
    return decoded


def _decode_usual(name: str, value: Any) -> Metric | None:
    """What nearly all of millions of cells are, without ado; None for anything else."""
    if type(value) is not dict or len(value) != 1:
        return None
    ((kind, content),) = value.items()
    if kind == "string" and type(content) is str:
        if not _holds_samples(name):
            return content
        try:
            return Samples(tuple(map(float, content.split())))
        except ValueError:
            return None
    if kind == "count":
        return Count(content) if type(content) is int and abs(content) <= _MOST_COUNT else None
    make = _OF_FLOATS.get(kind)
    return make(content) if make is not None and type(content) is float else None


def _decode(name: str, value: Any, kind: Any, where: str) -> Metric:
    """``kind`` is what ``"Kinds"`` says of it, if anything."""
    if kind is not None and not isinstance(kind, str):
        raise VmprofError(f"not a report: {where} has a kind that is none: {_shorten(kind)}")
    # Until 0.8 TVM wrote strings bare.
    match {"string": value} if isinstance(value, str) else value:
        case {"string": str(content)}:
            kind = kind or ("samples" if _holds_samples(name) else "string")
        case {"count": int(content)} if not isinstance(content, bool):
            kind = "count"
        case {"microseconds": int(content) | float(content)}:
            kind = "microseconds"
        case {"percent": int(content) | float(content)}:
            kind = kind or "percent"
        case {"ratio": int(content) | float(content)}:
            kind = kind or "ratio"
        case _:
            raise VmprofError(
                f"not a report: {where} is {_shorten(value)}, no value of TVM's kinds"
            )
    try:
        return of_kind(kind, content)
    except (ValueError, OverflowError) as error:
        what = "a list of numbers" if kind == "samples" else f"a {kind[:20]}"
        raise VmprofError(
            f"not a report: {where} is {_shorten(content)}, which is not {what}: {error}"
        ) from error


def _shorten(value: Any) -> str:
    try:
        return json.dumps(value)[:80]
    except (RecursionError, ValueError):
        return "too large to show"


def _encode_derived(derived: Derived) -> str:
    return json_text.dumps(
        {"formula": derived.formula, "kind": derived.kind, "sources": dict(derived.sources)}
    )


def _decode_derived(column: str, text: Metric) -> Derived:
    where = f"configuration['{_DERIVED_PREFIX}{column}']"
    try:
        match json_text.loads(str(text)):
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
