"""The generator of a DCGAN (Radford et al., 2016): noise to a picture of 64 by 64."""

from __future__ import annotations

import tvm

from vmprof.zoo.models.network import Network, Var


def dcgan(*, draw: bool = True) -> tvm.IRModule:
    """Input [1, 100], output [1, 3, 64, 64]."""
    net = Network("data", (1, 100), draw=draw)

    def network(x: Var) -> Var:
        x = net.relu(net.dense(x, 1024 * 4 * 4, bias=False))
        x = net.reshape(x, (1, 1024, 4, 4))
        for channels in (512, 256, 128):
            x = net.conv2d_transpose(x, channels, 4, stride=2, padding=1)
            x = net.relu(net.batch_norm(x))
        return net.tanh(net.conv2d_transpose(x, 3, 4, stride=2, padding=1))

    return net.build(network)
