"""MobileNet for ImageNet (Howard et al., 2017)."""

from __future__ import annotations

import tvm

from vmprof.zoo.models.network import Network, Var

# (channels, stride) of each depthwise separable block.
_BLOCKS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1),) * 5,
    *((1024, 2), (1024, 1)),
)


def mobilenet(*, draw: bool = True) -> tvm.IRModule:
    """MobileNet 1.0; input [1, 3, 224, 224], 1000 classes."""
    net = Network("data", (1, 3, 224, 224), draw=draw)

    @net.part("block")
    def separable(x: Var, inputs: int, outputs: int, stride: int) -> Var:
        x = net.conv2d(x, inputs, 3, stride=stride, padding=1, groups=inputs)
        x = net.relu(net.batch_norm(x))
        return net.relu(net.batch_norm(net.conv2d(x, outputs, 1)))

    def network(x: Var) -> Var:
        x = net.relu(net.batch_norm(net.conv2d(x, 32, 3, stride=2, padding=1)))
        inputs = 32
        for outputs, stride in _BLOCKS:
            x = separable(x, inputs, outputs, stride)
            inputs = outputs
        return net.softmax(net.dense(net.flatten(net.global_avg_pool(x)), 1000))

    return net.build(network)
