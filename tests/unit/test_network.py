"""Weights of the models: drawn from a seed, whoever draws them."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from tvm import relax

from vmprof.zoo.models import network
from vmprof.zoo.models.network import Network
from vmprof.zoo.tvm_names import Constant, array_of


def weights(seed: int = 0) -> list[Any]:
    """Of a network with two layers and a normalisation, in the order of their use."""
    net = Network("x", (1, 3, 8, 8), seed=seed)

    def layers(x: Any) -> Any:
        x = net.batch_norm(net.conv2d(x, 4, 3, bias=True))
        return net.dense(net.flatten(x), 100)

    found: list[Any] = []

    def visit(expression: Any) -> None:
        if isinstance(expression, Constant):
            found.append(array_of(expression).numpy())

    relax.analysis.post_order_visit(net.build(layers)["main"].body, visit)
    return found


def test_weights_do_not_depend_on_who_draws_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_PART", 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)))
    first = weights()
    assert [each.shape for each in first] == [
        (4, 3, 3, 3),
        (4, 1, 1),
        *[(4,)] * 4,
        (100, 144),
        (100,),
    ]
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    again = weights()
    assert all(map(np.array_equal, first, again))
    assert not any(map(np.array_equal, first, weights(seed=1)))
    # No part of a tensor, and no tensor, is drawn as another one.
    parts = first[6].reshape(-1)[: 64 * (first[6].size // 64)].reshape(-1, 64)
    assert len(np.unique(parts[:, 0])) == len(parts)
    assert len({each.flat[0] for each in first}) == len(first)


def test_weights_are_as_wide_as_their_inputs_want() -> None:
    dense = weights()[6]
    assert dense.dtype == np.float32
    assert dense.std() == pytest.approx(np.sqrt(2 / 144), rel=0.05)
    gamma, beta, mean, variance = weights()[2:6]
    for drawn, low, high in (
        (gamma, 0.4, 1.4),
        (beta, -0.1, 0.1),
        (mean, -0.1, 0.1),
        (variance, 0.5, 1.5),
    ):
        assert low <= drawn.min() < drawn.max() <= high


def test_an_error_in_drawing_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        def standard_normal(self, **_: object) -> None:
            raise MemoryError

    monkeypatch.setattr(np.random, "default_rng", lambda _: Failing())
    with pytest.raises(MemoryError):
        weights()
