"""ResNet (He et al., 2015) for ImageNet."""

from __future__ import annotations

import tvm
from tvm import relax

from vmprof.models.network import Network, Var


def resnet18() -> tvm.IRModule:
    """Eighteen layers of basic blocks; input [1, 3, 224, 224], 1000 classes."""
    net = Network("data", (1, 3, 224, 224))

    def convolution(x: Var, inputs: int, outputs: int, kernel: int, stride: int) -> Var:
        x = net.conv2d(x, inputs, outputs, kernel, stride=stride, padding=kernel // 2)
        return net.batch_norm(x, outputs)

    def block(x: Var, inputs: int, outputs: int, stride: int) -> Var:
        y = net.relu(convolution(x, inputs, outputs, 3, stride))
        y = convolution(y, outputs, outputs, 3, 1)
        if inputs != outputs:
            x = convolution(x, inputs, outputs, 1, stride)
        return net.relu(net.emit(relax.op.add(y, x)))

    def layers(x: Var) -> Var:
        x = net.relu(convolution(x, 3, 64, 7, 2))
        x = net.emit(relax.op.nn.max_pool2d(x, (3, 3), strides=2, padding=1))
        inputs = 64
        for outputs in (64, 128, 256, 512):
            x = block(x, inputs, outputs, 1 if inputs == outputs else 2)
            x = block(x, outputs, outputs, 1)
            inputs = outputs
        x = net.emit(relax.op.nn.adaptive_avg_pool2d(x, (1, 1)))
        x = net.emit(relax.op.reshape(x, (1, 512)))
        return net.softmax(net.dense(x, 512, 1000))

    return net.build(layers)
