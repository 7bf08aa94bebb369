"""Runs a model library of MLC-LLM's form: its functions, cache and parameters.

python run_library.py dist/model.so dist/params --tokens 64
vmprof record run_library.py dist/model.so dist/params --tokens 64

What a step costs depends on how many tokens there are, not on which: the prompt is no text.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tvm
from tvm.contrib import tvmjs

CACHE = "create_tir_paged_kv_cache"
PAGE = 16  # tokens


class Chat:
    """One sequence of a library: its VM, parameters and cache."""

    def __init__(self, vm: Any, parameters: Path, length: int) -> None:
        self.vm = vm
        about = json.loads(vm["_metadata"]())
        weights, _ = tvmjs.load_tensor_cache(str(parameters), tvm.cpu())
        self.parameters = [weights[each["name"]] for each in about["params"]]
        chunk = about["prefill_chunk_size"]
        # At most 1 sequence, so many tokens, tokens at once, tokens of a page, no window.
        sizes = (1, length, chunk, PAGE, 0)
        self.cache = vm[CACHE](*(tvm.runtime.ShapeTuple([each]) for each in sizes))
        state("add_sequence", self.cache, 0)

    def step(self, name: str, tokens: Sequence[int]) -> int:
        """The token after ``tokens``, by `prefill` or `decode`."""
        ids = tvm.runtime.tensor(np.array(tokens, "int32"))
        embeds = self.vm["embed"](ids, self.parameters).numpy()[np.newaxis]
        one = tvm.runtime.ShapeTuple
        state("begin_forward", self.cache, one([0]), one([len(tokens)]))
        logits, _ = self.vm[name](tvm.runtime.tensor(embeds), self.cache, self.parameters)
        state("end_forward", self.cache)
        return int(logits.numpy().argmax())


def state(name: str, cache: Any, *arguments: Any) -> None:
    """Call one of TVM's functions for the state of a cache."""
    tvm.get_global_func(f"vm.builtin.kv_state_{name}")(cache, *arguments)


def main() -> None:
    parser = argparse.ArgumentParser(description="Run a model library of MLC-LLM's form.")
    parser.add_argument("library", type=Path)
    parser.add_argument("parameters", type=Path, help="the folder with tensor-cache.json")
    parser.add_argument("--prompt", type=int, default=32, help="tokens of it (default: 32)")
    parser.add_argument("--tokens", type=int, default=64, help="to generate (default: 64)")
    options = parser.parse_args()

    vm = tvm.relax.VirtualMachine(tvm.runtime.load_module(str(options.library)), tvm.cpu())
    chat = Chat(vm, options.parameters, options.prompt + options.tokens)
    tokens = [chat.step("prefill", range(options.prompt))]
    while len(tokens) < options.tokens:
        tokens.append(chat.step("decode", tokens[-1:]))
    print(*tokens)


if __name__ == "__main__":
    main()
