"""TVM's report JSON, both ways.

Every value is an object with one key, its kind: ``{"count": 1}``,
``{"microseconds": 0.5}``, ``{"percent": 2.0}``, ``{"ratio": 0.5}``,
``{"string": "x"}``. TVM's reader takes no other kind, no second key and no
fourth part of the report; therefore ours, too, are of these kinds, under new
keys: samples as a string of numbers in a column ``"X samples"``, the parts of
threads in ``"X per thread"``, begin and end of a call and its tasks likewise in
``"Window (us)"`` and ``"Tasks (us)"``; in the configuration, why an event was
not counted, under ``"Not counted: X"``, how a column was derived, under
``"Derived: X"``, as a string of JSON, where samples fell, under ``"samples"``, likewise
(:mod:`vmprof.sampling.text`), the code that they are of, under ``"code"``
(:mod:`vmprof.inside.keep`), and where the report comes from, under ``"Provenance: X"``.

What would be read as something else has its kind under ``"Kinds"`` in the
configuration, as a string of JSON: ``{"calls": {"3": {"Duration (us)":
"microseconds"}}}`` says that the string in that cell of call 3 is a duration. So
are numbers that are not finite, which JSON cannot hold. A line of the
configuration whose name begins as one of these does has ``"Setting: "`` before it.
"""

from __future__ import annotations

from typing import Any

from vmprof import json_text
from vmprof.errors import VmprofError
from vmprof.expression import Formula
from vmprof.inside import keep
from vmprof.report.model import Report
from vmprof.report.render.cells import (
    Kinds,
    decode_row,
    decode_rows,
    encode_rows,
    kinds_in,
)
from vmprof.sampling import text as samples
from vmprof.uncollected import uncollected
from vmprof.values import Derived, Metric

_MISSING_PREFIX = "Not counted: "
_DERIVED_PREFIX = "Derived: "
_PROVENANCE_PREFIX = "Provenance: "
_SETTING_PREFIX = "Setting: "
_KINDS = "Kinds"
_SAMPLES = "samples"
_CODE = "code"


@uncollected()
def render(report: Report) -> str:
    """``report`` as JSON text; :func:`parse` gives it back equal, but for counts over 1e100."""
    return json_text.dumps(to_document(report), compact=True)


def to_document(report: Report) -> dict[str, Any]:
    """``report`` as what :func:`render` writes."""
    configuration = {
        **{_escaped(name): metric for name, metric in report.configuration.items()},
        **{f"{_MISSING_PREFIX}{name}": reason for name, reason in report.missing.items()},
        **{f"{_DERIVED_PREFIX}{entry.column}": _encode_derived(entry) for entry in report.derived},
        **{f"{_PROVENANCE_PREFIX}{name}": metric for name, metric in report.provenance.items()},
        **({} if report.samples is None else {_SAMPLES: samples.dumps(report.samples)}),
        **({_CODE: keep.dumps(report.code)} if report.code else {}),
    }
    devices = [*report.device_metrics]
    calls, of_calls = encode_rows(report.calls)
    totals, of_totals = encode_rows([*report.device_metrics.values()])
    (settings,), of_settings = encode_rows([configuration])
    kinds: Kinds = {}
    if of_calls:
        kinds["calls"] = {str(number): found for number, found in of_calls.items()}
    if of_totals:
        kinds["device_metrics"] = {devices[number]: found for number, found in of_totals.items()}
    if of_settings:
        kinds["configuration"] = of_settings[0]
    if kinds:
        settings[_KINDS] = {"string": json_text.dumps(kinds)}
    return {
        "calls": calls,
        "device_metrics": dict(zip(devices, totals, strict=True)),
        "configuration": settings,
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
    configuration = dict(decode_row(settings, kinds_in(kinds, "configuration"), "configuration"))
    missing = _taken(configuration, _MISSING_PREFIX)
    derived = _taken(configuration, _DERIVED_PREFIX)
    provenance = _taken(configuration, _PROVENANCE_PREFIX)
    of_devices = kinds_in(kinds, "device_metrics")
    calls = tuple(decode_rows(_part(document, "calls", list), kinds_in(kinds, "calls"), "calls"))
    sampled, code = configuration.pop(_SAMPLES, None), configuration.pop(_CODE, None)
    return Report(
        calls=calls,
        device_metrics={
            device: decode_row(row, kinds_in(of_devices, device), f"device_metrics[{device!r}]")
            for device, row in _part(document, "device_metrics", dict).items()
        },
        configuration={
            name.removeprefix(_SETTING_PREFIX): metric for name, metric in configuration.items()
        },
        missing={name: str(reason) for name, reason in missing.items()},
        derived=tuple(_decode_derived(column, text) for column, text in derived.items()),
        samples=None if sampled is None else samples.loads(str(sampled), len(calls)),
        code=() if code is None else keep.loads(str(code)),
        provenance=provenance,
    )


def _taken(configuration: dict[str, Metric], prefix: str) -> dict[str, Metric]:
    """The lines whose names begin with ``prefix``, without it; ``configuration`` loses them."""
    return {
        name.removeprefix(prefix): configuration.pop(name)
        for name in list(configuration)
        if name.startswith(prefix)
    }


def _escaped(setting: str) -> str:
    """The name of a line of the configuration, that of none of our additions."""
    ours = (_MISSING_PREFIX, _DERIVED_PREFIX, _PROVENANCE_PREFIX, _SETTING_PREFIX)
    if setting.startswith(ours) or setting in (_KINDS, _SAMPLES, _CODE):
        return f"{_SETTING_PREFIX}{setting}"
    return setting


def _part(document: Any, name: str, kind: type) -> Any:
    # Reports of before TVM 0.9 have no configuration.
    part = document.get(name, kind()) if isinstance(document, dict) else None
    if not isinstance(part, kind) or "calls" not in document:
        raise VmprofError(f"not a report: it has no {name!r} as TVM writes them")
    return part


def _decode_kinds(value: Any) -> Kinds:
    if value is None:
        return {}
    try:
        text = decode_row({_KINDS: value}, {}, "configuration")[_KINDS]
        return dict(json_text.loads(str(text)))
    except (TypeError, ValueError) as error:
        raise VmprofError(f"not a report: configuration[{_KINDS!r}] is broken: {error}") from error


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
