"""ResNet for ImageNet, the variant that normalises first (He et al., 2016, "Identity mappings")."""

from __future__ import annotations

import tvm

from vmprof.zoo.models.network import Network, Var

# Blocks per stage, by number of layers; from 50 on they are bottlenecks.
_STAGES = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}
_BOTTLENECK_FROM = 50

# Of what a block adds to its input; with more, sixteen additions would add up to much.
_RESIDUAL_GAIN = 0.3


def resnet(layers: int, *, draw: bool = True) -> tvm.IRModule:
    """ResNet-18 or ResNet-50; input [1, 3, 224, 224], 1000 classes."""
    net = Network("data", (1, 3, 224, 224), draw=draw)
    bottleneck = layers >= _BOTTLENECK_FROM

    @net.part("block")
    def block(x: Var, outputs: int, stride: int, *, first: bool) -> Var:
        x_active = net.relu(net.batch_norm(x))
        if bottleneck:
            inner = outputs // 4
            y = net.conv2d(x_active, inner, 1, stride=stride)
            y = net.conv2d(net.relu(net.batch_norm(y)), inner, 3, padding=1)
            y = net.conv2d(net.relu(net.batch_norm(y)), outputs, 1, gain=_RESIDUAL_GAIN)
        else:
            y = net.conv2d(x_active, outputs, 3, stride=stride, padding=1)
            y = net.relu(net.batch_norm(y))
            y = net.conv2d(y, outputs, 3, padding=1, gain=_RESIDUAL_GAIN)
        return net.add(y, net.conv2d(x_active, outputs, 1, stride=stride) if first else x)

    def network(x: Var) -> Var:
        x = net.conv2d(net.batch_norm(x), 64, 7, stride=2, padding=3)
        x = net.max_pool(net.relu(net.batch_norm(x)), 3, stride=2, padding=1)
        outputs = 256 if bottleneck else 64
        for stage, blocks in enumerate(_STAGES[layers]):
            with net.part("stage"):
                for i in range(blocks):
                    x = block(x, outputs, 2 if stage > 0 and i == 0 else 1, first=i == 0)
            outputs *= 2
        x = net.global_avg_pool(net.relu(net.batch_norm(x)))
        return net.softmax(net.dense(net.flatten(x), 1000))

    return net.build(network)
