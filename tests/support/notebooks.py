"""IPython in this process, as a kernel of Jupyter's has it."""

from __future__ import annotations

from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


def notebook_shell(folder: Path) -> InteractiveShell:
    """The shell of this process, which keeps nothing but in ``folder``; clear it afterwards."""
    return InteractiveShell.instance(
        config=Config(HistoryManager={"enabled": False}),
        ipython_dir=f"{folder}",
        colors="nocolor",
    )
