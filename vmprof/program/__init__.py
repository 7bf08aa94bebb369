"""What an executable says: its bytecode, parameters and kernels."""

from vmprof.program.parameters import parameters_of
from vmprof.program.program import Program
from vmprof.program.reader import BytecodeError, read_bytecode
from vmprof.program.types import Parameter

__all__ = ["BytecodeError", "Parameter", "Program", "parameters_of", "read_bytecode"]
