"""Why a report may be noisy: what the system did meanwhile, as its provenance has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vmprof.report import provenance as names
from vmprof.report.model import Report
from vmprof.report.totals import longest_device
from vmprof.report.trend import trend_of
from vmprof.values import INVOCATIONS, Count, Metric, Ratio

WARM_UP_SETTLED = "Warm-up settled"

# Of a CPU's time, or of all CPUs' where there are many: what less does is not to be seen.
_OTHERS, _OTHERS_OF_ALL = 0.10, 0.05
_STOLEN, _WAITED, _STOPPED = 0.02, 0.02, 0.01
# Between the beginning and the end.
_CLOCK = 0.05
# A trend this small does not matter, and one this likely is none.
_TREND, _TREND_P = 2.0, 0.01
_FEWER_CPUS = 0.9


@dataclass(frozen=True)
class Cause:
    """``text`` is what happened, ``remedy`` what to do about it."""

    text: str
    remedy: str


def causes_of(report: Report, totals: tuple[float, ...]) -> list[Cause]:
    """The surest first; ``totals`` are what each repeat took, in their order."""
    contention = [*_quota(report), *_hypervisor(report), *_others(report)]
    if contention or not _is_told(report):
        contention += _fewer_cpus(report)
    return [
        *_moved(report),
        *contention,
        *_heat(report),
        *_clock(report),
        *_trend(totals),
        *_warm_up(report),
    ]


def of_cpus(number: float) -> str:
    """``40 % of a CPU``, ``1.5 CPUs``."""
    return f"{100 * number:.0f} % of a CPU" if number < 0.995 else f"{number:.3g} CPUs"


def _number(report: Report, name: str) -> float | None:
    metric = report.provenance.get(name)
    match metric:
        case Ratio(number) | Count(number):
            return number
    return None


def _is_told(report: Report) -> bool:
    """Whether the system says what others took."""
    return _number(report, names.WAITED) is not None or (
        _number(report, names.OTHERS_CPUS) is not None
    )


def _moved(report: Report) -> Iterator[Cause]:
    moved = report.provenance.get(names.CPUS_MOVED)
    if isinstance(moved, str):
        yield Cause(
            f"the CPUs that it may run on changed ({moved})",
            "leave them as they are while it measures (taskset, cpusets, CPUs taken offline)",
        )


def _quota(report: Report) -> Iterator[Cause]:
    stopped = _number(report, names.STOPPED)
    if stopped is not None and stopped >= _STOPPED:
        yield Cause(
            f"the CPU quota stopped it for {100 * stopped:.0f} % of the time",
            "raise the container's quota (--cpus), or use fewer threads: --num-threads",
        )


def _hypervisor(report: Report) -> Iterator[Cause]:
    stolen = _number(report, names.STOLEN_CPUS)
    if stolen is not None and stolen >= _STOLEN:
        yield Cause(
            f"the hypervisor took {of_cpus(stolen)}",
            "other guests share the processor: use a machine with CPUs of its own, or measure "
            "again at another time",
        )


def _others(report: Report) -> Iterator[Cause]:
    others, waited = _number(report, names.OTHERS_CPUS), _number(report, names.WAITED)
    least = max(_OTHERS, _OTHERS_OF_ALL * (_number(report, names.CPUS_ONLINE) or 1))
    texts = []
    if others is not None and others >= least:
        texts.append(f"other processes took {of_cpus(others)}")
    if waited is not None and waited >= _WAITED:
        texts.append(f"its threads waited for {of_cpus(waited)}")
    if texts and (others is None or others >= least):
        yield Cause(", and ".join(texts), "stop what else runs (top shows it), and measure again")
    elif texts:
        yield Cause(texts[0], "use no more threads than there are CPUs: --num-threads")


def _fewer_cpus(report: Report) -> Iterator[Cause]:
    """Fewer CPUs used than threads were asked for."""
    threads = report.configuration.get("Number of threads")
    device = longest_device(report)
    measured: Metric | None = report.device_metrics[device].get("CPUs used") if device else None
    used = measured.ratio if isinstance(measured, Ratio) else _number(report, names.OWN_CPUS)
    if not isinstance(measured, Ratio) and INVOCATIONS in report.configuration:
        return  # between its invocations a user's program does what it likes
    if isinstance(threads, Count) and used is not None and used < _FEWER_CPUS * threads.value:
        whose = "1 thread" if threads.value == 1 else f"{threads.value} threads"
        yield Cause(f"its {whose} had {of_cpus(used)}", "")


def _heat(report: Report) -> Iterator[Cause]:
    times = _number(report, names.OVERHEATED)
    if times:
        yield Cause(
            f"the processor lowered its clock {times:,.0f} times because of heat",
            "cool it, or fix a lower clock: sudo cpupower frequency-set --max",
        )


def _clock(report: Report) -> Iterator[Cause]:
    before, after = _number(report, names.CLOCK_BEFORE), _number(report, names.CLOCK_AFTER)
    if before and after and abs(after / before - 1) > _CLOCK:
        governor = report.provenance.get(names.GOVERNOR)
        fixed = isinstance(governor, str) and governor.startswith("performance")
        yield Cause(
            f"the clock went from {before:,.0f} to {after:,.0f} MHz",
            "switch turbo off, or let the processor cool"
            if fixed
            else "sudo cpupower frequency-set --governor performance",
        )


def _trend(totals: tuple[float, ...]) -> Iterator[Cause]:
    trend = trend_of(totals)
    if trend is not None and abs(trend.percent) >= _TREND and trend.p <= _TREND_P:
        how = "slower" if trend.percent > 0 else "faster"
        yield Cause(
            f"it became {abs(trend.percent):.0f} % {how} over the run",
            "something changed meanwhile, such as heat or another load: measure again",
        )


def _warm_up(report: Report) -> Iterator[Cause]:
    settled = report.configuration.get(WARM_UP_SETTLED)
    if isinstance(settled, str) and settled.startswith("no"):
        yield Cause("the warm-up did not settle", "warm up for longer: --warmup N")
