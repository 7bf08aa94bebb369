"""What TVM says by itself while it imports and compiles: kept out of the way, for ``--debug``."""

from __future__ import annotations

import io
import logging
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from itertools import pairwise

from vmprof.owned import in_one_step, memory_file

_STDERR = 2
_LONG = 300  # characters of one line of an error
LOGGER = logging.getLogger("vmprof")

# As in "[21:28:13] /project/include/tvm/topi/transform.h:1261: Warning: ...", and what the
# importer of ONNX models prints to stdout.
_TVM_LINE = re.compile(r"\[\d\d:\d\d:\d\d\] |Error converting operator ")
# TVM's own words for where an error came up, in front of what it is.
_CHECK = re.compile(r"^(InternalError: )?Check failed: .*? is false: ?")


@contextmanager
def kept_quiet(doing: str, said: list[str] | None = None) -> Iterator[None]:
    """What is written to stderr and stdout meanwhile goes to the log of ``vmprof``.

    ``said`` gets what Python wrote to stdout. Native code writes to the descriptor,
    beside Python's ``sys.stderr``. What is not TVM's is handed on at the end: other
    threads write there too.
    """
    output = io.StringIO()
    with memory_file("vmprof-said") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sys.stderr.flush()
        before: list[int] = []
        try:
            with suppress(OSError):  # closed
                in_one_step(before.append, os.dup, _STDERR)
            if before:
                os.dup2(file.fileno(), _STDERR)
            with redirect_stdout(output):
                yield
        except BaseException as error:
            # What is half built complains when it goes, which is now.
            traceback.clear_frames(error.__traceback__)
            raise
        finally:
            # Calls of C: an interrupt comes behind one of them, and keeps none from being done.
            try:
                sys.stderr.flush()
            finally:
                if before:
                    try:
                        os.dup2(before[0], _STDERR)
                    finally:
                        os.close(before[0])
            file.seek(0)
            text = file.read().decode(errors="replace")
            if said is not None:
                said.append(output.getvalue())
            if output.getvalue() or text:
                LOGGER.debug("while %s:\n%s%s", doing, output.getvalue(), text)
            if not LOGGER.isEnabledFor(logging.DEBUG):
                sys.stderr.write(_of_others(text))
                sys.stdout.write(_of_others(output.getvalue()))


def reason_of(error: BaseException) -> str:
    """The line of an error of TVM's, or of a framework's, that says most: one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    first = _CHECK.sub("", lines[0])
    # "Check failed: ... is false:" may end its line.
    reason = first or (lines[1] if len(lines) > 1 else lines[0])
    call = dict(pairwise(lines)).get("Offending call:")
    return reason[:_LONG] + (f" ({call[:_LONG]})" if call else "")


def _of_others(text: str) -> str:
    """The lines of ``text`` that are not TVM's."""
    kept, of_tvm = [], False
    for line in text.splitlines(keepends=True):
        of_tvm = bool(_TVM_LINE.match(line)) or (of_tvm and line.startswith((" ", "\t")))
        if not of_tvm:
            kept.append(line)
    return "".join(kept)
