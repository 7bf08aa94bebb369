"""``perf stat`` counting this process, switched on and off while it runs."""

from __future__ import annotations

import os
import shutil
import subprocess

_SECONDS = 20  # to stop by itself


class PerfError(Exception):
    """Says why it does not count; fit to be shown in a table."""


class PerfStat:
    """Counts ``events`` of all threads that this process has by now, from `on` to `off`.

    Both return when perf has said that it is done. :class:`PerfError` where it cannot.
    """

    def __init__(self, events: str) -> None:
        perf = shutil.which("perf")
        if perf is None:
            raise PerfError("not installed")
        theirs, self._control = os.pipe()
        self._acknowledged, their_answer = os.pipe()
        command = [perf, "stat", "-p", str(os.getpid()), "-e", events, "-D", "-1"]
        command += ["--control", f"fd:{theirs},{their_answer}"]
        self._process = subprocess.Popen(
            command,
            pass_fds=(theirs, their_answer),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(theirs)
        os.close(their_answer)

    def on(self) -> None:
        self._tell("enable")

    def off(self) -> None:
        self._tell("disable")

    def _tell(self, word: str) -> None:
        try:
            os.write(self._control, f"{word}\n".encode())
            answer = os.read(self._acknowledged, 16)
        except BrokenPipeError:
            answer = b""
        if not answer.startswith(b"ack"):
            raise PerfError("does not count here: " + " ".join(self._said().split())[:80])

    def _said(self) -> str:
        return self._process.communicate(timeout=_SECONDS)[1]

    def close(self) -> None:
        os.close(self._control)
        os.close(self._acknowledged)
        self._process.terminate()
        self._said()
