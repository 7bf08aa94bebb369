"""Runs a Program: the dispatch loop, what needs a VM of TVM's own, and the drop-in for that VM."""

from vmprof.machine.interpreter import Interpreter
from vmprof.machine.linker import Site
from vmprof.machine.virtual_machine import VirtualMachine

__all__ = ["Interpreter", "Site", "VirtualMachine"]
