"""The models that vmprof brings along, with random weights from a fixed seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tvm
from tvm import relax

from vmprof.models.mlp import mlp
from vmprof.models.resnet import resnet18

# The function that each of them consists of.
ENTRY = "main"


@dataclass(frozen=True)
class Model:
    """How to make a model: ``build`` gives its Relax module.

    ``fuse``: compile with operators fused, as TVM's CPU pipeline does; else as
    plain ``tvm.compile`` does, one kernel per operator.
    """

    build: Callable[[], tvm.IRModule]
    fuse: bool


MODELS: dict[str, Model] = {
    # Not fused, as in TVM 0.23's own report of it.
    "mlp": Model(mlp, fuse=False),
    "resnet18": Model(resnet18, fuse=True),
}


def compile_model(name: str) -> tvm.runtime.Module:
    """Compile the model ``name`` of :data:`MODELS` for this machine's kind of processor."""
    model = MODELS[name]
    target = tvm.target.Target("llvm")
    module = relax.transform.FoldBatchnormToConv2D()(model.build())
    pipeline = relax.backend.cpu_generic.get_default_pipeline(target) if model.fuse else "default"
    return tvm.compile(module, target, relax_pipeline=pipeline).jit()
