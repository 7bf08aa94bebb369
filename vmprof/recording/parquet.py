"""A recording as a Parquet file: a row per call, of every invocation that was kept.

What reports sum up is here as it was: for questions that they do not answer, in SQL or pandas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from vmprof import json_text
from vmprof.recording.groups import Calls, Group, groups_of
from vmprof.recording.numbers import Ints
from vmprof.recording.reports import SHARE_SUFFIX
from vmprof.recording.tables import CALL, TIMED, UNRECORDED, Counts, Recording, Table
from vmprof.report.render.arrow import as_json, plain, pyarrow, written
from vmprof.report.timeline import BEGIN_AND_END
from vmprof.runs.faults import NO_FAULT

_TIMES = (*BEGIN_AND_END, "Duration (us)")
_PLACE = "_place"  # of the invocation among all, to sort by
_OWN = (
    *("Function", "Invocation", "Thread", "Turn", "Call", "Parent", "Name", "Argument Shapes"),
    *_TIMES,
    *("Raised", _PLACE),
)


def render(recording: Recording, only: Sequence[Group] | None = None) -> bytes:
    """The invocations of the groups ``only`` (None: all); :class:`VmprofError` without pyarrow.

    Columns: ``Function`` (the group's title), ``Invocation`` (its number among those of it),
    ``Thread``, ``Turn`` (timed, not recorded, or which pass), ``Call`` (0 is the invocation itself,
    others are in the order of their begin), ``Parent`` (the call around it), ``Name``, ``Argument
    Shapes``, ``Begin (us)`` and ``End (us)`` since the first began, ``Duration (us)`` without
    dispatch inside, ``Raised``, and each event. Calls have times where they were timed, and counts
    where they were counted, which include what calls inside them counted; else they are null.
    """
    pa = pyarrow()
    groups = groups_of(recording) if only is None else only
    titles = {each: group.title for group in groups for each in group.invocations["id"].tolist()}
    ids = recording.invocations["id"].tolist()
    kept = recording.invocations[[each in titles for each in ids]]
    origin = int(kept["begin_ns"].min(initial=np.iinfo(np.int64).max))
    parts = []
    for turn in range(UNRECORDED, len(recording.counts) + 1):
        place = np.flatnonzero(kept["turn"] == turn)
        of_turn = _OfTurn(recording, kept[place], turn)
        columns = {_PLACE: place[of_turn.owner], **of_turn.columns(pa, titles, origin)}
        parts.append(pa.table(columns))
    table = pa.concat_tables(parts, promote_options="default")
    table = table.sort_by([(_PLACE, "ascending"), ("Call", "ascending")]).drop([_PLACE])
    reasons = {_named(name): reason for name, reason in recording.missing.items()}
    for name in reasons:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(table), pa.int64()))
    about: Mapping[bytes, Mapping[str, Any]] = {
        b"configuration": plain(recording.facts),
        b"provenance": plain(recording.provenance),
        b"not counted": dict(recording.missing),
    }
    fields = [field.with_metadata(_about(field.name, reasons)) for field in table.schema]
    return written(table.cast(pa.schema(fields, metadata=as_json(about))), {})


class _OfTurn:
    """The rows (dtype `CALL`) of the ``invocations`` of one turn.

    ``owner`` has the index of each row's invocation. Those of which nothing was recorded have a row
    of their own, too.
    """

    def __init__(self, recording: Recording, invocations: Table, turn: int) -> None:
        self._recording, self._invocations, self._turn = recording, invocations, turn
        table = recording.calls[:0] if turn == UNRECORDED else recording.calls
        self._counts: Counts | None = None
        if turn > TIMED:
            self._counts = recording.counts[turn - 1]
            table = self._counts.calls
        self._calls = Calls.of(table, invocations)
        bare = np.setdiff1d(np.arange(len(invocations)), self._calls.owner)
        own = np.zeros(len(bare), dtype=CALL)
        for name in ("callee", "signature", "parent"):
            own[name] = -1
        self._rows: Table = np.concatenate([self._calls.rows, own])
        self.owner: Ints = np.concatenate([self._calls.owner, bare])

    def columns(self, pa: Any, titles: Mapping[int, str], origin: int) -> dict[str, Any]:
        """Arrays by the names of their columns; times are counted from ``origin``, nanoseconds."""
        recording, rows, around = self._recording, self._rows, self._invocations[self.owner]
        is_call = rows["callee"] >= 0
        # An invocation's own times are known in every turn, those of calls where they are timed.
        begin = np.where(is_call, rows["begin_ns"], around["begin_ns"])
        end = np.where(is_call, rows["end_ns"], around["end_ns"])
        spent = end - begin - np.where(is_call, rows["dispatch_ns"], 0)
        untimed = is_call & (self._turn != TIMED)
        times = zip(_TIMES, (begin - origin, end - origin, spent), strict=True)
        places = np.arange(len(rows))
        own_place = np.maximum.accumulate(np.where(is_call, 0, places))
        how = {UNRECORDED: "not recorded", TIMED: "timed"}.get(self._turn, f"pass {self._turn}")
        return {
            "Function": _texts(pa, [titles[each] for each in around["id"].tolist()]),
            "Invocation": around["number"],
            "Thread": around["thread"],
            "Turn": _texts(pa, [how] * len(rows)),
            "Call": places - own_place,
            "Parent": pa.array(rows["parent"], mask=~is_call),
            "Name": _chosen(pa, recording.callees, rows["callee"]),
            "Argument Shapes": _chosen(pa, recording.signatures, rows["signature"]),
            **{name: pa.array(ns / 1e3, mask=untimed) for name, ns in times},
            "Raised": rows["failed"] != 0,
            **self._counted(pa, around["fault"] != NO_FAULT),
        }

    def _counted(self, pa: Any, is_faulty: Table) -> dict[str, Any]:
        counts, chosen = self._counts, self._calls.chosen
        if counts is None:
            return {}
        bare = len(self._rows) - len(chosen)
        found = {}
        for at, column in enumerate(self._recording.passes[self._turn - 1].columns):
            name = _named(column)
            values = np.pad(counts.values[chosen, at], (0, bare))
            unknown = is_faulty | (np.arange(len(values)) >= len(chosen))
            if counts.shares is not None:
                shares = np.pad(counts.shares[chosen, at], (0, bare))
                found[f"{name}{SHARE_SUFFIX}"] = pa.array(shares, mask=unknown)
                unknown = unknown | (shares <= 0)
            found[name] = pa.array(values, mask=unknown)
        return found


def _texts(pa: Any, texts: Iterable[str]) -> Any:
    return pa.array([*map(json_text.encodable, texts)], pa.string())


def _chosen(pa: Any, texts: Sequence[str], numbers: Ints) -> Any:
    """The text of each of these ``numbers``; null for -1."""
    return _texts(pa, texts).take(pa.array(numbers, mask=numbers < 0))


def _named(event: str) -> str:
    """The name of the column of ``event``, which is none of the others."""
    name = json_text.encodable(event)
    return f"{name} (event)" if name in _OWN else name


def _about(name: str, reasons: Mapping[str, str]) -> dict[str, str]:
    """What the metadata of a column say."""
    unit = {"unit": "us"} if name in _TIMES else {}
    reason = reasons.get(name)
    return unit if reason is None else {**unit, "not counted": json_text.encodable(reason)}
