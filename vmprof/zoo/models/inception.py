"""Inception v3 for ImageNet (Szegedy et al., 2016)."""

from __future__ import annotations

import tvm

from vmprof.zoo.models.network import Network, Pair, Var


def inception_v3(*, draw: bool = True) -> tvm.IRModule:
    """Input [1, 3, 299, 299], 1000 classes."""
    net = Network("data", (1, 3, 299, 299), draw=draw)
    return net.build(Inception(net))


class Inception:
    """The layers of the network, block by block; called with the input."""

    def __init__(self, net: Network) -> None:
        self._net = net

    def __call__(self, x: Var) -> Var:
        x = self._conv(x, 32, 3, stride=2)
        x = self._conv(x, 32, 3)
        x = self._conv(x, 64, 3, padding=1)
        x = self._net.max_pool(x, 3, stride=2)
        x = self._conv(x, 80, 1)
        x = self._conv(x, 192, 3)
        x = self._net.max_pool(x, 3, stride=2)
        for projection in (32, 64, 64):
            with self._net.part("block"):
                x = self._block_35(x, projection)
        with self._net.part("reduction"):
            x = self._reduction_to_17(x)
        for inner in (128, 160, 160, 192):
            with self._net.part("block"):
                x = self._block_17(x, inner)
        with self._net.part("reduction"):
            x = self._reduction_to_8(x)
        for pool in (self._net.avg_pool, self._net.max_pool):
            with self._net.part("block"):
                x = self._block_8(x, pool(x, 3, stride=1, padding=1))
        x = self._net.flatten(self._net.avg_pool(x, 8, stride=1))
        return self._net.softmax(self._net.dense(x, 1000))

    def _conv(
        self, x: Var, outputs: int, kernel: Pair, *, stride: int = 1, padding: Pair = 0
    ) -> Var:
        x = self._net.conv2d(x, outputs, kernel, stride=stride, padding=padding)
        return self._net.relu(self._net.batch_norm(x))

    def _row(self, x: Var, outputs: int, size: int) -> Var:
        return self._conv(x, outputs, (1, size), padding=(0, size // 2))

    def _column(self, x: Var, outputs: int, size: int) -> Var:
        return self._conv(x, outputs, (size, 1), padding=(size // 2, 0))

    def _block_35(self, x: Var, projection: int) -> Var:
        double = self._conv(self._conv(x, 64, 1), 96, 3, padding=1)
        pooled = self._net.avg_pool(x, 3, stride=1, padding=1)
        return self._net.concatenate(
            [
                self._conv(x, 64, 1),
                self._conv(self._conv(x, 48, 1), 64, 5, padding=2),
                self._conv(double, 96, 3, padding=1),
                self._conv(pooled, projection, 1),
            ]
        )

    def _reduction_to_17(self, x: Var) -> Var:
        double = self._conv(self._conv(x, 64, 1), 96, 3, padding=1)
        return self._net.concatenate(
            [
                self._conv(x, 384, 3, stride=2),
                self._conv(double, 96, 3, stride=2),
                self._net.max_pool(x, 3, stride=2),
            ]
        )

    def _block_17(self, x: Var, inner: int) -> Var:
        single = self._row(self._conv(x, inner, 1), inner, 7)
        double = self._column(self._conv(x, inner, 1), inner, 7)
        double = self._column(self._row(double, inner, 7), inner, 7)
        pooled = self._net.avg_pool(x, 3, stride=1, padding=1)
        return self._net.concatenate(
            [
                self._conv(x, 192, 1),
                self._column(single, 192, 7),
                self._row(double, 192, 7),
                self._conv(pooled, 192, 1),
            ]
        )

    def _reduction_to_8(self, x: Var) -> Var:
        right = self._column(self._row(self._conv(x, 192, 1), 192, 7), 192, 7)
        return self._net.concatenate(
            [
                self._conv(self._conv(x, 192, 1), 320, 3, stride=2),
                self._conv(right, 192, 3, stride=2),
                self._net.max_pool(x, 3, stride=2),
            ]
        )

    def _block_8(self, x: Var, pooled: Var) -> Var:
        single = self._conv(x, 384, 1)
        double = self._conv(self._conv(x, 448, 1), 384, 3, padding=1)
        return self._net.concatenate(
            [
                self._conv(x, 320, 1),
                self._row(single, 384, 3),
                self._column(single, 384, 3),
                self._row(double, 384, 3),
                self._column(double, 384, 3),
                self._conv(pooled, 192, 1),
            ]
        )
