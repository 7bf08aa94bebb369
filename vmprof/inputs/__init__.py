"""The arguments of a run: what the user gave, checked, and what is made up for the rest."""

from vmprof.inputs.describe import describe
from vmprof.inputs.files import load_arrays, load_weights
from vmprof.inputs.make import Given, Inputs, Weights, make_inputs, resolve_inputs

__all__ = [
    "Given",
    "Inputs",
    "Weights",
    "describe",
    "load_arrays",
    "load_weights",
    "make_inputs",
    "resolve_inputs",
]
