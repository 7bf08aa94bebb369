"""What columns hold, by their names: TVM's and ours.

For texts that do not say it: of a quotient all values may happen to be whole, of
hashes all digits may happen to be decimal.
"""

from __future__ import annotations

from typing import Literal

ColumnKind = Literal["string", "count", "duration", "percent", "ratio"]

_KNOWN: dict[str, ColumnKind] = {
    "Name": "string",
    "Device": "string",
    "Argument Shapes": "string",
    "VM::Argument Shapes": "string",
    "Hash": "string",
    "Call path": "string",
    "Bound": "string",
    "Layer": "string",
    "Not counted": "string",
    "Count": "count",
    "FLOPs": "count",
    "Bytes": "count",
    "Tasks": "count",
    "Percent": "percent",
    "Parallel efficiency": "percent",
    "Threads": "ratio",
    "CPUs used": "ratio",
    "Imbalance": "ratio",
    "IPC": "ratio",
}


def kind_of_column(name: str) -> ColumnKind | None:
    """The kind of the column ``name``; None where only the cells can tell."""
    if name in _KNOWN:
        return _KNOWN[name]
    if name.endswith("(us)"):
        return "duration"
    if "%" in name:
        return "percent"
    if name.endswith("layout"):
        return "string"
    # 4.5 of 100 samples per thread, GFLOP/s; and which part of the time something was counted.
    if "/" in name or " per " in name or name.endswith(" counted"):
        return "ratio"
    return None


def holds_numbers(name: str) -> bool:
    """Whether the column ``name`` has nothing but numbers in it."""
    return kind_of_column(name) not in (None, "string")
