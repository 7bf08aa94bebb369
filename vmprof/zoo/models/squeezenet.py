"""SqueezeNet for ImageNet (Iandola et al., 2016)."""

from __future__ import annotations

import tvm

from vmprof.zoo.models.network import Network, Var

# (squeeze, expand) of each fire module; None is a pooling layer.
_FIRES: dict[str, tuple[tuple[int, int] | None, ...]] = {
    "1.0": (
        *((16, 64), (16, 64), (32, 128), None),
        *((32, 128), (48, 192), (48, 192), (64, 256), None),
        (64, 256),
    ),
    "1.1": (
        *((16, 64), (16, 64), None),
        *((32, 128), (32, 128), None),
        *((48, 192), (48, 192), (64, 256), (64, 256)),
    ),
}


def squeezenet(version: str, *, draw: bool = True) -> tvm.IRModule:
    """SqueezeNet 1.0 or 1.1; input [1, 3, 224, 224], 1000 classes."""
    net = Network("data", (1, 3, 224, 224), draw=draw)

    @net.part("fire")
    def fire(x: Var, squeeze: int, expand: int) -> Var:
        x = net.relu(net.conv2d(x, squeeze, 1, bias=True))
        left = net.relu(net.conv2d(x, expand, 1, bias=True))
        right = net.relu(net.conv2d(x, expand, 3, padding=1, bias=True))
        return net.concatenate([left, right])

    def network(x: Var) -> Var:
        if version == "1.0":
            x = net.conv2d(x, 96, 7, stride=2, padding=3, bias=True)
        else:
            x = net.conv2d(x, 64, 3, stride=2, padding=1, bias=True)
        x = net.max_pool(net.relu(x), 3, stride=2)
        for module in _FIRES[version]:
            x = net.max_pool(x, 3, stride=2) if module is None else fire(x, *module)
        x = net.relu(net.conv2d(x, 1000, 1, bias=True))
        return net.softmax(net.flatten(net.global_avg_pool(x)))

    return net.build(network)
