"""Libraries whose constants an assembler packed are what TVM writes, byte by byte."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import tvm
from support.models import Branching, compile_relax

import vmprof
from vmprof.program.embedded import embedded_module
from vmprof.program.program import EXECUTABLE_KIND
from vmprof.zoo.compiler.packing import packing_options
from vmprof.zoo.models import MODELS


def test_the_packed_modules_are_those_that_tvm_packs(tmp_path: Path) -> None:
    compiled = vmprof.compile(MODELS["mlp"](), schedule="cpu")
    by_tvm, ours = tmp_path / "tvm.so", tmp_path / "ours.so"
    compiled.export_library(by_tvm)
    before = os.listdir("/proc/self/fd")
    with packing_options(compiled.mod) as options:
        assert list(options) == ["fpack_imports"]
        compiled.export_library(ours, **options)
    assert os.listdir("/proc/self/fd") == before
    modules = []
    for library in (by_tvm, ours):
        tvm.runtime.load_module(str(library))
        found = embedded_module(library, EXECUTABLE_KIND)
        assert found is not None
        modules.append(bytes(found))
    assert modules[0] == modules[1]
    assert len(modules[0]) > 100_000  # the weights
    x = np.ones((1, 1, 28, 28), "float32")
    results = [
        vmprof.VirtualMachine(vmprof.load_program(library), tvm.cpu())["main"](x).numpy()
        for library in (by_tvm, ours)
    ]
    assert np.array_equal(*results)


def test_what_is_packed_otherwise_is_left_to_tvm() -> None:
    module = compile_relax(Branching)
    with packing_options(module) as options:
        assert list(options) == ["fpack_imports"]
    (code,) = module.imports
    with packing_options(code) as options:
        assert options == {}
    code.import_module(compile_relax(Branching))
    with packing_options(module) as options:
        assert options == {}
