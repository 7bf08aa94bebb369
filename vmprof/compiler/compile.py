"""Compiling a Relax module for this machine, or for another."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tvm
from tvm import relax
from tvm.relax.backend import cpu_generic

from vmprof.compiler.cache import NotKeptError, cached_library
from vmprof.compiler.instrument import KernelInfo
from vmprof.errors import VmprofError
from vmprof.lowering.host import host_target
from vmprof.lowering.pipeline import cpu_pipeline
from vmprof.models import MODELS
from vmprof.program.kernels import Kernels, write_kernels
from vmprof.progress import Progress, silent

# How kernels are made: by vmprof's schedule, or as TVM lowers them by itself.
SCHEDULES = ("cpu", "none")


@dataclass(frozen=True)
class Compiled:
    """What :func:`compile_module` gives; ``vmprof.profile`` takes it.

    ``executable`` is TVM's; ``kernels`` says what its kernels are.
    """

    executable: Any
    kernels: Kernels

    def export(self, library: str | Path, **options: Any) -> None:
        """Write a library, and beside it the kernels, where ``vmprof run`` finds them.

        ``options`` are those of TVM's ``export_library``: a compiler for another
        kind of machine, for one.
        """
        self.executable.export_library(str(library), **options)
        write_kernels(self.kernels, library)


def compile_module(module: tvm.IRModule, target: Any = None, *, schedule: str = "none") -> Compiled:
    """Compile a Relax module, and note what each of its kernels is.

    ``target`` is whatever ``tvm.target.Target`` takes; None is this machine's
    processor. ``schedule`` is ``"cpu"`` for vmprof's own schedule, or ``"none"``
    for TVM's lowering, with operators fused.
    """
    if schedule not in SCHEDULES:
        raise VmprofError(f"there is no schedule {schedule!r}; there are: {', '.join(SCHEDULES)}")
    target = host_target() if target is None else tvm.target.Target(target)
    if schedule == "cpu":
        pipeline = cpu_pipeline(target)
    else:
        module = relax.transform.FoldBatchnormToConv2D()(module)
        pipeline = cpu_generic.get_default_pipeline(target)
    info = KernelInfo()
    with _also(info):
        executable = tvm.compile(module, target, relax_pipeline=pipeline)
    return Compiled(executable, info.kernels)


def _also(instrument: KernelInfo) -> Any:
    """The pass context that holds where this is called, with one more instrument."""
    context = tvm.transform.PassContext.current()
    return tvm.transform.PassContext(
        opt_level=context.opt_level,
        required_pass=list(context.required_pass),
        disabled_pass=list(context.disabled_pass),
        instruments=[*(context.instruments or ()), instrument],
        config=dict(context.config),
    )


def compile_model(model: str, *, schedule: str = "cpu", progress: Progress = silent) -> Path | None:
    """The library of one of vmprof's models, compiled for this machine, perhaps long ago.

    None if it cannot be kept anywhere: a warning has said why.
    """
    target = host_target()

    def make(library: Path) -> None:
        progress(f"{model}, step 1 of 3: drawing weights")
        module = MODELS[model]()
        progress(f"{model}, step 2 of 3: compiling for {target.attrs['mcpu']}")
        compiled = compile_module(module, target, schedule=schedule)
        progress(f"{model}, step 3 of 3: writing the library")
        try:
            compiled.export(library)
        except Exception as error:  # whatever the linker says, down to plain RuntimeError
            raise NotKeptError(textwrap.shorten(str(error), 200)) from error

    return cached_library(model, schedule, target, make)
