"""Where a report goes: files in any form, and the terminal."""

from __future__ import annotations

import argparse
import re
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

from vmprof.cli.numbers import positive
from vmprof.cli.results import ABOUT_FILES, Content, Results, Text
from vmprof.cli.screen import screen
from vmprof.compare.readers import SavedReport, read_reports, reports_of
from vmprof.errors import VmprofError
from vmprof.report import Report
from vmprof.report.layers import by_layer
from vmprof.report.render.view import View, text
from vmprof.values import Metric

FORMS: Mapping[str, Callable[[Report], str | bytes]] = {
    "json": Report.json,
    "csv": Report.csv,
    "html": Report.html,
    "trace": Report.trace,
    "kineto": Report.kineto,
    "openmetrics": Report.openmetrics,
    "parquet": Report.parquet,
    "calls": partial(Report.parquet, aggregate=False),
}
_OF_ONE = "is of one report; name it: --report"
HELP = {
    "json": "write TVM's report JSON",
    "csv": "write a line per call",
    "html": "write a page to look at in a browser",
    "trace": "write a trace for Perfetto or chrome://tracing",
    "kineto": "write the form that PyTorch's profiler writes: TensorBoard's plugin, HTA",
    "openmetrics": "write OpenMetrics text: Prometheus, Grafana",
    "parquet": "write a row per operator as Parquet; needs tvm-vmprof[parquet]",
    "calls": "write a row per call as Parquet, of a recording in each invocation; needs that too",
}


def add_arguments(parser: argparse.ArgumentParser, more_by: Sequence[str] = ()) -> None:
    """The options of :class:`Delivery`; ``more_by`` are what else rows may be by."""
    what = parser.add_argument_group("what the table shows")
    what.add_argument("--top", type=positive, metavar="N", help="the N largest rows alone")
    what.add_argument(
        "--sort", metavar="COLUMN", help="order rows by this column (default: duration)"
    )
    what.add_argument(
        "--columns",
        type=_names,
        metavar="COLUMN,...",
        help="these columns, by name as in JSON or short: duration,cycles",
    )
    what.add_argument(
        "--by",
        choices=_Ways(("operator", "path", "layer", "layer:1", "layer:2", *more_by)),
        default="operator",
        help="merge calls of one operator, or only those made in the same chain of functions, or "
        "those of one layer of the model; layer:N takes the first N parts of a layer's path"
        + (
            "; of a recording, shape does not merge shapes into ranges, and thread tells the "
            "threads apart that called a function"
            if more_by
            else ""
        )
        + " (default: operator)",
    )
    what.add_argument(
        "--plain",
        action="store_true",
        help="TVM's table on a terminal too; it is what a pipe or a file gets",
    )
    what.add_argument(
        "--provenance",
        action="store_true",
        help="below the table also where it comes from: machine, load, versions, command, library",
    )
    where = parser.add_argument_group("where the report goes, besides the terminal", ABOUT_FILES)
    for form in FORMS:
        where.add_argument(f"--{form}", metavar="FILE", help=HELP[form])
    where.add_argument(
        "--baseline",
        metavar="FILE",
        help="a saved report; the page shows how much longer than there each row takes",
    )
    where.add_argument("--open", action="store_true", help="show the --html FILE in a browser")
    where.add_argument("--force", action="store_true", help="overwrite files that exist")


class _Ways(tuple[str, ...]):
    """What ``--by`` takes; layers to any depth."""

    __slots__ = ()

    def __contains__(self, way: object) -> bool:
        return super().__contains__(way) or bool(re.fullmatch(r"layer:[1-9]\d{0,2}", str(way)))


def view_of(options: argparse.Namespace) -> View:
    """Which rows and columns of a report are shown."""
    return View(options.top, options.sort, options.columns, by_path=options.by == "path")


def layered(options: argparse.Namespace) -> Callable[[Report], Report]:
    """What makes a report one by layers, if ``--by layer`` asks for it."""
    by, _, depth = options.by.partition(":")
    if by != "layer":
        return lambda report: report
    return partial(by_layer, depth=int(depth) if depth else None)


