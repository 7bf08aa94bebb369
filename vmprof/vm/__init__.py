"""Runs a Program: the dispatch loop, what needs a VM of TVM's own, and the drop-in for that VM."""

from vmprof.vm.interpreter import Interpreter
from vmprof.vm.linker import Site
from vmprof.vm.virtual_machine import VirtualMachine

__all__ = ["Interpreter", "Site", "VirtualMachine"]
