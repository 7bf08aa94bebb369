"""Compiling Relax modules, with what each kernel is noted down."""

from vmprof.zoo.compiler.compile import SCHEDULES, Compiled, compile_model, compile_module
from vmprof.zoo.compiler.instrument import KernelInfo

__all__ = ["SCHEDULES", "Compiled", "KernelInfo", "compile_model", "compile_module"]
