"""``--strict``: whether every event that was named has been counted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TextIO

from vmprof.cli.exit_codes import SAYS_NO
from vmprof.errors import VmprofError
from vmprof.report import Report
from vmprof.visible import visible

_NOTHING = "nothing was recorded that could have been counted"


def add_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--strict",
        action="store_true",
        help=f"exit with {SAYS_NO} if an event that --counters names could not be counted, and "
        "say why",
    )


class Strict:
    """Which events ``options`` name; none without ``--strict``.

    ``columns_of`` gives their columns, by event, on the host that counts them. It raises
    :class:`VmprofError` for events that there are not; so does this where none is named.
    """

    def __init__(
        self,
        options: argparse.Namespace,
        columns_of: Callable[[str], Mapping[str, str]] | None = None,
    ) -> None:
        self._columns: Mapping[str, str] = {}
        if not options.strict:
            return
        if options.counters is None:
            raise VmprofError("--strict is about the events that are named; add --counters WHAT")
        if columns_of is None:
            from vmprof.drivers import host  # TVM, which takes time to load

            columns_of = host.columns_of
        self._columns = columns_of(options.counters)

    def __bool__(self) -> bool:
        return bool(self._columns)

    def exit_code(
        self,
        reports: Iterable[Report],
        missing: Mapping[str, str],
        *,
        tell: TextIO | None = None,
    ) -> int:
        """0 if each event is a column of one of ``reports``; ``tell`` (stderr) gets the others.

        Reasons are those of the reports, or in ``missing``.
        """
        uncounted = self.uncounted(reports, missing)
        for event, reason in uncounted.items():
            line = f"vmprof: --strict: {event} could not be counted: {reason}"
            print(visible(line), file=tell or sys.stderr)
        return SAYS_NO if uncounted else 0

    def uncounted(self, reports: Iterable[Report], missing: Mapping[str, str]) -> dict[str, str]:
        """By event, why it was not counted."""
        found: set[str] = set()
        reasons = dict(missing)
        for report in reports:
            rows = [*report.calls, *report.device_metrics.values()]
            found.update(*rows)
            reasons = {**report.missing, **reasons}
        return {
            event: reasons.get(event, reasons.get(column, _NOTHING))
            for event, column in self._columns.items()
            if column not in found
        }
