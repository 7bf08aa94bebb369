"""The samples of a recording as stacks: invocation, functions of the VM, operator, code, line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache

import numpy as np

from vmprof.errors import VmprofError
from vmprof.recording.groups import Calls, Group
from vmprof.recording.sampled import SampledCalls
from vmprof.recording.tables import Recording, Sampling
from vmprof.report.render.stacks.frame import Frame, LineOf
from vmprof.report.render.stacks.lines import lines_of
from vmprof.report.render.stacks.stacks import IN_NO_OPERATOR, Stack, Thread, code_of
from vmprof.sampling.code import Places
from vmprof.sampling.fold import folded
from vmprof.sampling.model import Sampled

_ROOT = Frame("all functions", "run")


def stacks_of_recording(
    recording: Recording, groups: Sequence[Group]
) -> tuple[list[Stack], Sampled]:
    """Those of the invocations of ``groups``, the heaviest first, and how they were sampled.

    A call in which others were made is a function of the VM; what is in itself, is in no operator.
    The runs of what was sampled are invocations, and it has no hits of its own.
    :class:`VmprofError` if there are no samples.
    """
    sampling = recording.sampling
    found = [(group, calls) for group in groups if (calls := SampledCalls.of(group)) is not None]
    if sampling is None or not any(len(calls.samples) for _, calls in found):
        raise VmprofError(
            "the recording has no samples; take some: vmprof record --sample --save FILE -- "
            "PROGRAM, and call the function often enough: sampled invocations take turns"
        )
    line_of = lines_of(recording.code)
    threads = _threads(recording)
    stacks = Stack.sums(
        stack
        for group, calls in found
        for stack in _stacks(group, calls, sampling, threads, line_of)
    )
    runs = sum(len(calls.invocations) for _, calls in found)
    how = Sampled(
        event=sampling.event,
        unit=sampling.unit,
        rate=sampling.rate,
        runs=runs,
        libraries=sampling.libraries,
        functions=sampling.functions,
        hits=(),
        lost=sampling.lost,
        throttled=sampling.throttled,
    )
    return stacks, how


def _stacks(
    group: Group,
    found: SampledCalls,
    sampling: Sampling,
    threads: Mapping[int, Thread],
    line_of: LineOf,
) -> Iterator[Stack]:
    frames_of = _frames(group, found.calls)
    samples = found.samples
    places = Places(samples["function"].astype(np.int64), samples["address"])
    numbers = np.unique(samples["thread"])
    for number in numbers.tolist():
        of_thread = samples["thread"] == number
        hits = folded(
            Places(places.function[of_thread], places.address[of_thread]),
            found.row[of_thread],
            np.zeros(of_thread.sum(), dtype=np.int64),
            samples["period"][of_thread],
        )
        for hit in hits:
            function = sampling.functions[hit.function]
            code = code_of(sampling.libraries, function, hit.address, line_of)
            frames = (*frames_of(hit.call), *code)
            yield Stack(frames, threads[number], hit.samples, hit.weight)


def _frames(group: Group, calls: Calls) -> Callable[[int], tuple[Frame, ...]]:
    """What is above the code that a row of ``calls`` was in, by its index."""
    callees = group.recording.callees
    has_calls = np.zeros(len(calls.rows), dtype=bool)
    has_calls[calls.around[calls.is_call]] = True
    functions = set(calls.rows["callee"][has_calls].tolist())
    above = (_ROOT, Frame(group.title, "invocation"))

    @cache
    def around(row: int) -> tuple[Frame, ...]:
        """The frames of the functions from the invocation in to ``row``, one of them."""
        callee = int(calls.rows["callee"][row])
        if callee < 0:
            return above
        return (*around(int(calls.around[row])), Frame(callees[callee], "function"))

    def frames(row: int) -> tuple[Frame, ...]:
        callee = int(calls.rows["callee"][row])
        if callee < 0 or callee in functions:
            return (*around(row), IN_NO_OPERATOR)
        return (*around(int(calls.around[row])), Frame(callees[callee], "operator"))

    return frames


def _threads(recording: Recording) -> dict[int, Thread]:
    """All that were sampled, by their numbers in the recording."""
    callers = np.unique(recording.invocations["thread"]).tolist()
    workers = sorted({*recording.samples["thread"].tolist()}.difference(callers))
    names = ["calling thread"] if len(callers) == 1 else [f"thread {n}" for n in callers]
    names += [f"worker {number}" for number in range(1, len(workers) + 1)]
    return {
        number: Thread(place, name)
        for place, (number, name) in enumerate(zip([*callers, *workers], names, strict=True))
    }
