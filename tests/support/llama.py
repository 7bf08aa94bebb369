"""A small decoder of Llama's kind with a paged KV cache: two layers, random weights."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import tvm
import tvm_ffi
from tvm import relax, te, tirx
from tvm.relax.frontend import nn
from tvm.relax.frontend.nn import op
from tvm.relax.frontend.nn.llm.kv_cache import PagedKVCache, RopeMode, TIRPagedKVCache

from vmprof.program import Program

HIDDEN, HEADS, KV_HEADS, HEAD_DIM, LAYERS, VOCABULARY = 64, 4, 2, 16, 2, 50
PROMPT, STEPS = 5, 4  # tokens of the prompt, tokens that are then generated


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


class Llama(nn.Module):
    def __init__(self) -> None:
        self.embedding = nn.Embedding(VOCABULARY, HIDDEN)
        self.layers = nn.ModuleList([Layer(number) for number in range(LAYERS)])
        self.norm = nn.RMSNorm(HIDDEN, -1, 1e-5, bias=False)
        self.head = nn.Linear(HIDDEN, VOCABULARY, bias=False)

    def forward(self, tokens: nn.Tensor, cache: PagedKVCache) -> nn.Tensor:
        """Logits [1, vocabulary] after the last of ``tokens`` [1, length]."""
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, cache)
        last = op.tensor_expr_op(_last_row, "last_row", [self.norm(x)])
        return op.reshape(self.head(last), (1, VOCABULARY))

    def create_cache(self, pages: tirx.Var) -> PagedKVCache:
        return TIRPagedKVCache(
            attn_kind="mha",
            max_batch_size=relax.prim_value(1).value,
            max_total_seq_len=pages * 16,
            prefill_chunk_size=relax.prim_value(32).value,
            page_size=16,
            support_sliding_window=relax.prim_value(0).value,
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


def _last_row(x: Any) -> Any:
    return te.compute((1, 1, x.shape[2]), lambda i, _, k: x[i, x.shape[1] - 1, k], "last_row")


def _module() -> tvm.IRModule:
    """``create_cache`` and ``forward``, and ``main``, which generates a few tokens.

    ``main(tokens [1, PROMPT], parameters)`` makes a cache of its own and returns
    the logits of every step.
    """
    mode = {"param_mode": "packed", "effect_mode": "none"}
    module, _ = Llama().export_tvm(
        {
            "create_cache": {"pages": int, "$": {**mode, "param_mode": "none"}},
            "forward": {
                "tokens": nn.spec.Tensor([1, "length"], "int32"),
                "cache": nn.spec.Object(object_type=PagedKVCache),
                "$": mode,
            },
        }
    )
    builder = relax.BlockBuilder(module)
    create_cache, forward = map(module.get_global_var, ("create_cache", "forward"))
    tokens = relax.Var("tokens", relax.TensorType((1, PROMPT), "int32"))
    parameters = relax.Var("parameters", module["forward"].params[-1].ty)

    def state(name: str, *arguments: relax.Expr) -> None:
        function = relax.ExternFunc(f"vm.builtin.kv_state_{name}")
        builder.emit(relax.Call(function, arguments, ty_args=[relax.TupleType([])]))

    with builder.function("main", [tokens, parameters], pure=False):
        kv_cache = builder.emit(relax.Call(create_cache, [relax.ShapeExpr([4])]))
        state("add_sequence", kv_cache, relax.prim_value(0))
        logits: list[relax.Expr] = []
        following: relax.Expr = tokens
        for step in range(1 + STEPS):
            length = relax.ShapeExpr([1 if step else PROMPT])
            state("begin_forward", kv_cache, relax.ShapeExpr([0]), length)
            logits.append(builder.emit(relax.Call(forward, [following, kv_cache, parameters])))
            state("end_forward", kv_cache)
            best = builder.emit(relax.op.argmax(logits[-1], axis=1, keepdims=True))
            following = builder.emit(relax.op.astype(best, "int32"))
        builder.emit_func_output(relax.Tuple(logits))
    return builder.get()


@cache
def llama() -> Program:
    return Program.of_module(tvm.compile(_module(), "llvm").jit(), "llama")


def parameters() -> tvm_ffi.Array:
    """Random weights, as ``forward`` takes them."""
    generator = np.random.default_rng(0)
    return tvm_ffi.Array(
        [
            tvm.runtime.tensor(generator.standard_normal(parameter.shape).astype("float32") / 8)
            for _, parameter in Llama().named_parameters()
        ]
    )
