"""What a reader found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from vmprof.errors import VmprofError
from vmprof.report.model import Report
from vmprof.values import Row


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


def reports_of(model: str, reports: Sequence[SavedReport]) -> list[SavedReport]:
    """Those of ``reports`` that are of ``model``; :class:`VmprofError` if there is none."""
    found = [saved for saved in reports if saved.model == model]
    if not found:
        raise VmprofError(f"there is no report of {model!r}; there are: {names_of(reports)}")
    return found


def names_of(reports: Sequence[SavedReport]) -> str:
    """The models, in a line."""
    return ", ".join(saved.model or f"one without a name ({saved.where})" for saved in reports)


def titles_of(reports: Sequence[SavedReport]) -> list[str]:
    """What to call each of ``reports``: its model, and where it was read if that is not enough."""
    titles = [saved.model or saved.where for saved in reports]
    alike = Counter(titles)
    titles = [
        f"{title} ({saved.where})" if alike[title] > 1 else title
        for title, saved in zip(titles, reports, strict=True)
    ]
    seen: Counter[str] = Counter()
    for number, title in enumerate(titles):
        seen[title] += 1
        if seen[title] > 1:  # of a file that was named twice
            titles[number] = f"{title} #{seen[title]}"
    return titles
