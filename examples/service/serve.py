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

of_this_thread = threading.local()


class Perceptron(nn.Module):
    widths: tuple[int, ...]

    def __init__(self) -> None:
        self.layers = nn.ModuleList([nn.Linear(*pair) for pair in pairwise(self.widths)])

    def forward(self, x: nn.Tensor) -> nn.Tensor:
        for layer in self.layers:
            x = nn.op.relu(layer(x))
        return x


class Ranker(Perceptron):
    widths = (128, 256, 64, 1)

    def rank(self, x: nn.Tensor) -> nn.Tensor:
        return self.forward(x)


class Classifier(Perceptron):
    widths = (256, 512, 512, 10)

    def classify(self, x: nn.Tensor) -> nn.Tensor:
        return self.forward(x)


# By the name of the function to call.
MODELS = {"rank": Ranker, "classify": Classifier}


def build(name: str) -> tuple[object, list[object]]:
    """What ``tvm.compile`` makes of a model, and its weights, drawn at random."""
    model = MODELS[name]()
    width = model.widths[0]
    module, _ = model.export_tvm({name: {"x": nn.spec.Tensor(["batch", width], "float32")}})
    draw = np.random.default_rng(0)
    weights = [
        tvm.runtime.tensor(draw.standard_normal(each.shape).astype("float32") / width**0.5)
        for _, each in model.named_parameters()
    ]
    return tvm.compile(module, "llvm"), weights


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve requests for two models.")
    parser.add_argument("--requests", type=int, default=200, help="how many (default: 200)")
    options = parser.parse_args()
    built = {name: build(name) for name in MODELS}

    def start_thread() -> None:
        # TVM's VM runs one call at a time: each thread has its own.
        of_this_thread.vms = {
            name: relax.VirtualMachine(executable, tvm.cpu())
            for name, (executable, _) in built.items()
        }

    def serve(number: int) -> tuple[str, float]:
        """Which model one request is for, and the sum of what that answers."""
        draw = np.random.default_rng(number)
        name = str(draw.choice(list(MODELS)))
        width = MODELS[name].widths[0]
        x = draw.standard_normal((1 + number % 4, width)).astype("float32")
        _, weights = built[name]
        answer = of_this_thread.vms[name][name](tvm.runtime.tensor(x), *weights)
        return name, float(answer.numpy().sum())

    with ThreadPoolExecutor(THREADS, initializer=start_thread) as threads:
        answers = list(threads.map(serve, range(options.requests)))
    for name in MODELS:
        sums = [each for called, each in answers if called == name]
        print(f"{name}: {len(sums)} requests, checksum {sum(sums):.4f}")


if __name__ == "__main__":
    main()
