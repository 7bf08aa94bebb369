"""A model ready to be run: what the executable says, and the kernels it calls."""

from __future__ import annotations

import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import tvm_ffi
from tvm.error import InternalError

from vmprof.errors import VmprofError
from vmprof.owned import memory_file
from vmprof.program.bytecode import Bytecode, Function, FunctionKind
from vmprof.program.doubts import doubtful_operands
from vmprof.program.embedded import embedded_module
from vmprof.program.info import NOTHING_KNOWN, ModelInfo
from vmprof.program.kernels import Kernels
from vmprof.program.layers import layers_by_instruction
from vmprof.program.parameters import parameters_of
from vmprof.program.reader import read_bytecode
from vmprof.program.types import Parameter

EXECUTABLE_KIND = "relax.VMExecutable"


class NoExecutableError(VmprofError, AttributeError):
    """A module without a Relax executable; for TVM's VM a module without an attribute."""


@tvm_ffi.register_error
class MissingFunctionError(VmprofError, InternalError):  # type: ignore[misc] # TVM has no types
    """A packed function that the program calls, and that nobody has."""


@dataclass(frozen=True)
class Program:
    """The decoded executable and the module that holds its kernels.

    ``module`` is the ``relax.VMExecutable``; it keeps library and constants
    alive, and TVM's own VM can be made of it. ``info`` is what the compiler knew
    of it, as far as that is known. ``weights`` are values, by function, for its last
    parameters, where the model brought them. ``library`` is the file that all of it was
    loaded from, if that is known. ``exclusive`` says that nobody else has the module, whom it
    would bother that TVM's own VM was made of it.
    """

    name: str
    bytecode: Bytecode
    module: tvm_ffi.Module
    info: ModelInfo = NOTHING_KNOWN
    weights: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    library: Path | None = None
    exclusive: bool = False

    @classmethod
    def of_module(
        cls,
        module: tvm_ffi.Module,
        name: str,
        info: ModelInfo = NOTHING_KNOWN,
        library: Path | None = None,
        *,
        exclusive: bool = False,
    ) -> Program:
        """Decode the executable in ``module`` or in what it imports."""
        if module.kind == "rpc":
            raise VmprofError(
                f"{name} lies behind an RPC session, where its code cannot be read from here; "
                "profile it on the remote machine itself: vmprof run <the library> there"
            )
        executable = find_executable(module)
        if executable is None:
            raise NoExecutableError(
                f"{name} is a TVM module of kind {module.kind!r} without a Relax executable; "
                "vmprof runs what tvm.compile() makes of a Relax module"
            )
        data = None if library is None else embedded_module(library, EXECUTABLE_KIND)
        bytecode = read_bytecode(_serialized(executable) if data is None else data)
        return cls(name, bytecode, executable, info, library=library, exclusive=exclusive)

    @property
    def kernels(self) -> Kernels:
        """What the kernels are, by name, as far as that is known."""
        return self.info.kernels

    @cached_property
    def layers(self) -> Mapping[int | None, str]:
        """Which layers the calls of instructions are of, by their numbers, where that is known."""
        return layers_by_instruction(self.bytecode, self.info.calls)

    @cached_property
    def doubtful(self) -> Mapping[int, Sequence[int]]:
        """By instruction, which operands a run has to see not to be None; mostly there are none."""
        return doubtful_operands(self.bytecode)

    def brought_weights(self, entry: str) -> Mapping[str, Any]:
        """Values for the parameters of ``entry`` that the model brought, by their names."""
        brought = self.weights.get(entry, ())
        names = [parameter.name for parameter in self.parameters(entry)]
        return dict(zip(names[len(names) - len(brought) :], brought, strict=True))

    def parameters(self, entry: str) -> tuple[Parameter, ...]:
        """What the function ``entry`` takes."""
        return parameters_of(self.bytecode, self.entry(entry), self.info.signatures.get(entry))

    def entry(self, name: str) -> Function:
        """The function ``name``; :class:`VmprofError` names the others if there is none."""
        return self.bytecode.functions[self.index(name)]

    def index(self, name: str) -> int:
        """The place in the table of what :meth:`entry` gives."""
        for index, function in enumerate(self.bytecode.functions):
            if function.name == name and function.kind is not FunctionKind.PACKED:
                return index
        known = ", ".join(self.bytecode.entry_names()) or "none"
        raise VmprofError(f"{self.name} has no function {name!r}; it has: {known}")

    def check_packed_functions(self) -> None:
        """:class:`MissingFunctionError` for the first packed function that nobody has."""
        for function in self.bytecode.functions:
            if function.kind is FunctionKind.PACKED:
                self.packed_function(function.name)

    def packed_function(self, name: str) -> tvm_ffi.Function:
        """The packed function ``name``, looked up as TVM's VM does: imports, then registry."""
        for imported in self.module.imports:
            try:
                return imported.get_function(name, query_imports=True)
            except AttributeError:
                continue
        function = tvm_ffi.get_global_func(name, allow_missing=True)
        if function is None:
            problem = (
                f"{self.name} calls {name!r}, which is neither in its library nor registered "
                "with TVM; "
            )
            raise MissingFunctionError(
                f"{problem}import the package that registers it first",
                command_line=f"{problem}import the package that registers it with --import PACKAGE",
            )
        return function


def find_executable(module: tvm_ffi.Module) -> tvm_ffi.Module | None:
    if module.kind == EXECUTABLE_KIND:
        return module
    for imported in module.imports:
        found = find_executable(imported)
        if found is not None:
            return found
    return None


def _serialized(executable: tvm_ffi.Module) -> memoryview:
    """The bytes of the executable, in a file that exists in memory alone.

    They are mapped, not read: of constants, which may be large, nothing is looked at.
    """
    with memory_file("vmprof-bytecode") as file:
        executable.write_to_file(f"/proc/self/fd/{file.fileno()}", EXECUTABLE_KIND)
        return memoryview(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
