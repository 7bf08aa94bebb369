"""A study: the same, measured at many points. Here a point is a server, and so a host."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from html import escape
from pathlib import Path

from vmprof.compare.study.folder import StudyFolder
from vmprof.compare.study.gathered import Gathered
from vmprof.compare.study.summary import Summaries, summarised
from vmprof.errors import VmprofError
from vmprof.report.model import Report


class Study(Mapping[str, Report]):
    """The reports of a folder that ``vmprof fleet`` wrote, by server: ``study["10.0.0.5:9090"]``.

    Reports stay on disk, and are read when they are asked for. ``missing`` has the servers that
    gave none, and why; ``summary`` what each operator takes over all of them
    (:class:`vmprof.compare.study.summary.Summaries`).
    """

    def __init__(
        self, folder: str | os.PathLike[str] | StudyFolder, gathered: Gathered | None = None
    ) -> None:
        self.folder = folder if isinstance(folder, StudyFolder) else StudyFolder.opened(folder)
        self._arrived = self.folder.arrived()
        self._gathered = gathered or Gathered(self._arrived)
        self._damaged: dict[str, str] = {}

    def __getitem__(self, point: str) -> Report:
        if point not in self.folder.points:
            raise KeyError(point)
        return self.folder.read(point)

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrived)

    def __len__(self) -> int:
        return len(self._arrived)

    def __contains__(self, point: object) -> bool:
        return point in self._arrived

    @property
    def title(self) -> str:
        """What was measured, where."""
        return self.folder.asked.title

    @property
    def missing(self) -> Mapping[str, str]:
        """The points without a report that can be read, each with its reason."""
        reasons = {**self.folder.reasons(), **self._damaged}
        return {point: reason or "it was not asked yet" for point, reason in reasons.items()}

    @cached_property
    def summary(self) -> Summaries:
        """Of all reports, one of which is in memory at a time."""
        for point in self._arrived:
            if point not in self._gathered.facts:
                try:
                    self._gathered.add(point, self.folder.read(point))
                except VmprofError as error:  # the others are as good as they were
                    self._damaged[point] = str(error)
        return summarised(self._gathered)

    def names(self) -> dict[str, str]:
        """What to call each point that has a report: its host's name, if no other has that."""
        facts = self.summary.facts
        alike = Counter(each.name for each in facts.values())
        return {
            point: each.name if each.name and alike[each.name] == 1 else point
            for point, each in facts.items()
        }

    def find(self, name: str) -> str:
        """The point of that name, or whose host is called so."""
        if name in self.folder.points:
            return name
        for point, called in self.names().items():
            if called == name:
                return point
        known = ", ".join([*self.names().values()][:10]) or "none"
        raise VmprofError(f"there is no report of {name!r}; there are: {known}")

    def json(self) -> str:
        """The summary: :func:`vmprof.compare.study.document.render`."""
        from vmprof.compare.study import document

        return document.render(self)

    def html(self, place: Path | None = None) -> str:
        """One page: :func:`vmprof.compare.study.page.page`; ``place`` is where it will be."""
        from vmprof.compare.study.page import page

        return page(self, place)

    def __str__(self) -> str:
        from vmprof.compare.parts import plain
        from vmprof.compare.study.text import parts_of

        return plain(parts_of(self))

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"
