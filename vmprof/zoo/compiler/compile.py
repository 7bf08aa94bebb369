"""Compiling a Relax module for this machine, or for another."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import tvm
from tvm import relax
from tvm.relax.backend import cpu_generic
from tvm.relax.vm_build import VMExecutable

from vmprof.errors import VmprofError, VmprofWarning
from vmprof.native_log import kept_quiet, reason_of
from vmprof.program.info import ModelInfo, write_info
from vmprof.program.kernels import Kernels
from vmprof.program.known import note_info
from vmprof.progress import Progress, kept_up, silent, within
from vmprof.zoo.compiler.cache import NotKeptError, cached_library
from vmprof.zoo.compiler.instrument import KernelInfo
from vmprof.zoo.compiler.lines import lines_attached
from vmprof.zoo.compiler.linking import NotLinkedError, link, linking_options
from vmprof.zoo.compiler.parallel_bodies import name_bodies
from vmprof.zoo.compiler.progress import CompileProgress
from vmprof.zoo.compiler.target import parsed_target
from vmprof.zoo.importers import import_object
from vmprof.zoo.lowering.host import host_target
from vmprof.zoo.lowering.pipeline import cpu_pipeline
from vmprof.zoo.models import MODELS
from vmprof.zoo.options import Toolchain

# How kernels are made: by vmprof's schedule, or as TVM lowers them by itself.
SCHEDULES = ("cpu", "none")


class Compiled(VMExecutable):  # type: ignore[misc] # TVM has no types
    """What :func:`compile_module` gives: TVM's executable; ``vmprof.profile`` takes it.

    ``kernels`` says what its kernels are, ``info`` also what its functions take.
    """

    def __init__(
        self, executable: VMExecutable, info: ModelInfo, target: tvm.target.Target
    ) -> None:
        super().__init__(executable.mod)
        self.info = info
        self.target = target
        note_info(self.mod, info)

    @property
    def kernels(self) -> Kernels:
        return self.info.kernels

    def export_library(self, file_name: str | Path, **options: Any) -> Any:
        """Write a library, and beside it what is known of it, where ``vmprof run`` finds it.

        ``options`` are those of TVM's ``export_library``. What was compiled for another kind of
        processor is linked by GNU's compiler for that, unless they name one (``cc``).
        """
        if options.keys().isdisjoint(("cc", "fcompile")):
            options |= linking_options(self.target)
        result = super().export_library(str(file_name), **options)
        write_info(self.info, file_name)
        return result

    export = export_library  # what it was called first


def compile_module(
    module: Any,
    target: Any = None,
    *,
    schedule: str = "none",
    exec_mode: str = "bytecode",
    progress: Progress = silent,
) -> Compiled:
    """Compile a Relax module, and note what each of its kernels is.

    ``module`` may be what TVM imports, too: an ONNX model, an exported PyTorch program.
    ``target`` is whatever ``tvm.target.Target`` takes, or an LLVM triple such as
    ``aarch64-linux-gnu``; None is this machine's processor. ``schedule`` is ``"cpu"`` for
    vmprof's own schedule, or ``"none"`` for TVM's lowering, with operators fused.
    ``exec_mode`` is as for ``tvm.relax.build``: ``"bytecode"``, or ``"compiled"`` to native
    code. ``progress`` is told how far it is, from a thread of its own.

    Raises :class:`VmprofError` for what TVM cannot compile.
    """
    if schedule not in SCHEDULES:
        raise VmprofError(f"there is no schedule {schedule!r}; there are: {', '.join(SCHEDULES)}")
    if not isinstance(module, tvm.IRModule):
        module = import_object(module) or module
    if not isinstance(module, tvm.IRModule):
        raise VmprofError(
            f"cannot compile a {type(module).__name__}; hand in a Relax IRModule, an "
            "onnx.ModelProto or a torch.export.ExportedProgram"
        )
    target = host_target() if target is None else parsed_target(target)
    info, compiling = KernelInfo(), CompileProgress(schedule)
    try:
        with kept_quiet("compiling"):
            if schedule == "cpu":
                pipeline = cpu_pipeline(target, compiling.kernel_scheduled)
            else:
                with _also(info):
                    module = relax.transform.FoldBatchnormToConv2D()(module)
                pipeline = cpu_generic.get_default_pipeline(target)
            with (
                kept_up(progress, compiling.step),
                _also(info, compiling),
                lines_attached() as lines,
            ):
                executable = relax.build(
                    module,
                    target,
                    relax_pipeline=pipeline,
                    tir_pipeline=lines.pipeline,
                    exec_mode=exec_mode,
                )
            problem = lines.problem or name_bodies(executable.mod)
    except VmprofError:
        raise
    except Exception as error:  # TVM raises what it likes
        where = f" (in or after its pass {info.last_pass})" if info.last_pass else ""
        problem = f"TVM cannot compile the module: {reason_of(error)}{where}"
        raise VmprofError(
            problem, command_line=f"{problem} (--debug shows all that it says)"
        ) from error
    if problem:
        warnings.warn(
            f"some of the machine code has no lines: {problem}; it runs all the same",
            VmprofWarning,
            stacklevel=2,
        )
    return Compiled(executable, replace(info.info, tensor_ir=lines.text), target)


def _also(*instruments: Any) -> Any:
    """The pass context that holds where this is called, with more instruments."""
    context = tvm.transform.PassContext.current()
    return tvm.transform.PassContext(
        opt_level=context.opt_level,
        required_pass=list(context.required_pass),
        disabled_pass=list(context.disabled_pass),
        instruments=[*(context.instruments or ()), *instruments],
        config=dict(context.config),
    )


def compile_model(
    model: str,
    target: Any = None,
    *,
    toolchain: Toolchain | None = None,
    schedule: str = "cpu",
    progress: Progress = silent,
) -> Path | None:
    """The library of one of vmprof's models, compiled perhaps long ago.

    ``target`` is as for :func:`compile_module`; ``toolchain`` links for it. None if it cannot be
    kept anywhere: a warning has said why.
    """
    target = host_target() if target is None else parsed_target(target)
    linking = linking_options(target, toolchain)

    def make(library: Path) -> None:
        with kept_up(progress, lambda: f"{model}, step 1 of 3: drawing weights"):
            module = MODELS[model]()
        steps = within(progress, f"{model}, step 2 of 3: ")
        compiled = compile_module(module, target, schedule=schedule, progress=steps)
        with kept_up(progress, lambda: f"{model}, step 3 of 3: writing the library"):
            try:
                link(compiled, library, target, linking)
            except NotLinkedError as error:
                if linking:  # nothing else will link it
                    raise
                raise NotKeptError(str(error)) from error

    made_for = json.dumps([str(target), linking], sort_keys=True)
    return cached_library(model, schedule, made_for, make)
