"""A study on disk: a folder with a file per report, each whole or not there.

``study.json`` says what was asked and of which points. ``reports/POINT.json`` is the report of a
point, as any command reads it; ``reports/POINT.failed`` says why there is none. Points are
``HOST:PORT`` or whatever else tells them apart; in names of files what is no letter, digit, dot or
hyphen is written as in URLs, but ``:`` as ``_``.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from vmprof import json_text
from vmprof.errors import VmprofError
from vmprof.owned import open_descriptor
from vmprof.report.model import Report
from vmprof.report.render import save
from vmprof.report.render.json import parse

_FORMAT = 1
_STUDY = "study.json"
_REPORTS = "reports"
_REPORT, _FAILED = ".json", ".failed"


@dataclass(frozen=True)
class Asked:
    """What every report of a study is of: ``about`` says so, as JSON, ``title`` in a line."""

    title: str
    about: Mapping[str, Any]


def is_study(path: str | os.PathLike[str]) -> bool:
    """Whether ``path`` is a folder of one."""
    try:
        return (Path(path) / _STUDY).is_file()
    except OSError:  # no permission to look, or a name that is too long
        return False


class StudyFolder:
    """The folder ``path``; use :meth:`made` or :meth:`opened`."""

    def __init__(self, path: Path, asked: Asked, points: Iterable[str]) -> None:
        self.path = path
        self.asked = asked
        self.points = tuple(dict.fromkeys(points))

    @classmethod
    def made(cls, path: str | os.PathLike[str], asked: Asked) -> StudyFolder:
        """A new one. Raises :class:`VmprofError` if something is there already."""
        folder = Path(path)
        try:
            folder.mkdir(exist_ok=True)
            if any(folder.iterdir()):
                what = "--resume completes it" if is_study(folder) else "name one that does not"
                raise VmprofError(f"{path} exists, and is not empty; {what}")
            (folder / _REPORTS).mkdir()
        except FileExistsError as error:
            raise VmprofError(f"{path} exists, and is no folder; name one for the study") from error
        except OSError as error:
            raise VmprofError(f"cannot make the folder {path}: {error.strerror}") from error
        made = cls(folder, asked, ())
        made._write()
        return made

    @classmethod
    def opened(cls, path: str | os.PathLike[str]) -> StudyFolder:
        """One that is there. Raises :class:`VmprofError` if it is none, or damaged."""
        folder = Path(path)
        try:
            document = json_text.loads((folder / _STUDY).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise VmprofError(f"{path} is no study: there is no {_STUDY} in it") from error
        except OSError as error:
            raise VmprofError(f"{folder / _STUDY} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise VmprofError(f"{folder / _STUDY} is damaged: {error}") from error
        match document:
            case {
                "vmprof study": int(version),
                "title": str(title),
                "about": dict(about),
                "points": list(points),
            } if all(isinstance(point, str) for point in points):
                if version != _FORMAT:
                    raise VmprofError(f"{path} is a study of another version of vmprof's")
                return cls(folder, Asked(title, about), points)
        raise VmprofError(f"{folder / _STUDY} is damaged: it does not say what was asked")

    def check(self, asked: Asked) -> None:
        """Raise :class:`VmprofError` if reports of ``asked`` do not belong here."""
        kept, new = dict(self.asked.about), json_text.loads(json_text.dumps(dict(asked.about)))
        differing = [
            f"{name} was {_shown(kept.get(name))}, now {_shown(new.get(name))}"
            for name in {**kept, **new}
            if kept.get(name) != new.get(name)
        ]
        if differing:
            raise VmprofError(
                f"{self.path} is a study of something else: {'; '.join(differing)}; give the same "
                "model and options, or another folder with --output"
            )

    def plan(self, points: Iterable[str]) -> None:
        """Let the study be of ``points``, too."""
        planned = tuple(dict.fromkeys((*self.points, *points)))
        if planned != self.points:
            self.points = planned
            self._write()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else adds to it meanwhile; :class:`VmprofError` if somebody does already."""
        with open_descriptor(self.path, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise VmprofError(
                    f"another vmprof is at work on {self.path}; wait for its end"
                ) from error
            yield

    def keep(self, point: str, report: Report) -> None:
        """What was asked of ``point``. Raises :class:`VmprofError` if it cannot be written."""
        save.write(report.json(), self.file(point))
        self._file(point, _FAILED).unlink(missing_ok=True)

    def keep_reason(self, point: str, reason: str) -> None:
        """Why there is no report of ``point``."""
        save.write(f"{json_text.storable(reason)}\n", self._file(point, _FAILED))

    def read(self, point: str) -> Report:
        """The report of ``point``. Raises :class:`VmprofError` if there is none, or damaged."""
        path = self.file(point)
        try:
            return parse(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            reason = self.reasons().get(point, "none was made yet")
            raise VmprofError(f"there is no report of {point}: {reason}") from error
        except OSError as error:
            raise VmprofError(f"{path} cannot be read: {error.strerror}") from error
        except (UnicodeDecodeError, VmprofError) as error:
            raise VmprofError(f"{path} is damaged: {error}; delete it and --resume") from error

    def arrived(self) -> list[str]:
        """The points whose reports are kept, in the order of the plan."""
        kept = self._kept(_REPORT)
        return [point for point in self.points if point in kept]

    def reasons(self) -> dict[str, str]:
        """Of the points without a report, why not; ``""`` of those that were not asked yet."""
        failed, kept = self._kept(_FAILED), self._kept(_REPORT)
        return {
            point: self._reason(point) if point in failed else ""
            for point in self.points
            if point not in kept
        }

    def file(self, point: str) -> Path:
        """Where the report of ``point`` is, or will be."""
        return self._file(point, _REPORT)

    def _file(self, point: str, suffix: str) -> Path:
        return self.path / _REPORTS / f"{_file_name(point)}{suffix}"

    def _kept(self, suffix: str) -> set[str]:
        try:
            names = [entry.name for entry in os.scandir(self.path / _REPORTS)]
        except OSError as error:
            raise VmprofError(f"{self.path / _REPORTS} cannot be read: {error.strerror}") from error
        return {
            _point(name.removesuffix(suffix))
            for name in names
            if name.endswith(suffix) and not name.startswith(".")
        }

    def _reason(self, point: str) -> str:
        try:
            return self._file(point, _FAILED).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            return f"why cannot be read: {error}"

    def _write(self) -> None:
        document = {
            "vmprof study": _FORMAT,
            "title": self.asked.title,
            "about": dict(self.asked.about),
            "points": [*self.points],
        }
        save.write(f"{json_text.dumps(document, indent=1)}\n", self.path / _STUDY)


def _file_name(point: str) -> str:
    # What quote() leaves as it is, and means something here or to the file system.
    quoted = quote(point, safe=":").replace("_", "%5F").replace("~", "%7E")
    return (f"%2E{quoted[1:]}" if quoted.startswith(".") else quoted).replace(":", "_")


def _point(name: str) -> str:
    return unquote(name.replace("_", ":"))


def _shown(value: Any) -> str:
    return "not given" if value is None else json_text.dumps(value)
