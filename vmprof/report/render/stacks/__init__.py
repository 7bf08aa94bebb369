"""Samples as stacks: a flame graph, and the formats that other viewers read."""

from vmprof.report.render.stacks.stacks import Frame, LineOf, Stack, no_lines, stacks_of

__all__ = ["Frame", "LineOf", "Stack", "no_lines", "stacks_of"]
