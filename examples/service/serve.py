"""Serves requests for two models from four threads, each with VMs of its own.

python serve.py --requests 200              # by itself
vmprof record serve.py --requests 200       # what its operators cost
"""

from __future__ import annotations

import argparse
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import tvm
from tvm import relax
from tvm.relax.frontend import nn

THREADS = 4
# Widths of the layers of each model.
MODELS = {"ranker": (128, 256, 64, 1), "classifier": (256, 512, 512, 10)}

of_this_thread = threading.local()


class Perceptron(nn.Module):
    def __init__(self, widths: tuple[int, ...]) -> None:
        self.layers = nn.ModuleList([nn.Linear(*pair) for pair in pairwise(widths)])

    def predict(self, x: nn.Tensor) -> nn.Tensor:
        for layer in self.layers:
            x = nn.op.relu(layer(x))
        return x


def build(widths: tuple[int, ...]) -> tuple[object, list[object]]:
    """What ``tvm.compile`` makes of a model, and its weights, drawn at random."""
    model = Perceptron(widths)
    inputs = {"predict": {"x": nn.spec.Tensor(["batch", widths[0]], "float32")}}
    module, _ = model.export_tvm(inputs)
    draw = np.random.default_rng(0)
    weights = [
        tvm.runtime.tensor(draw.standard_normal(each.shape).astype("float32") / widths[0] ** 0.5)
        for _, each in model.named_parameters()
    ]
    return tvm.compile(module, "llvm"), weights


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve requests for two models.")
    parser.add_argument("--requests", type=int, default=200, help="how many (default: 200)")
    options = parser.parse_args()
    built = {name: build(widths) for name, widths in MODELS.items()}

    def start_thread() -> None:
        # TVM's VM runs one call at a time: each thread has its own.
        of_this_thread.vms = {
            name: relax.VirtualMachine(executable, tvm.cpu())
            for name, (executable, _) in built.items()
        }

    def serve(number: int) -> float:
        """The sum of what the model answers to one request."""
        draw = np.random.default_rng(number)
        name = draw.choice(list(MODELS))
        x = draw.standard_normal((1 + number % 4, MODELS[name][0])).astype("float32")
        _, weights = built[name]
        answer = of_this_thread.vms[name]["predict"](tvm.runtime.tensor(x), *weights)
        return float(answer.numpy().sum())

    with ThreadPoolExecutor(THREADS, initializer=start_thread) as threads:
        answers = list(threads.map(serve, range(options.requests)))
    print(f"{len(answers)} requests, checksum {sum(answers):.4f}")


if __name__ == "__main__":
    main()
