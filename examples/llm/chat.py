"""Generates tokens: prefill once, decode many times, with a cache that grows.

python chat.py --tokens 64                 # by itself
vmprof record chat.py --tokens 64          # what its operators cost
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import model
import numpy as np
import tvm
from tvm import relax


def main() -> None:
    parser = argparse.ArgumentParser(description="Generate tokens with a small decoder.")
    parser.add_argument("--tokens", type=int, default=64, help="how many (default: 64)")
    parser.add_argument("--prompt", type=int, default=12, help="tokens of the prompt (default: 12)")
    options = parser.parse_args()

    vm = relax.VirtualMachine(model.build(), tvm.cpu())
    weights = model.weights()
    cache = new_cache(vm, options.prompt + options.tokens)

    prompt = np.random.default_rng(1).integers(model.VOCABULARY, size=options.prompt)
    tokens = [step(vm["prefill"], prompt, cache, weights)]
    while len(tokens) < options.tokens:
        tokens.append(step(vm["decode"], tokens[-1:], cache, weights))
    print(*tokens)


def new_cache(vm: relax.VirtualMachine, length: int) -> object:
    """With room for one sequence of ``length`` tokens."""
    cache = vm["create_cache"](tvm.runtime.ShapeTuple([length // model.PAGE + 1]))
    state("add_sequence", cache, 0)
    return cache


def step(
    function: tvm.runtime.PackedFunc, tokens: Sequence[int], cache: object, weights: list
) -> int:
    """The token that follows ``tokens``."""
    state("begin_forward", cache, [0], [len(tokens)])
    logits = function(tvm.runtime.tensor(np.array([tokens], "int32")), cache, weights)
    state("end_forward", cache)
    return int(logits.numpy().argmax())


def state(name: str, cache: object, *arguments: object) -> None:
    """Call one of TVM's functions for the state of a cache."""
    shapes = [
        tvm.runtime.ShapeTuple(each) if isinstance(each, list) else each for each in arguments
    ]
    tvm.get_global_func(f"vm.builtin.kv_state_{name}")(cache, *shapes)


if __name__ == "__main__":
    main()
