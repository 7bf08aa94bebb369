"""The multilayer perceptron of TVM's examples: 784-128-64-10."""

from __future__ import annotations

import tvm

from vmprof.models.network import Network, Var


def mlp() -> tvm.IRModule:
    """Three dense layers with ReLU between them and softmax at the end; input [1, 784]."""
    net = Network("x", (1, 784))

    def layers(x: Var) -> Var:
        x = net.relu(net.dense(x, 784, 128))
        x = net.relu(net.dense(x, 128, 64))
        return net.softmax(net.dense(x, 64, 10))

    return net.build(layers)
