"""Run by the Python of an environment with TVM 0.23: the mlp, and TVM's own profiler on it.

    python tvm_profile.py ROUNDS

Prints JSON: microseconds of runs that are not profiled, what `vm.profile` reports as Total,
and what a call of it takes. Nothing of vmprof is needed.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import tvm
from tvm import relax

BATCH = 20


def mlp() -> tvm.IRModule:
    """784-128-64-10 with ReLU between and softmax at the end, as vmprof.zoo.models.mlp."""
    random = np.random.default_rng(0)
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorStructInfo((1, 784), "float32"))
    with builder.function("main", [x]):
        with builder.dataflow():
            last = x
            for inputs, outputs in ((784, 128), (128, 64), (64, 10)):
                weight = random.standard_normal((outputs, inputs), "float32") / inputs**0.5
                turned = builder.emit(relax.op.permute_dims(relax.const(weight)))
                product = builder.emit(relax.op.matmul(last, turned))
                bias = relax.const(random.standard_normal(outputs, "float32"))
                last = builder.emit(relax.op.add(product, bias))
                if outputs > 10:
                    last = builder.emit(relax.op.nn.relu(last))
            output = builder.emit_output(relax.op.nn.softmax(last))
        builder.emit_func_output(output)
    return builder.get()


def main() -> None:
    device = tvm.cpu()
    built = tvm.compile(mlp(), "llvm")
    plain = relax.VirtualMachine(built, device)
    profiling = relax.VirtualMachine(built, device, profile=True)
    array = np.random.default_rng(1).standard_normal((1, 784), "float32")
    x = (tvm.runtime.tensor if hasattr(tvm.runtime, "tensor") else tvm.nd.array)(array)
    found: dict[str, list[float]] = {"unprofiled": [], "total": [], "wall": []}
    for _ in range(int(sys.argv[1])):
        for _ in range(BATCH):
            plain["main"](x)
        began = time.perf_counter_ns()
        for _ in range(BATCH):
            plain["main"](x)
        found["unprofiled"].append((time.perf_counter_ns() - began) / 1e3 / BATCH)
        began = time.perf_counter_ns()
        report = profiling.profile("main", x)
        found["wall"].append((time.perf_counter_ns() - began) / 1e3)
        (total,) = report.device_metrics.values()
        found["total"].append(total["Duration (us)"].microseconds)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
