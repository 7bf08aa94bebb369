"""Makes a model library of the form that MLC-LLM's has, and its parameters beside it.

python library.py dist       # dist/model.so, dist/params/tensor-cache.json, ...

In the library are `embed`, `prefill`, `decode`, `create_tir_paged_kv_cache` and `_metadata`, which
says what the parameters are called: what `mlc_llm compile` and `mlc_llm convert_weight` make of
large models has the like. run_library.py runs it. Nothing here knows of vmprof.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import model
import tvm
from tvm import relax, tirx
from tvm.contrib import tvmjs
from tvm.relax.frontend import nn
from tvm.relax.frontend.nn import op
from tvm.relax.frontend.nn.llm.kv_cache import PagedKVCache


class Library(model.Decoder):
    """Takes embeddings, so that what is not text can be put among them; gives the cache back."""

    def embed(self, input_ids: nn.Tensor) -> nn.Tensor:
        """[length] -> [length, hidden]"""
        return self.embedding(input_ids)

    def prefill(self, input_embed: nn.Tensor, paged_kv_cache: PagedKVCache) -> Any:
        return self._step(input_embed, paged_kv_cache)

    def decode(self, input_embed: nn.Tensor, paged_kv_cache: PagedKVCache) -> Any:
        return self._step(input_embed, paged_kv_cache)

    def _step(self, x: nn.Tensor, cache: PagedKVCache) -> Any:
        for layer in self.layers:
            x = layer(x, cache)
        last = op.tensor_expr_op(model.last_row, "last_row", [self.norm(x)])
        return self.head(last), cache

    def create_tir_paged_kv_cache(
        self,
        max_batch_size: tirx.Var,
        max_total_seq_len: tirx.Var,
        prefill_chunk_size: tirx.Var,
        page_size: tirx.Var,
        support_sliding_window: tirx.Var,
    ) -> PagedKVCache:
        return model.paged_cache(
            max_batch_size,
            max_total_seq_len,
            prefill_chunk_size,
            page_size,
            support_sliding_window,
        )


def build() -> tvm.runtime.Executable:
    packed = {"param_mode": "packed", "effect_mode": "none"}
    embeds = {"paged_kv_cache": nn.spec.Object(object_type=PagedKVCache), "$": packed}
    sizes = (
        "max_batch_size",
        "max_total_seq_len",
        "prefill_chunk_size",
        "page_size",
        "support_sliding_window",
    )
    module, parameters = Library().export_tvm(
        {
            "embed": {"input_ids": nn.spec.Tensor(["length"], "int32"), "$": packed},
            "prefill": {
                "input_embed": nn.spec.Tensor([1, "length", model.HIDDEN], "float32"),
                **embeds,
            },
            "decode": {"input_embed": nn.spec.Tensor([1, 1, model.HIDDEN], "float32"), **embeds},
            "create_tir_paged_kv_cache": {
                **dict.fromkeys(sizes, int),
                "$": {**packed, "param_mode": "none"},
            },
        }
    )
    metadata = {
        "params": [
            {"name": name, "shape": [*map(int, each.shape)], "dtype": each.dtype}
            for name, each in parameters
        ],
        "prefill_chunk_size": model.CHUNK,
    }
    builder = relax.BlockBuilder(module)
    with builder.function("_metadata", []):
        builder.emit_func_output(tvm.ir.StringImm(json.dumps(metadata)))
    return tvm.compile(builder.get(), "llvm")


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a model library and its parameters.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(exist_ok=True)
    build().export_library(str(folder / "model.so"))
    names = [name for name, _ in Library().named_parameters()]
    tvmjs.dump_tensor_cache(
        dict(zip(names, model.weights(), strict=True)),
        str(folder / "params"),
        encode_format="raw",
        show_progress=False,
    )


if __name__ == "__main__":
    main()
