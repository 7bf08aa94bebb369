"""Runs a Program: the dispatch loop, and builtins that need a VM."""

from vmprof.machine.linker import Site
from vmprof.machine.machine import VirtualMachine

__all__ = ["Site", "VirtualMachine"]
