"""Does what pages show, in one process, which imports TVM and compiles each model once.

python carry_out.py TASKS RESULTS: two files of JSON. A task has a folder and steps: commands, as a
reader types them, or Python. Runs are short, browsers stay closed, and of several starts of a
model there are as many as the task says: here is tried what a command does, not what it measures.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import tempfile
import traceback
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from vmprof.cache_folder import cache_folder
from vmprof.cli.main import main
from vmprof.record.rounds import options

EXAMPLES = Path(__file__).parents[2] / "examples"
# What takes a shell, or a process of its own: one from which others start, or whose pool of
# threads is not made yet.
_SHELL = re.compile(r"[|>&$*]|^(?!vmprof |python )|--(processes [2-9]|isolate|num-threads)")


def carry_out(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    folder = Path(task["folder"])
    os.chdir(folder)
    names: dict[str, Any] = {"__name__": "__main__"}
    for kind, text in task["steps"]:
        step = re.sub(r"--processes \d+", f"--processes {task['starts']}", text)
        with _output() as (out, err):
            if kind == "python":
                code = _code(functools.partial(_execute, text, names))
            elif _SHELL.search(step):
                code = _shell(step)
            else:
                program, *words = shlex.split(step)
                run = main if program == "vmprof" else _python
                code = _code(functools.partial(run, words))
        yield {"step": text, "code": code, "out": out.getvalue(), "err": err.getvalue()}


def _execute(text: str, names: dict[str, Any]) -> None:
    exec(compile(text, "page", "exec"), names)


def _python(words: list[str]) -> None:
    """``python WORDS``: a program of the folder, which imports others of the folder."""
    before, loaded = sys.argv, set(sys.modules)
    sys.argv = words
    sys.path.insert(0, str(Path.cwd()))
    try:
        runpy.run_path(words[0], run_name="__main__")
    finally:
        sys.path.pop(0)
        sys.argv = before
        for name in set(sys.modules) - loaded:
            if (Path.cwd() / f"{name}.py").exists():
                del sys.modules[name]


def _shell(line: str) -> int:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        line,
        shell=True,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    return done.returncode


def _code(run: Callable[[], Any]) -> int:
    try:
        code = run()
    except SystemExit as stopped:
        code = stopped.code
    except BaseException:  # noqa: BLE001 # as Python itself ends
        traceback.print_exc()
        return 1
    return int(code or 0)


@contextlib.contextmanager
def _output() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    """What is printed meanwhile."""
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        yield out, err


def main_program(tasks: Path, results: Path) -> None:
    options.AUTO_SECONDS = 0.1
    webbrowser.open = lambda *_, **__: True
    sys.path.insert(0, str(EXAMPLES / "llm"))
    model = importlib.import_module("model")
    model.build = functools.cache(model.build)
    with tempfile.TemporaryDirectory() as home:
        for folder in (".local/share/bash-completion/completions", ".zfunc"):
            (Path(home) / folder).mkdir(parents=True)
        os.environ |= {"XDG_CACHE_HOME": str(cache_folder().parent), "HOME": home}
        done = [list(carry_out(task)) for task in json.loads(tasks.read_text(encoding="utf-8"))]
    results.write_text(json.dumps(done), encoding="utf-8")


if __name__ == "__main__":
    main_program(*map(Path, sys.argv[1:]))
