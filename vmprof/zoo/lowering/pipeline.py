"""The schedule as one compilation pipeline, in place of TVM's default one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tvm
from tvm import relax
from tvm.relax.backend.cpu_generic import pipeline as cpu_generic

from vmprof.zoo.lowering.batch_norm import FoldBatchNorm
from vmprof.zoo.lowering.host import vector_lanes
from vmprof.zoo.lowering.kernels import LEGALIZATIONS
from vmprof.zoo.lowering.layout import BlockChannels
from vmprof.zoo.lowering.names import NameKernels
from vmprof.zoo.lowering.parallel_convs import CombineParallelConvs
from vmprof.zoo.lowering.rules import schedule_kernels


def cpu_pipeline(
    target: tvm.target.Target, scheduled: Callable[[], None] = lambda: None
) -> tvm.transform.Pass:
    """From a Relax module to one that is ready to be compiled for the processor ``target``.

    Batch normalisation is folded, convolutions take and give channel blocks as
    wide as the vectors of ``target``, softmax, tanh, exp and erf are TVM's fast
    ones, operators are fused and kernels scheduled; ``scheduled`` is called for each of them.
    """

    @tvm.transform.module_pass(opt_level=0, name="vmprof.cpu_pipeline")  # type: ignore[untyped-decorator]
    def pipeline(module: tvm.IRModule, _: Any) -> tvm.IRModule:
        with target:
            return tvm.transform.Sequential(
                [
                    FoldBatchNorm(),
                    CombineParallelConvs(),
                    BlockChannels(vector_lanes(target)),
                    # Weights as they were, transposed: folding them would take as long as all else.
                    relax.transform.DeadCodeElimination(),
                    relax.transform.FastMathTransform(),
                    *cpu_generic.library_dispatch_passes(target),
                    relax.transform.LegalizeOps(LEGALIZATIONS),
                    relax.transform.AnnotateTIROpPattern(),
                    relax.transform.FoldConstant(),
                    relax.transform.FuseOps(),
                    NameKernels(),
                    relax.transform.FuseTIR(),
                    *cpu_generic.dataflow_lower_passes(target),
                    schedule_kernels(target, scheduled),
                    *cpu_generic.finalize_passes(target),
                ]
            )(module)

    return pipeline
