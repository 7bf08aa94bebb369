"""Runs that did not all make the same calls, as if they had.

A call that a run did not make took nothing of it. Thereby every run counts, and what adds
up in each of them still does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vmprof.runs.parallelism import Parallelism
from vmprof.runs.run import NO_WINDOW, Counts, Run
from vmprof.runs.work import ByThread, Floats, Ints

_NAMED = 3  # in the note

# What a call is known by: the call that it lies in, the name of its callee, its shapes, the
# functions it was made in, and how often it was made there before.
_Key = tuple[int, str, str, str, int]


class Alignment:
    """The calls that any of ``runs`` made, in the order in which they were made.

    ``callees`` names the callee of each site. Calls of two runs are one if the function,
    the callee and the shapes are the same, and it is the nth such call inside the same one.
    """

    def __init__(self, runs: Sequence[Run], callees: Sequence[str]) -> None:
        self._runs = {id(run): run for run in runs}
        self._callees = callees
        first = runs[0]
        self._place: dict[int, Ints] = {}
        if all(run.same_calls(first) for run in runs):
            self._model = first
            return
        keys: dict[_Key, int] = {}
        following: dict[int, int] = {}
        found = {id(run): self._identify(run, keys, following) for run in runs}
        order = np.array([*_chain(following)], dtype=np.int64)
        row_of = np.argsort(order)
        self._place = {of: row_of[numbers] for of, numbers in found.items()}
        self._model = self._union(row_of)

    @property
    def calls(self) -> Run:
        """A recording of all the calls, of which nothing but what they are shall be read."""
        return self._model

    def of(self, run: Run) -> Run:
        """``run``, which is one of those aligned, with a row for each of the calls."""
        place = self._place.get(id(run))
        if place is None:
            return run
        model, calls = self._model, len(self._model.sites)
        windows = durations = None
        if run.windows_ns is not None and run.durations_ns is not None:
            windows = np.full((calls, 2), NO_WINDOW)
            windows[place] = run.windows_ns
            durations = _spread(run.durations_ns, place, calls)
        return replace(
            run,
            sites=model.sites,
            shapes=model.shapes,
            parents=model.parents,
            paths=model.paths,
            windows_ns=windows,
            durations_ns=durations,
            counts=run.counts and _counts(run.counts, place, calls),
            parallelism=run.parallelism and _parallelism(run.parallelism, place, calls),
        )

    def place(self, run: Run) -> Sequence[int]:
        """The row of each call that ``run`` made."""
        place = self._place.get(id(run))
        return range(len(run.sites)) if place is None else place.tolist()

    def note(self) -> str | None:
        """What is to be said of runs that made other calls than others; None if none did."""
        if not self._place:
            return None
        calls, runs = self._model, len(self._place)
        made = np.zeros(len(calls.sites), dtype=np.int64)
        for place in self._place.values():
            made[place] += 1
        some = np.flatnonzero(made < runs)
        if not len(some):
            return f"the {runs} runs made the same calls in different orders"
        named = [
            f"{self._callees[calls.sites[row]]} in {made[row]} of {runs} runs"
            for row in some[:_NAMED].tolist()
        ]
        more = f" and {len(some) - _NAMED:,} more" if len(some) > _NAMED else ""
        return (
            f"{len(some):,} of {len(made):,} calls were not made in every run: {', '.join(named)}"
            f"{more}; a call counts as 0 in a run that did not make it"
        )

    def _identify(self, run: Run, keys: dict[_Key, int], following: dict[int, int]) -> Ints:
        """The number of each call in ``keys``, which learns new ones.

        ``following`` says which number comes after which, beginning after -1; a new call
        comes after what came before it in its run.
        """
        numbers: list[int] = []
        times: dict[tuple[int, str, str, str], int] = {}
        before = -1
        for site, shapes, path, parent in zip(
            run.sites.tolist(), run.shapes, run.paths, run.parents.tolist(), strict=True
        ):
            around = numbers[parent] if parent >= 0 else -1
            what = (around, self._callees[site], shapes, path)
            times[what] = times.get(what, 0) + 1
            number = keys.setdefault((*what, times[what]), len(keys))
            if number not in following:
                following[number] = following.get(before, -1)
                following[before] = number
            numbers.append(number)
            before = number
        return np.array(numbers, dtype=np.int64)

    def _union(self, row_of: Ints) -> Run:
        calls = len(row_of)
        sites, parents = np.zeros(calls, dtype=np.int64), np.full(calls, -1)
        shapes, paths = [""] * calls, [""] * calls
        for of, place in self._place.items():
            run = self._runs[of]
            sites[place] = run.sites
            inside = run.parents >= 0
            parents[place[inside]] = place[run.parents[inside]]
            for row, shape, path in zip(place.tolist(), run.shapes, run.paths, strict=True):
                shapes[row], paths[row] = shape, path
        return Run(sites, tuple(shapes), parents, tuple(paths), None, None, None, None, fault=None)


def _chain(following: dict[int, int]) -> Sequence[int]:
    chain: list[int] = []
    at = following.get(-1, -1)
    while at >= 0:
        chain.append(at)
        at = following[at]
    return chain


def _spread(values: Ints, place: Ints, rows: int) -> Ints:
    """``values`` (calls, ...) at their places of so many rows, 0 between them."""
    result = np.zeros((rows, *values.shape[1:]), dtype=values.dtype)
    result[place] = values
    return result


def _counts(counts: Counts, place: Ints, calls: int) -> Counts:
    shares: Floats | None = None
    if counts.shares is not None and counts.total_shares is not None:
        # Nothing was counted of what did not happen, whoever's turn it was.
        shares = np.tile(counts.total_shares, (calls, 1))
        shares[place] = counts.shares
    by_thread = counts.by_thread
    if by_thread is not None:
        rows = place[by_thread.rows]
        order = np.argsort(rows)
        by_thread = ByThread(by_thread.threads, rows[order], by_thread.values[order])
    values = _spread(counts.values, place, calls)
    return Counts(values, counts.total, shares, counts.total_shares, by_thread)


def _parallelism(used: Parallelism, place: Ints, calls: int) -> Parallelism:
    # The run as a whole comes first.
    row_of = np.concatenate([[0], 1 + place])
    windows = used.windows.copy()
    windows[:, 0] = row_of[windows[:, 0]]
    return Parallelism(
        threads=_spread(used.threads, row_of, 1 + calls),
        tasks=_spread(used.tasks, row_of, 1 + calls),
        work=_spread(used.work, row_of, 1 + calls),
        longest=_spread(used.longest, row_of, 1 + calls),
        mean=_spread(used.mean, row_of, 1 + calls),
        waiting=_spread(used.waiting, row_of, 1 + calls),
        windows=windows,
    )
