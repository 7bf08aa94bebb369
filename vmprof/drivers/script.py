"""Running a user's script in this process as ``python`` runs it."""

from __future__ import annotations

import builtins
import io
import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from vmprof.drivers.ending import Ending
from vmprof.errors import VmprofError


@dataclass(frozen=True)
class Script:
    """``python NAME ARGUMENTS``, or ``python -m NAME ARGUMENTS``."""

    name: str
    arguments: Sequence[str] = ()
    is_module: bool = False

    def check(self) -> None:
        """:class:`VmprofError` if there is no such file."""
        if not self.is_module and not Path(self.name).exists():
            raise VmprofError(f"cannot record {self.name}: there is no such file")

    def run(self) -> None:
        """Run it; it raises what the script raises."""
        sys.argv = [self.name, *self.arguments]
        if self.is_module:
            _set_first_path(str(Path.cwd()))
            runpy.run_module(self.name, run_name="__main__", alter_sys=True)
            return
        path = Path(self.name)
        if path.is_dir() or path.suffix in (".zip", ".pyz"):
            # Puts itself in front of sys.path.
            runpy.run_path(self.name, run_name="__main__")
            return
        _set_first_path(str(path.resolve().parent))
        file_name = str(path.absolute())
        main = ModuleType("__main__")
        main.__loader__ = SourceFileLoader("__main__", file_name)
        main.__dict__.update(__file__=file_name, __cached__=None, __builtins__=builtins)
        sys.modules["__main__"] = main
        with io.open_code(file_name) as file:
            code = compile(file.read(), file_name, "exec", dont_inherit=True)
        exec(code, main.__dict__)  # noqa: S102 # what the user asked for


def run_as_main(script: Script, finish: Callable[[], None]) -> int:
    """Run ``script``, then ``finish`` whatever it did; the exit code, as Python has it.

    ``SystemExit`` is raised again. In a child that the script forked, ``finish`` is not
    called. An interrupt, or another signal that ends Python, ends this process likewise.
    :class:`VmprofError` if there is nothing to run.
    """
    pid = os.getpid()
    code = 0
    interrupted = False
    leaving: SystemExit | None = None
    with Ending(finish) as ending:
        try:
            script.run()
        except SystemExit as error:
            leaving = error
        except BaseException as error:  # Python itself does the same with all
            if isinstance(error, ImportError) and _without_ours(error.__traceback__) is None:
                raise VmprofError(f"cannot record {script.name}: {error}") from error
            code = 1
            interrupted = isinstance(error, KeyboardInterrupt)
            _show(error)
        if os.getpid() == pid:
            _join_threads()
            # What the script printed comes first. Python tries again, and tells what goes wrong.
            with suppress(OSError, ValueError, AttributeError):
                sys.stdout.flush()
            ending.finish()
    if leaving is not None:
        raise leaving
    if interrupted:
        sys.stdout.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    return code


def _set_first_path(folder: str) -> None:
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = folder


def _show(error: BaseException) -> None:
    """As Python shows it, without the frames that are not the script's."""
    sys.stdout.flush()
    error.__traceback__ = _without_ours(error.__traceback__)
    sys.excepthook(type(error), error, error.__traceback__)


def _without_ours(traceback: TracebackType | None) -> TracebackType | None:
    ours = {__file__, runpy.__file__, "<frozen runpy>"}
    while traceback is not None and traceback.tb_frame.f_code.co_filename in ours:
        traceback = traceback.tb_next
    return traceback


def _join_threads() -> None:
    """Python ends when the threads that are no daemons have."""
    current: Any = threading.current_thread()
    for thread in threading.enumerate():
        if thread is not current and not thread.daemon:
            thread.join()
