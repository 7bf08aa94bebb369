"""``vmprof`` as a user meets it: what it prints, its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

from vmprof.cli.main import main
from vmprof.errors import VmprofWarning

Completed = subprocess.CompletedProcess[str]


def run(
    *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Completed:
    """Run a command in this process, which has imported TVM already; ``env`` is added to ours.

    Output is that of the file descriptors: TVM's own lines are in it, too.
    """
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, env or {}))
        stack.enter_context(_folder(cwd))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("always", VmprofWarning)
        output = stack.enter_context(_redirected("stdout", 1))
        errors = stack.enter_context(_redirected("stderr", 2))
        code: object
        try:
            code = main(arguments)
        except SystemExit as stopped:
            code = stopped.code
        except Exception:  # noqa: BLE001
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        assert isinstance(code, int)
        return Completed(arguments, code, output.read_text(), errors.read_text())


def start(
    *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Completed:
    """Run a command in a process of its own, which has nothing but ``env``, if given."""
    return subprocess.run(
        [sys.executable, "-m", "vmprof", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=env,
        check=False,
    )


@contextmanager
def _folder(path: Path | None) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(path or before)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _redirected(name: str, descriptor: int) -> Iterator[Path]:
    """The stream and what is below it go into a file meanwhile."""
    with tempfile.NamedTemporaryFile() as file, ExitStack() as stack:
        getattr(sys, name).flush()
        kept = os.dup(descriptor)
        stack.callback(os.close, kept)
        os.dup2(file.fileno(), descriptor)
        stack.callback(os.dup2, kept, descriptor)
        stream = stack.enter_context(os.fdopen(descriptor, "w", encoding="utf-8", closefd=False))
        with patch.object(sys, name, stream):
            yield Path(file.name)
            stream.flush()
