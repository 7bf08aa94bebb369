"""What a reader found."""

from __future__ import annotations

from dataclasses import dataclass

from vmprof.report.model import Report, Row


@dataclass(frozen=True)
class SavedReport:
    """A report, and where it was read.

    ``where`` is the file, and the line if it holds several. ``printed_sum`` is
    the line Sum of a printed table: a report has no such row, since it follows
    from the others, or should.
    """

    report: Report
    where: str
    printed_sum: Row | None = None

    @property
    def model(self) -> str | None:
        """The name of the model, where the report has it."""
        name = self.report.configuration.get("Model")
        return name if isinstance(name, str) else None
