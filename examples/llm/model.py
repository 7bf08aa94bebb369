"""A small decoder of Llama's kind with a paged KV cache, its weights drawn at random.

Nothing here knows of vmprof: it is a model as a user of TVM writes and compiles it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tvm
from tvm import relax, te, tirx
from tvm.relax.frontend import nn
from tvm.relax.frontend.nn import op
from tvm.relax.frontend.nn.llm.kv_cache import PagedKVCache, RopeMode, TIRPagedKVCache

HIDDEN, HEADS, KV_HEADS, HEAD_DIM, LAYERS, VOCABULARY = 256, 8, 4, 32, 4, 512
PAGE = 16  # tokens
CHUNK = 64  # tokens, at most, of a prefill


class Layer(nn.Module):
    def __init__(self, number: int) -> None:
        self.number = number
        self.norm = nn.RMSNorm(HIDDEN, -1, 1e-5, bias=False)
        self.qkv = nn.Linear(HIDDEN, (HEADS + 2 * KV_HEADS) * HEAD_DIM, bias=False)
        self.out = nn.Linear(HEADS * HEAD_DIM, HIDDEN, bias=False)
        self.norm_mlp = nn.RMSNorm(HIDDEN, -1, 1e-5, bias=False)
        self.gate_up = nn.Linear(HIDDEN, 2 * 3 * HIDDEN, bias=False)
        self.down = nn.Linear(3 * HIDDEN, HIDDEN, bias=False)

    def forward(self, x: nn.Tensor, cache: PagedKVCache) -> nn.Tensor:
        batch, length, _ = x.shape
        qkv = op.reshape(self.qkv(self.norm(x)), (batch, length, HEADS + 2 * KV_HEADS, HEAD_DIM))
        attention = cache.attention_with_fused_qkv(self.number, qkv, HEADS, sm_scale=HEAD_DIM**-0.5)
        x = x + self.out(op.reshape(attention, (batch, length, HEADS * HEAD_DIM)))
        gate, up = op.split(self.gate_up(self.norm_mlp(x)), 2, axis=-1)
        return x + self.down(op.silu(gate) * up)


class Decoder(nn.Module):
    def __init__(self) -> None:
        self.embedding = nn.Embedding(VOCABULARY, HIDDEN)
        self.layers = nn.ModuleList([Layer(number) for number in range(LAYERS)])
        self.norm = nn.RMSNorm(HIDDEN, -1, 1e-5, bias=False)
        self.head = nn.Linear(HIDDEN, VOCABULARY, bias=False)

    def prefill(self, tokens: nn.Tensor, cache: PagedKVCache) -> nn.Tensor:
        """Logits [1, vocabulary] after the last of ``tokens`` [1, length]."""
        return self._logits(tokens, cache)

    def decode(self, tokens: nn.Tensor, cache: PagedKVCache) -> nn.Tensor:
        """Logits [1, vocabulary] after one token, [1, 1]."""
        return self._logits(tokens, cache)

    def _logits(self, tokens: nn.Tensor, cache: PagedKVCache) -> nn.Tensor:
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, cache)
        last = op.tensor_expr_op(last_row, "last_row", [self.norm(x)])
        return op.reshape(self.head(last), (1, VOCABULARY))

    def create_cache(self, pages: tirx.Var) -> PagedKVCache:
        one, chunk, no = (relax.prim_value(each).value for each in (1, CHUNK, 0))
        return paged_cache(one, pages * PAGE, chunk, PAGE, no)


def paged_cache(
    max_batch_size: Any, max_total_seq_len: Any, chunk: Any, page_size: Any, sliding_window: Any
) -> PagedKVCache:
    """A cache of the decoder's keys and values, in pages."""
    return TIRPagedKVCache(
        attn_kind="mha",
        max_batch_size=max_batch_size,
        max_total_seq_len=max_total_seq_len,
        prefill_chunk_size=chunk,
        page_size=page_size,
        support_sliding_window=sliding_window,
        layer_partition=relax.ShapeExpr([0, LAYERS]),
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS,
        qk_head_dim=HEAD_DIM,
        v_head_dim=HEAD_DIM,
        mla_original_qk_head_dim=0,
        mla_original_v_head_dim=0,
        rope_mode=RopeMode.NORMAL,
        rope_scale=1,
        rope_theta=10000,
        rope_scaling={},
        rope_ext_factors=relax.op.null_value(),
        rotary_dim=HEAD_DIM,
        enable_disaggregation=False,
        dtype="float32",
        target=tvm.target.Target("llvm"),
    )


def last_row(x: Any) -> Any:
    return te.compute((1, 1, x.shape[2]), lambda i, _, k: x[i, x.shape[1] - 1, k], "last_row")


def build() -> Any:
    """What ``tvm.compile`` makes of it: ``create_cache``, ``prefill`` and ``decode``."""
    mode = {"param_mode": "packed", "effect_mode": "none"}
    cache = nn.spec.Object(object_type=PagedKVCache)
    module, _ = Decoder().export_tvm(
        {
            "create_cache": {"pages": int, "$": {**mode, "param_mode": "none"}},
            "prefill": {
                "tokens": nn.spec.Tensor([1, "length"], "int32"),
                "cache": cache,
                "$": mode,
            },
            "decode": {"tokens": nn.spec.Tensor([1, 1], "int32"), "cache": cache, "$": mode},
        }
    )
    return tvm.compile(module, "llvm")


def weights() -> list[Any]:
    """Of all parameters, in the order in which the functions take them; the same every time."""
    draw = np.random.default_rng(0)
    return [
        tvm.runtime.tensor(draw.standard_normal(each.shape).astype("float32") / HIDDEN**0.5)
        for _, each in Decoder().named_parameters()
    ]
