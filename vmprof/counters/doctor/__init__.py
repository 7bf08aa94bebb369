"""Explains a machine: facts first, then a judgement that depends on nothing else."""

from vmprof.counters.doctor.facts import Facts
from vmprof.counters.doctor.judgement import Finding, Level, counts_hardware, diagnose

__all__ = ["Facts", "Finding", "Level", "counts_hardware", "diagnose"]
