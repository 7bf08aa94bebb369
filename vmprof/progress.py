"""Telling the user what takes so long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

# Takes what goes on. What takes long is told again and again, from a thread of its own.
Progress = Callable[[str], None]

_SECONDS_BETWEEN = 0.25


class Step(str):
    """What goes on, and what part of it is ``done``, from 0 to 1."""

    __slots__ = ("done",)
    done: float

    def __new__(cls, text: str, done: float) -> Step:  # noqa: PYI034 # Self is of Python 3.11
        step = super().__new__(cls, text)
        step.done = min(max(done, 0.0), 1.0)
        return step


def silent(step: str) -> None:
    """Tell nothing."""


def with_text(step: str, text: str) -> str:
    """``text`` in place of the step's own, as much of it done."""
    return Step(text, step.done) if isinstance(step, Step) else text


def within(progress: Progress, whole: str) -> Progress:
    """``progress`` of the steps of something, whose name goes before each."""
    if progress is silent:
        return silent
    return lambda step: progress(with_text(step, f"{whole}{step}"))


@contextmanager
def kept_up(progress: Progress, step: Callable[[], str]) -> Iterator[None]:
    """Tell ``step()`` of what goes on inside, again and again: whoever shows it counts the time."""
    if progress is silent:
        yield
        return
    over = Event()
    failures: list[Exception] = []

    def tell() -> None:
        try:
            while not over.wait(_SECONDS_BETWEEN):
                progress(step())
        except Exception as error:  # noqa: BLE001 # of the user's own; it is raised where that is seen
            failures.append(error)

    progress(step())
    teller = Thread(target=tell, name="vmprof-progress", daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
    if failures:
        raise failures[0]
