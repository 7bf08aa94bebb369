"""VGG for ImageNet (Simonyan and Zisserman, 2015)."""

from __future__ import annotations

import tvm

from vmprof.zoo.models.network import Network, Var

# Convolutions per stage, by number of layers.
_STAGES = {11: (1, 1, 2, 2, 2), 16: (2, 2, 3, 3, 3)}
_CHANNELS = (64, 128, 256, 512, 512)


def vgg(layers: int, *, draw: bool = True) -> tvm.IRModule:
    """VGG-11 or VGG-16; input [1, 3, 224, 224], 1000 classes."""
    net = Network("data", (1, 3, 224, 224), draw=draw)

    def network(x: Var) -> Var:
        for channels, convolutions in zip(_CHANNELS, _STAGES[layers], strict=True):
            with net.part("stage"):
                for _ in range(convolutions):
                    x = net.relu(net.conv2d(x, channels, 3, padding=1, bias=True))
                x = net.max_pool(x, 2, stride=2)
        x = net.flatten(x)
        for _ in range(2):
            x = net.relu(net.dense(x, 4096))
        return net.softmax(net.dense(x, 1000))

    return net.build(network)
