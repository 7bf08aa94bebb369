"""The fixture: measures a model, keeps its baseline, and says what has become slower."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from vmprof.compare.diff import Diff, diff_reports, regressions
from vmprof.compare.diff.change import ALPHA
from vmprof.compare.diff.text import LEGEND, describe_verdict, parts_of
from vmprof.compare.page import page
from vmprof.compare.parts import Prose
from vmprof.compare.permutation import enough_starts
from vmprof.compare.readers import read_report
from vmprof.errors import VmprofError
from vmprof.progress import Progress, silent
from vmprof.report import Report
from vmprof.report.provenance import PROCESSOR
from vmprof.report.render import save
from vmprof.report.starts import joined
from vmprof.testing.options import Options


@dataclass(frozen=True)
class Verdict:
    """Of a test that did not pass: whether that is more than chance, and what to say."""

    is_sure: bool
    text: str


@dataclass(frozen=True)
class _Measured:
    """``before`` was measured in turn with ``after``; None where a saved report is compared."""

    after: Report
    before: Report | None = None


class Profiler:
    """``profile`` measures; ``verdict`` judges what it measured, once the test is through.

    ``name`` is the test's, which its files are named by; a relative baseline lies
    ``relative_to`` the folder of the test.
    """

    def __init__(
        self,
        options: Options,
        *,
        name: str,
        relative_to: Path,
        baselines: Path,
        processes: int | None = None,
        writes: bool = False,
        reports: Path | None = None,
    ) -> None:
        self._options = options
        self._writes = writes
        self._reports = reports
        self._file_name = re.sub(r"[^\w.=-]+", "-", name).strip("-")
        own = baselines / f"{self._file_name}.json"
        # A model of vmprof's has a name, and no file.
        self.baseline = own if options.baseline is None else relative_to / options.baseline
        self._is_model = options.baseline is not None and self.baseline.suffix != ".json"
        default = enough_starts(ALPHA) if options.limit else 1
        self._processes = processes or options.processes or default
        self._measured: _Measured | None = None

    def profile(self, model: Any, inputs: Any = None, **keywords: Any) -> Report:
        """Measure ``model`` as :func:`vmprof.profile` does; what the marker says is the default.

        Raises :class:`VmprofError` as that does, if the test has a limit and its baseline is not
        there, and if it measures two models.
        """
        if self._options.limit is None:
            return self._alone(model, inputs, keywords)
        if self._measured is not None:
            raise VmprofError("a test has one baseline, and measures one model; make two of it")
        if not (self._writes or self.baseline.exists()):
            raise VmprofError(
                f"the baseline {self.baseline} is not there; "
                + ("name a library" if self._is_model else "write it: pytest --vmprof-write")
            )
        if self._is_model and not self._writes:
            sources = [os.fspath(self.baseline), model]
            before, after = self._in_processes(sources, inputs, keywords)
            self._measured = _Measured(after, before)
        else:
            self._measured = _Measured(self._alone(model, inputs, keywords))
        return self._measured.after

    def verdict(self) -> Verdict | None:
        """None if the test passes; with ``writes`` it does, and its baseline is written."""
        limit, measured = self._options.limit, self._measured
        if limit is None:
            return None
        if measured is None:
            raise VmprofError("the test has a limit, and measured nothing: call vmprof.profile")
        if self._reports is not None:
            self._keep("json", measured.after.json())
        if self._writes:
            if not self._is_model:
                _write(self.baseline, measured.after.json())
            return None
        before = measured.before or read_report(self.baseline).report
        diff = diff_reports([before], [measured.after], in_turn=measured.before is not None)
        found = regressions(diff, limit)
        text = describe_verdict(diff, found, limit)
        if self._reports is not None:
            self._keep("html", self._page(diff, text))
        if elsewhere := _elsewhere(before, measured.after):
            return Verdict(is_sure=False, text=f"{elsewhere}\n{text}")
        if not (found.sure or found.undecided):
            return None
        return Verdict(is_sure=bool(found.sure), text=f"against {self.baseline}:\n{text}")

    def _alone(self, model: Any, inputs: Any, keywords: dict[str, Any]) -> Report:
        if self._processes > 1:
            (report,) = self._in_processes([model], inputs, keywords)
            return report
        return _profiled(model, inputs, {**self._options.profiling, **keywords})

    def _in_processes(
        self, models: Sequence[Any], inputs: Any, keywords: dict[str, Any]
    ) -> list[Report]:
        from vmprof.drivers.processes import in_processes

        options = {**self._options.profiling, **keywords}
        makers = [partial(_profiled, _named(model), inputs, options) for model in models]
        return [joined(reports) for reports in in_processes(makers, self._processes)]

    def _page(self, diff: Diff, verdict: str) -> str:
        parts = parts_of(diff, str(self.baseline), "now", verdict=verdict)
        return page([*parts, Prose(LEGEND, is_note=True)], self._file_name)

    def _keep(self, form: str, text: str) -> None:
        assert self._reports is not None
        _write(self._reports / f"{self._file_name}.{form}", text)


def _profiled(
    model: Any, inputs: Any, options: Mapping[str, Any], progress: Progress = silent
) -> Report:
    """In any process: it can be pickled if what it is given can."""
    from vmprof.drivers.profile import profile

    return profile(model, inputs, **{"progress": progress, **options})


def _named(model: Any) -> str:
    """``model``, as something that another process finds too."""
    if isinstance(model, str | os.PathLike):
        return os.fspath(model)
    from vmprof.subject.load import load_program

    library = load_program(model, in_library=True).library
    if library is None:
        raise VmprofError(
            "the model is in memory alone, and other processes have to find it; hand in the path "
            "of a library, or measure in this process: processes=1"
        )
    return str(library)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VmprofError(f"cannot make the folder {path.parent}: {error.strerror}") from error
    save.write(text, path)


def _elsewhere(before: Report, after: Report) -> str:
    """Why two reports are not of one kind of machine, if they are not."""
    old, new = (each.provenance.get(PROCESSOR) for each in (before, after))
    if old is None or new is None or old == new:
        return ""
    return f"the baseline is of another processor, {old}; this is {new}"
