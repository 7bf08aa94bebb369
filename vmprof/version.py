"""The version, in one place: the installed package's metadata."""

from importlib.metadata import version

__version__ = version("tvm-vmprof")
