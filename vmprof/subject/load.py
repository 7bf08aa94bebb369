"""What a user may hand in -> Program."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import tvm
import tvm_ffi
from tvm.runtime.vm import VirtualMachine as TvmVirtualMachine

from vmprof.errors import VmprofError
from vmprof.program import Program
from vmprof.program.info import NOTHING_KNOWN, read_info
from vmprof.progress import Progress, silent, within
from vmprof.subject.library import load_library, made_library
from vmprof.vm import VirtualMachine
from vmprof.zoo.compiler_half import need_compiler
from vmprof.zoo.importers import SUFFIXES, import_model, import_object

# Anything that load_program takes.
Source = Any


def load_program(
    source: Source,
    *,
    entry: str | None = None,
    schedule: str | None = None,
    in_library: bool = False,
    progress: Progress = silent,
) -> Program:
    """A program from a model's name, a file, a Relax module, or what was compiled of one.

    ``source`` is the name of one of vmprof's models; the path of a library that
    ``export_library`` wrote, of an ONNX model (.onnx) or of an exported PyTorch
    program (.pt2); such a model or program in memory; a Relax ``IRModule``; what
    ``vmprof.compile`` or ``tvm.compile`` gave; a ``Module`` with a Relax executable in
    it; or a :class:`Program`. ``schedule`` is as for ``vmprof.compile``, for what is
    compiled here; None is ``"cpu"`` for vmprof's models, ``"none"`` for others. With
    ``in_library`` what is in memory alone is made a library of, where there is a compiler for
    it: its code has symbols then, and lines.

    A program that lacks the function ``entry``, if one is named, is refused; a
    model of vmprof's before it is compiled.
    """
    program = _load(source, entry, schedule, progress, in_library=in_library)
    if entry is not None:
        program.entry(entry)
    return program


def _load(
    source: Source,
    entry: str | None,
    schedule: str | None,
    progress: Progress,
    *,
    in_library: bool,
) -> Program:
    if isinstance(source, str | os.PathLike):
        found = named(os.fspath(source), entry)
        if isinstance(found, Path):
            return _load_file(found, schedule, progress, in_library=in_library)
        return _load_model(found, schedule or "cpu", progress, in_library=in_library)
    imported = source if isinstance(source, tvm.IRModule) else import_object(source)
    if imported is not None:
        return _compile(imported, "the module", schedule, progress, in_library=in_library)
    if reason := why_not(source):
        raise VmprofError(reason)
    if schedule is not None:
        raise already_compiled("what you hand in")
    if isinstance(source, Program):
        return source
    info = NOTHING_KNOWN
    if isinstance(source, tvm.runtime.Executable):
        info = getattr(source, "info", info)  # of vmprof.compile
        made = made_library(source, "the module") if in_library else None
        if made is not None:
            module = load_library(made, "the module", progress)
            return Program.of_module(module, "the module", info, made, exclusive=True)
        source = source.jit()
    if isinstance(source, tvm_ffi.Module):
        return Program.of_module(source, "the module", info)
    raise no_program(source)


def no_program(source: Source) -> VmprofError:
    """What to say of a ``source`` that is nothing known."""
    return VmprofError(
        f"cannot profile a {type(source).__name__}; hand in the path of a library, "
        "what tvm.compile() returned, or the name of a model"
    )


def why_not(source: Source) -> str | None:
    """What to do about things that users have at hand, and that are no programs."""
    kind = type(source)
    name = f"{kind.__module__}.{kind.__qualname__}"
    bases = {f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__}
    if isinstance(source, TvmVirtualMachine | VirtualMachine) or (
        getattr(source, "kind", None) == "relax.VirtualMachine"
    ):
        return (
            "a virtual machine does not tell what it runs; hand in what it was made of: the "
            "executable, or the path of the library"
        )
    if "torch.nn.modules.module.Module" in bases:
        return f"a {name} is no program yet; hand in torch.export.export(model, (inputs, ...))"
    if "tvm.relax.frontend.nn.core.Module" in bases:
        return f"a {name} is no program yet; hand in the IRModule that model.export_tvm(spec) gives"
    return None


def named(name: str, entry: str | None) -> str | Path:
    """What ``name`` means: a model of vmprof's, which has ``entry`` if one is named, or a file."""
    path = Path(name)
    # A model's name may end as squeezenet1.0 does.
    if os.sep in name or path.suffix.strip(".0123456789"):
        if path.is_file():
            return path
        what = "is a folder" if path.is_dir() else "does not exist"
        raise VmprofError(f"{name} {what}; give a library that TVM's export_library() wrote")
    need_compiler(f"{name} is no file; to compile a model of vmprof's")
    from vmprof.zoo.models import ENTRY, MODELS

    if name in MODELS:
        if entry not in (None, ENTRY):
            raise VmprofError(f"{name} has no function {entry!r}; it has: {ENTRY}")
        return name
    if path.is_file():
        return path
    raise VmprofError(
        f"there is no model {name!r}; there are: {', '.join(MODELS)} "
        "(or give the path of a library, model.so)"
    )


def _load_model(name: str, schedule: str, progress: Progress, *, in_library: bool) -> Program:
    from tvm.support import cc

    from vmprof.zoo.compiler import compile_model
    from vmprof.zoo.compiler.cache import discard
    from vmprof.zoo.models import MODELS

    # Keeping what is compiled takes a C compiler, running it does not.
    if cc.get_cc() is not None:
        progress(f"compiling {name}")
        library = compile_model(name, schedule=schedule, progress=progress)
        if library is not None:
            try:
                module = load_library(library, name, progress)
                info = read_info(library)
                return Program.of_module(module, name, info, library, exclusive=True)
            except VmprofError as error:
                discard(library, error)
    return _compile(MODELS[name](), name, schedule, progress, in_library=in_library)


def _load_file(
    path: Path, schedule: str | None, progress: Progress, *, in_library: bool
) -> Program:
    if path.suffix in SUFFIXES:
        imported = imported_file(path, progress)
        return _compile(imported, path.name, schedule, progress, in_library=in_library)
    if schedule is not None:
        raise already_compiled(str(path))
    module, info = load_library(path, str(path), progress), read_info(path)
    return Program.of_module(module, path.name, info, path, exclusive=True)


def imported_file(path: Path, progress: Progress) -> Any:
    """The Relax module of the model of another framework in ``path``."""
    need_compiler(f"to compile {path}")
    progress(f"importing {path}")
    return import_model(path)


def _compile(
    module: Any, name: str, schedule: str | None, progress: Progress, *, in_library: bool
) -> Program:
    from tvm.relax.frontend import detach_params

    from vmprof.zoo.compiler import compile_module

    progress(f"compiling {name}")
    module, weights = detach_params(module)  # PyTorch's importer may attach them
    steps = within(progress, f"compiling {name}: ")
    compiled = compile_module(module, schedule=schedule or "none", progress=steps)
    made = made_library(compiled, name) if in_library else None
    runnable = compiled.jit() if made is None else load_library(made, name, progress)
    program = Program.of_module(runnable, name, compiled.info, made, exclusive=True)
    return replace(program, weights=weights)


def already_compiled(what: str) -> VmprofError:
    return VmprofError(f"{what} is compiled already; a schedule is for models that are not")
