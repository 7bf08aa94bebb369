"""The models that vmprof brings along, with random weights from a fixed seed.

They are the networks of TVM's own reference models, at the same sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import tvm

from vmprof.zoo.models.dcgan import dcgan
from vmprof.zoo.models.densenet import densenet
from vmprof.zoo.models.inception import inception_v3
from vmprof.zoo.models.mlp import mlp
from vmprof.zoo.models.mobilenet import mobilenet
from vmprof.zoo.models.resnet import resnet
from vmprof.zoo.models.squeezenet import squeezenet
from vmprof.zoo.models.vgg import vgg

# The function that each of them consists of.
ENTRY = "main"

# Each gives a Relax module in layout NCHW; with ``draw=False``, without weights.
MODELS: Mapping[str, Callable[..., tvm.IRModule]] = {
    "mlp": mlp,
    "resnet18": partial(resnet, 18),
    "resnet50": partial(resnet, 50),
    "vgg11": partial(vgg, 11),
    "vgg16": partial(vgg, 16),
    "squeezenet1.0": partial(squeezenet, "1.0"),
    "squeezenet1.1": partial(squeezenet, "1.1"),
    "mobilenet": mobilenet,
    "densenet": densenet,
    "inception_v3": inception_v3,
    "dcgan": dcgan,
}
