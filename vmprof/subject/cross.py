"""What is run, compiled for a computer that is not this one."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import tvm
import tvm_ffi
from tvm.relax.frontend import detach_params
from tvm.relax.vm_build import VMExecutable

from vmprof.counters.hardware.instruction_sets import HostTarget
from vmprof.errors import VmprofError, VmprofWarning
from vmprof.program import Program
from vmprof.program.info import write_info
from vmprof.program.program import find_executable
from vmprof.progress import Progress, kept_up, silent, within
from vmprof.subject.library import check_architecture, new_library
from vmprof.subject.load import already_compiled, imported_file, named, no_program, why_not
from vmprof.subject.options import Subject
from vmprof.zoo.compiler import compile_model, compile_module
from vmprof.zoo.compiler.linking import link, linking_options
from vmprof.zoo.compiler.target import architecture, parsed_target
from vmprof.zoo.importers import SUFFIXES, import_object
from vmprof.zoo.models import MODELS


def compiled_for(subject: Subject, host: HostTarget, progress: Progress = silent) -> Subject:
    """``subject`` as a library for ``host``, beside which stands what is known of its kernels.

    The ``source`` of what is returned is the library's :class:`~pathlib.Path`; its ``params``
    are the weights that the model brought, by name, unless others were given. ``host`` is the
    computer that will run it; the target of the subject's toolchain, if there is one, goes before
    that. A library is taken as it is. Models of vmprof's are kept in the cache; what is made of
    others is there until this process ends.

    Raises :class:`VmprofError` for what cannot be compiled or linked, and for a library that is of
    another kind of processor.
    """
    making = _Making(subject, host, progress)
    source = subject.source
    if isinstance(source, str | os.PathLike):
        source = named(os.fspath(source), subject.entry)
    imported = source if isinstance(source, tvm.IRModule) else import_object(source)
    if imported is not None:
        made = making.of_module(imported, "the module")
    elif isinstance(source, str):
        made = making.of_model(source)
    elif isinstance(source, Path) and source.suffix in SUFFIXES:
        made = making.of_module(imported_file(source, progress), source.name)
    elif subject.schedule is not None:
        raise already_compiled(str(source) if isinstance(source, Path) else "what you hand in")
    elif isinstance(source, Path):
        made = replace(subject, source=source)
    else:
        made = making.of_compiled(source)
    check_architecture(made.source, making.runs_on)
    return replace(made, schedule=None)


class _Making:
    """A library for ``target``, of what ``subject`` is."""

    def __init__(self, subject: Subject, host: HostTarget, progress: Progress) -> None:
        self._toolchain = subject.toolchain
        chosen = self._toolchain.target
        self.target = parsed_target(chosen or host.text)
        self.runs_on = architecture(parsed_target(host.text))
        if architecture(self.target) != self.runs_on:
            raise VmprofError(
                f"what is compiled for {architecture(self.target)} (--target; target= from Python) "
                f"would run on a processor of the kind {self.runs_on}; leave the target out, or "
                "profile it where there is such a processor (--rpc HOST:PORT)"
            )
        self._note = "" if chosen else host.note
        self._subject = subject
        self._progress = progress

    def of_model(self, name: str) -> Subject:
        schedule = self._subject.schedule or "cpu"
        self._begin(name)
        library = compile_model(
            name,
            self.target,
            toolchain=self._toolchain,
            schedule=schedule,
            progress=self._progress,
        )
        if library is not None:
            return replace(self._subject, source=library)
        return self.of_module(MODELS[name](), name, schedule)

    def of_module(self, module: Any, name: str, schedule: str = "none") -> Subject:
        linking = linking_options(self.target, self._toolchain)  # before what takes long
        module, weights = detach_params(module)  # PyTorch's importer may attach them
        self._begin(name)
        compiled = compile_module(
            module,
            self.target,
            schedule=self._subject.schedule or schedule,
            progress=within(self._progress, f"compiling {name}: "),
        )
        program = replace(Program.of_module(compiled.mod, name, compiled.info), weights=weights)
        program.entry(self._subject.entry)
        subject = replace(self._subject, source=self._linked(compiled, name, linking))
        if subject.params is None and weights:
            return replace(subject, params=program.brought_weights(subject.entry))
        return subject

    def of_compiled(self, source: Any) -> Subject:
        """Of what is compiled already, and hopefully for the right processor."""
        if isinstance(source, Program):
            if source.library is not None:
                return replace(self._subject, source=source.library)
            source = source.module
        if reason := why_not(source):
            raise VmprofError(reason)
        if isinstance(source, tvm_ffi.Module):
            found = find_executable(source)
            source = source if found is None else VMExecutable(found)
        if not isinstance(source, tvm.runtime.Executable):
            raise no_program(source)
        self._check(source)
        linking = linking_options(self.target, self._toolchain)
        library = self._linked(source, "the module", linking)
        if info := getattr(source, "info", None):  # of vmprof.compile
            write_info(info, library)
        return replace(self._subject, source=library)

    def _begin(self, name: str) -> None:
        self._progress(f"compiling {name}")
        if self._note:
            warnings.warn(
                f"{name} is not compiled for just the processor that runs it: {self._note}; name "
                "it with --target (target= from Python)",
                VmprofWarning,
                stacklevel=2,
            )
            self._note = ""

    def _check(self, executable: Any) -> None:
        """That the machine code in it, if that can be told, is for the right processors."""
        for imported in executable.mod.imports:
            if imported.kind == "llvm":
                found = architecture(tvm.target.Target(imported["_get_target_string"]()))
                if found != self.runs_on:
                    raise VmprofError(
                        f"what you hand in was compiled for {found}, and would run on "
                        f"{self.runs_on}; hand in the module, or compile it with "
                        "vmprof.compile(module, target=...)"
                    )

    def _linked(self, executable: Any, name: str, linking: dict[str, Any]) -> Path:
        library = new_library(name)
        with kept_up(self._progress, lambda: f"writing the library of {name}"):
            link(executable, library, self.target, linking)
        return library
