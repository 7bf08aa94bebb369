"""What is done where the user says nothing, and what else there is to choose.

Apart from the modules that do it, so that the command line can tell of it without loading them.
"""

from __future__ import annotations

DEFAULT_ENGINE = "vmprof"
ENGINES = (DEFAULT_ENGINE, "tvm")

# The models that vmprof brings along: vmprof.zoo.models has them.
MODEL_NAMES = (
    "mlp",
    "resnet18",
    "resnet50",
    "vgg11",
    "vgg16",
    "squeezenet1.0",
    "squeezenet1.1",
    "mobilenet",
    "densenet",
    "inception_v3",
    "dcgan",
)

# Whose work counters see; the first is the default.
SCOPES = ("tasks", "inherit", "process", "caller")

DEFAULT_MAX_RECORDS = 1_000_000

# Without a number of repeats, as many as fit into this time, within these bounds.
AUTO_SECONDS = 10.0
AUTO_MIN_REPEATS = 3
AUTO_MAX_REPEATS = 30

# Samples per second of a thread that runs.
SAMPLE_RATE = 5000

# Of vmprof validate. Percent up to which a difference is none; and with 8 repeats of either
# engine, a difference can be more than chance among 321 values.
TOLERANCE = 5.0
LEAST_REPEATS = 8
