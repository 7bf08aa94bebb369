"""The DenseNet-121 of TVM's reference models.

After Huang et al., 2017, with one difference that the reference's tables show:
inside a block each layer takes what the one before it gave, not all that was
given so far; only the block's end concatenates them.
"""

from __future__ import annotations

import tvm

from vmprof.zoo.models.network import Network, Var

_BLOCKS = (6, 12, 24, 16)
_GROWTH = 32
_BOTTLENECK = 4 * _GROWTH


def densenet(*, draw: bool = True) -> tvm.IRModule:
    """Input [1, 3, 224, 224], 1000 classes, no softmax."""
    net = Network("data", (1, 3, 224, 224), draw=draw)

    @net.part("layer")
    def layer(x: Var) -> Var:
        x = net.conv2d(net.relu(net.batch_norm(x)), _BOTTLENECK, 1)
        return net.conv2d(net.relu(net.batch_norm(x)), _GROWTH, 3, padding=1)

    def network(x: Var) -> Var:
        channels = 64
        x = net.relu(net.batch_norm(net.conv2d(x, channels, 7, stride=2, padding=3)))
        x = net.max_pool(x, 3, stride=2, padding=1)
        for number, layers in enumerate(_BLOCKS):
            with net.part("block"):
                given = []
                for _ in range(layers):
                    x = layer(x)
                    given.append(x)
                x = net.relu(net.batch_norm(net.concatenate(given)))
                channels += layers * _GROWTH
                if number < len(_BLOCKS) - 1:
                    channels //= 2
                    x = net.avg_pool(net.conv2d(x, channels, 1), 2, stride=2)
        return net.dense(net.flatten(net.avg_pool(x, 7, stride=7)), 1000)

    return net.build(network)
