"""Samples as stacks: a flame graph, and the formats that other viewers read."""

from vmprof.report.render.stacks.frame import Frame
from vmprof.report.render.stacks.stacks import Stack, stacks_of

__all__ = ["Frame", "Stack", "stacks_of"]
