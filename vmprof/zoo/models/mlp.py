"""The multilayer perceptron of TVM's examples: 784-128-64-10."""

from __future__ import annotations

import tvm

from vmprof.zoo.models.network import Network, Var


def mlp(*, draw: bool = True) -> tvm.IRModule:
    """Three dense layers with ReLU between them and softmax at the end; input [1, 1, 28, 28]."""
    net = Network("x", (1, 1, 28, 28), draw=draw)

    def layers(x: Var) -> Var:
        x = net.flatten(x)
        for outputs in (128, 64):
            x = net.relu(net.dense(x, outputs))
        return net.softmax(net.dense(x, 10))

    return net.build(layers)
