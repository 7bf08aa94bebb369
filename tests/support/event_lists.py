"""Lists of events that somebody may ask for."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

SOFTWARE = [
    *("task-clock", "cpu-clock", "page-faults", "minor-faults", "major-faults"),
    *("context-switches", "cpu-migrations", "alignment-faults"),
]


def lists(names: Sequence[str]) -> st.SearchStrategy[str]:
    """Events and groups of them, which share some."""
    groups = st.lists(st.sampled_from(names), min_size=1, max_size=4)
    text = groups.map(lambda group: group[0] if len(group) == 1 else "{" + ",".join(group) + "}")
    return st.lists(text, min_size=1, max_size=6).map(",".join)
