"""What is told of things that take long, and how a terminal shows it."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import termios
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmprof import VmprofError
from vmprof.cli.progress import ProgressLine
from vmprof.progress import Step, kept_up, silent, with_text, within
from vmprof.subject import library


def test_a_step_is_text_and_knows_its_part() -> None:
    step = Step("half", 0.5)
    assert (step, step.done) == ("half", 0.5)
    assert [Step("", part).done for part in (-1, 0, 1, 7)] == [0, 0, 1, 1]
    other = with_text(step, "as much")
    assert isinstance(other, Step)
    assert (other, other.done) == ("as much", 0.5)
    assert type(with_text("plain", "text")) is str


def test_what_a_whole_is_called_goes_before_its_steps() -> None:
    told: list[str] = []
    progress = within(told.append, "model, step 2 of 3: ")
    progress("pass 1")
    progress(Step("pass 2", 0.25))
    assert told == ["model, step 2 of 3: pass 1", "model, step 2 of 3: pass 2"]
    last = told[-1]
    assert isinstance(last, Step)
    assert last.done == 0.25
    assert within(silent, "model: ") is silent


def test_a_step_is_told_again_while_it_lasts() -> None:
    told: list[str] = []
    again = threading.Event()

    def progress(step: str) -> None:
        told.append(step)
        if len(told) == 3:
            again.set()

    with kept_up(progress, lambda: Step("loading", 0.5)):
        assert told[0] == "loading"
        assert again.wait(60)
    assert set(told) == {"loading"}
    assert all(isinstance(step, Step) and step.done == 0.5 for step in told)
    assert "vmprof-progress" not in {thread.name for thread in threading.enumerate()}


def test_nothing_is_started_for_nobody() -> None:
    def step() -> str:
        raise AssertionError

    before = threading.active_count()
    with kept_up(silent, step):
        assert threading.active_count() == before


def test_an_error_of_who_is_told_is_raised_and_one_inside_comes_first() -> None:
    failed = threading.Event()

    told: list[str] = []

    def progress(step: str) -> None:
        told.append(step)
        if len(told) > 1:
            failed.set()
            raise ValueError(step)

    def loading() -> Iterator[None]:
        with kept_up(progress, lambda: "loading"):
            assert failed.wait(60)
            yield

    with pytest.raises(ValueError, match="loading"):
        list(loading())
    failed.clear()
    told.clear()
    with pytest.raises(KeyError), kept_up(progress, lambda: "loading"):
        assert failed.wait(60)
        raise KeyError


def on_terminal(columns: int, steps: list[str]) -> list[str]:
    """What a line on a terminal so wide showed, once it was clear again."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    with os.fdopen(terminal, "w", encoding="utf-8") as stream:
        line = ProgressLine(stream)
        for step in steps:
            line(step)
        line.clear()
    shown = b""
    with os.fdopen(controller, "rb", buffering=0) as end, suppress(OSError):
        while chunk := end.read(10_000):  # at the end: EIO
            shown += chunk
    return shown.decode().split("\r")


def test_a_step_that_knows_its_part_has_a_bar() -> None:
    shown = on_terminal(80, [Step("loading", 0.5), Step("loading", 1), "done"])
    assert shown == [
        "",
        f"loading [{'#' * 10}{' ' * 10}] ...",
        f"loading [{'#' * 20}] ...",
        f"{'done ...':<34}",
        " " * 8,
        "",
    ]


@pytest.mark.parametrize("columns", [0, 20, 200])  # 0: the terminal does not tell
def test_a_line_is_no_wider_than_the_terminal(columns: int) -> None:
    step = "x" * 100
    widest = (columns or 80) - 1
    cut = f"{step[: widest - 6]}.. ..." if widest < 104 else f"{step} ..."
    assert on_terminal(columns, [step])[1] == cut
    # The bar is shorter, and of it and of times nothing is cut off, while they fit.
    bar = f" [{'#' * 10}] ..."
    cut = f"{step[: max(widest - 19, 0)]}..{bar}" if widest < 127 else f"{step} [{'#' * 20}] ..."
    assert on_terminal(columns, [Step(step, 1)])[1] == cut[:widest]


def test_how_long_it_takes_is_told() -> None:
    """Of each thing by itself: a step of which less is done begins another one."""
    moments = iter([0, 0.5, 2, 30, 100, 100.5, 102, 200, 203.4, 204, 210])
    stream = io.StringIO()
    line = ProgressLine(stream, clock=lambda: float(next(moments)))
    steps = [
        (Step("a", 0), ""),
        (Step("b", 0.01), ""),
        (Step("c", 0.01), " 2 s"),
        (Step("d", 0.25), " 30 s of about 2:00 min"),
        (Step("e", 0.2), ""),
        (Step("f", 0.6), ""),
        (Step("g", 0.6), " 2 s of about 4 s"),
        ("importing", ""),
        ("importing", " 3 s"),
        ("something else", ""),
        ("something else", " 6 s"),
    ]
    for step, expected in steps:
        stream.truncate(0)
        stream.seek(0)
        line(step)
        shown = stream.getvalue().strip().removesuffix(" ...")
        before = f"{step} [" if isinstance(step, Step) else step
        assert shown.startswith(before)
        assert (shown.partition("]")[2] if "]" in shown else shown[len(before) :]) == expected


@given(st.lists(st.tuples(st.text("abc", max_size=90), st.floats(0, 1) | st.none())))
def test_a_line_is_empty_at_the_end(steps: list[tuple[str, float | None]]) -> None:
    stream = io.StringIO()
    line = ProgressLine(stream)
    for text, done in steps:
        line(text if done is None else Step(text, done))
    line.clear()
    screen = [" "] * 200
    at = 0
    for character in stream.getvalue():
        if character == "\r":
            at = 0
            continue
        screen[at] = character
        at += 1
    assert at == 0
    assert set(screen) == {" "}


def test_large_libraries_tell_how_far_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.so"
    path.write_bytes(bytes(1000))
    told: list[str] = []
    with pytest.raises(VmprofError, match="no library that TVM can load"):
        library.load_library(path, "the model", told.append)
    assert told == ["loading the model"]
    told.clear()
    monkeypatch.setattr(library, "_LARGE", 1000)
    with pytest.raises(VmprofError, match="no library that TVM can load"):
        library.load_library(path, "the model", told.append)
    assert told[0] == "loading the model, 0 MB"
    assert isinstance(told[0], Step)
