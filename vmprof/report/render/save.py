"""Reports into files, in the form that a file's name says."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from vmprof.errors import VmprofError
from vmprof.report.model import Report
from vmprof.whole_file import write_whole

# By the end of the name; the first that fits.
_FORMS: Mapping[str, Callable[[Report], str | bytes]] = {
    ".pt.trace.json": Report.kineto,  # as TensorBoard's plugin finds it
    ".trace.json": Report.trace,
    ".json": Report.json,
    ".csv": Report.csv,
    ".html": Report.html,
    ".htm": Report.html,
    ".prom": Report.openmetrics,  # as node_exporter calls what it collects
    ".openmetrics": Report.openmetrics,
    ".parquet": Report.parquet,
    ".txt": lambda report: report.heading() + report.table(),
}


def save(report: Report, path: str | os.PathLike[str]) -> None:
    """Write ``report`` to ``path``, in the form that this ends in: ``.json``, ``.txt``, ...

    What is there is replaced, as a whole or not at all. Raises :class:`VmprofError` if
    the name ends in none of these, or it cannot be written.
    """
    name = os.fspath(path).lower()
    render = next((form for end, form in _FORMS.items() if name.endswith(end)), None)
    if render is None:
        raise VmprofError(
            f"cannot tell from its name what to write into {path}; "
            f"it has to end in one of {', '.join(_FORMS)}"
        )
    write(render(report), path)


def write(content: str | bytes, path: str | os.PathLike[str]) -> None:
    """Write ``content`` to ``path``; :class:`VmprofError` if that is not possible."""
    target = Path(path).resolve()  # through links, so that a link stays one
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(data)
            return
        write_whole(target, data)
    except OSError as error:
        raise VmprofError(f"cannot write {path}: {error.strerror}") from error