class Delivery:
    """What ``options`` say; files are checked at once, so that no work is lost."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._results = Results(options, tuple(FORMS))
        self._page = self._results.files.get("html") if options.open else None
        if options.open and (self._page is None or not self._page.is_file):
            raise VmprofError("--open needs a page to show: --html FILE")
        if options.baseline is not None and "html" not in self._results.files:
            raise VmprofError("--baseline is for the page: --html FILE")
        self._baseline = None if options.baseline is None else read_reports(options.baseline)
        self._screen = None if options.plain else screen()
        self._provenance = options.provenance
        self._view = view_of(options)
        self._layered = layered(options)

    def deliver(
        self,
        reports: Sequence[Report],
        own: Mapping[str, Content] = MappingProxyType({}),
        titles: Sequence[str] = (),
    ) -> None:
        """Write the files, and print all of ``reports``.

        Of several, which have ``titles``, there are a page, JSON, one after the other, OpenMetrics
        and Parquet. ``own`` makes those forms of the one report that it does not make by itself.
        """
        texts: dict[str, Content] = {
            **{form: partial(make, reports[0]) for form, make in FORMS.items()},
            **own,
        }
        if self._baseline is not None:
            texts["html"] = partial(_page_since, self._baseline, reports[0])
        if len(reports) > 1:
            if self._baseline is not None:
                raise VmprofError("--baseline is of one report; name it: --report")
            of_titles = dict(zip(titles, reports, strict=True))
            texts = {
                **forms_of_several(lambda: of_titles),
                "html": partial(_page_of, of_titles),
            }
        self.deliver_forms(
            texts,
            lambda: "\n".join(
                f"{self.text(report)}{self.provenance(report.provenance)}" for report in reports
            ),
        )

    def deliver_forms(
        self,
        texts: Mapping[str, Content],
        shown: Text,
        refusal: str = _OF_ONE,
    ) -> None:
        """Write the files that were asked for, of ``texts`` by form, and print what is ``shown``.

        :class:`VmprofError` for a form that is not among them, with the ``refusal``.
        """
        for form in self._results.files:
            if form not in texts:
                raise VmprofError(f"--{form} {refusal}")
        self._results.deliver(texts, shown)
        if self._page is not None:
            webbrowser.open(self._page.path.as_uri())

    @property
    def place_of_page(self) -> Path | None:
        """Where the page will be, if it will be a file."""
        page = self._results.files.get("html")
        return page.path if page is not None and page.is_file else None

    def provenance(self, provenance: Mapping[str, Metric]) -> str:
        """What stands below a table, if it was asked for."""
        if not self._provenance:
            return ""
        from vmprof.report.provenance import section

        return f"\n{section(provenance)}"

    @property
    def width(self) -> int | None:
        """The terminal's; None if plain tables are shown, however wide they are."""
        return None if self._screen is None else self._screen.columns

    def text(self, report: Report) -> str:
        """``report`` as the terminal gets it."""
        report = self._layered(report)
        if self._screen is None:
            return report.heading() + text(report, self._view)
        from vmprof.report.render import terminal  # what it needs takes time to load

        columns, colour = self._screen.columns, self._screen.colour
        return terminal.render(report, self._view, width=columns, colour=colour)


def forms_of_several(reports: Callable[[], Mapping[str, Report]]) -> Mapping[str, Content]:
    """The forms, besides the page, in which several reports are one file.

    ``reports`` gives these by their titles.
    """

    def openmetrics() -> str:
        from vmprof.report.render import openmetrics

        return openmetrics.render_several(reports())

    def parquet(*, aggregate: bool = True) -> bytes:
        from vmprof.report.render import parquet

        return parquet.render_several(reports(), aggregate=aggregate)

    return {
        "json": lambda: json_of_several(reports()),
        "openmetrics": openmetrics,
        "parquet": parquet,
        "calls": partial(parquet, aggregate=False),
    }


def json_of_several(reports: Mapping[str, Report]) -> str:
    """One report after the other: every command that reads reports takes that."""
    return "".join(f"{report.json()}\n" for report in reports.values())


def _page_since(baseline: Sequence[SavedReport], report: Report) -> str:
    """The page of ``report`` with what changed since that of the same model, or the only one."""
    from vmprof.compare.diff.beside import changes_since
    from vmprof.report.render.html import render

    model = report.configuration.get("Model")
    found = reports_of(str(model), baseline) if len(baseline) > 1 else baseline
    return render(report, changes_since([found[0].report], report, found[0].where))


def _page_of(reports: Mapping[str, Report]) -> str:
    from vmprof.compare.diff.beside import page

    return page(reports)


def _names(value: str) -> tuple[str, ...]:
    return tuple(name for part in value.split(",") if (name := part.strip()))
