"""Where a report comes from: machine, versions, command, library, as a flat list for people.

What the machine does not tell is there, too, as a text that begins with
:data:`vmprof.values.UNKNOWN` and says why.
"""

from __future__ import annotations

from collections.abc import Mapping

from vmprof.report.render.figures import short
from vmprof.values import UNKNOWN, Metric, Samples
from vmprof.visible import visible

PROCESSOR, KERNEL, GOVERNOR, DATE = "Processor", "Kernel", "Governor", "Date"
LIBRARY, LIBRARY_ID = "Library", "Library's ID"

# Of the time that was measured, warm-up rounds left out.
MEASURED = "Measured for (us)"
CPUS_ONLINE = "CPUs online"
# Only where they changed.
CPUS_MOVED = "CPUs changed meanwhile"
OWN_CPUS = "CPUs used by this process"
OTHERS_CPUS = "CPUs used by others"
STOLEN_CPUS = "CPUs taken by the hypervisor"
WAITED = "Threads waited for a CPU (CPUs)"
STOPPED = "Stopped by the CPU quota"
OVERHEATED = "Times slowed down for heat"
CLOCK_BEFORE, CLOCK_AFTER = "Clock at start (MHz)", "Clock at end (MHz)"
LOAD_BEFORE, LOAD_AFTER = "Load at start", "Load at end"

# What the folded line has.
_IMPORTANT = (PROCESSOR, KERNEL, GOVERNOR, DATE, "vmprof", "TVM", LIBRARY_ID)
_NAMED = {GOVERNOR: "governor ", "vmprof": "vmprof ", "TVM": "TVM "}


def is_known(metric: Metric | None) -> bool:
    """Whether it is there, and no reason why not."""
    return metric is not None and not (isinstance(metric, str) and metric.startswith(UNKNOWN))


def folded(provenance: Mapping[str, Metric]) -> str:
    """The most important of it in one line; ``""`` if nothing is said."""
    parts = []
    for name in _IMPORTANT:
        metric = provenance.get(name)
        if is_known(metric):
            parts.append(f"{_NAMED.get(name, '')}{_brief(name, short(metric))}")
    return ", ".join(parts)


def unfolded(provenance: Mapping[str, Metric]) -> dict[str, str]:
    """All of it, a text by each name."""
    return {
        name: short(metric)
        for name, metric in provenance.items()
        if not isinstance(metric, Samples)
    }


def section(provenance: Mapping[str, Metric]) -> str:
    """All of it as text, a line each below a heading."""
    lines = [f"{name}: {text}" for name, text in unfolded(provenance).items()]
    lines = lines or ["the report does not say where it comes from"]
    return "".join(f"{visible(line)}\n" for line in ("Provenance", "-" * 10, *lines))


def _brief(name: str, text: str) -> str:
    if name == PROCESSOR:
        return text.partition(" (")[0] if not text.startswith("(") else text
    if name == KERNEL:
        return " ".join(text.split()[:2])
    if name == LIBRARY_ID:
        kind, _, identity = text.partition(" ID ") if " ID " in text else text.partition(" ")
        return f"library's {kind} {identity[:12]}"
    return text
