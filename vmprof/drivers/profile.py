"""Profiling from Python: keywords in, a Report out."""

from __future__ import annotations

from functools import partial

from vmprof.drivers.engines import check, profile_engines
from vmprof.drivers.keywords import Wanted, takes, wanted
from vmprof.drivers.options import Profiling
from vmprof.progress import Progress
from vmprof.report.model import Report
from vmprof.subject.options import Subject


@takes(wanted)
def profile(what: Wanted) -> Report:
    """Run ``source`` and say what each of its calls cost.

    ``source``, ``inputs``, ``entry``, ``params``, ``dimensions``, ``seed``, ``schedule`` and
    ``device`` are what is run: :class:`~vmprof.subject.options.Subject`; ``target`` is what it is
    compiled for, or a :class:`~vmprof.zoo.options.Toolchain`. Any other keyword is an input by
    name. ``engine`` is what runs it: vmprof's own dispatch loop, or ``"tvm"``, TVM's
    VM with the recorder as its instrument.

    ``counters``, ``multiplex``, ``count`` and ``collectors`` say what is counted:
    :class:`~vmprof.record.options.Counting`; ``repeats``, ``warmup``, ``single_pass`` and
    ``cold`` how often it is run: :class:`~vmprof.record.rounds.options.Rounds`; ``threads``,
    ``num_threads`` and ``pin`` are of :class:`~vmprof.record.options.Threads`, ``collectors``,
    ``metrics``, ``measure_peaks`` and ``max_records`` of
    :class:`~vmprof.drivers.options.Profiling`, ``sample``, ``sample_rate`` and
    ``perf_map`` of :class:`~vmprof.record.options.Sampling`.

    With ``remote``, a :class:`vmprof.Remote`, all of it happens on that host.

    Values of the report are means over the middle half of the repeats
    (:mod:`vmprof.report.estimator`), so that rows and what is in no row add up to Total;
    what each repeat measured is in the columns ``"... samples"`` of its JSON. With several
    ``processes`` it is measured in so many fresh ones, one after the other, and the report has the
    means over them and what each measured (:mod:`vmprof.report.starts`): ``source`` is best a file
    then, and a script does it below ``if __name__ == "__main__":``. Raises
    :class:`VmprofError` for what the user can mend, and whatever a kernel
    raises, with a note that says which instruction called it.
    """
    if what.remote is not None:
        return what.remote.profile(
            what.subject,
            what.profiling,
            what.engine,
            starts=what.processes,
            progress=what.progress,
        )
    if what.processes == 1:
        return _profiled(what.subject, what.engine, what.profiling, what.progress)
    # Few need it, and all would wait for it.
    from vmprof.drivers.processes import in_processes
    from vmprof.report.starts import joined

    check([what.engine])
    make = partial(_profiled, what.subject, what.engine, what.profiling)
    (reports,) = in_processes([make], what.processes, progress=what.progress)
    return joined(reports)


def _profiled(subject: Subject, engine: str, profiling: Profiling, progress: Progress) -> Report:
    return profile_engines(subject, [engine], profiling, progress=progress)[engine]
