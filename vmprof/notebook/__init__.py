"""vmprof in Jupyter and IPython: ``%load_ext vmprof``, then ``%%vmprof`` before a cell."""

from vmprof.notebook.magic import load_ipython_extension, unload_ipython_extension

__all__ = ["load_ipython_extension", "unload_ipython_extension"]
