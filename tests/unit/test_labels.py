"""Labels of drawings: none covers another, a dot, or what is drawn besides."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from vmprof.report.render.html.labels import Box, Label, along, placed

INSIDE = Box(0, 0, 400, 300)
PLACES = st.floats(0, 400)
DOTS = st.lists(st.tuples(PLACES, st.floats(0, 300), st.floats(1, 17)), max_size=30)


def box_of(label: Label) -> Box:
    return Box.of_text(label.x, label.y, label.text, end=label.end)


@given(DOTS, st.lists(st.integers(1, 20), min_size=30, max_size=30))
def test_labels_cover_nothing(dots: list[tuple[float, float, float]], lengths: list[int]) -> None:
    texts = ["x" * length for length, _ in zip(lengths, dots, strict=False)]
    roof = along((0, 300), (200, 40))
    labels = placed(texts, dots, roof, INSIDE)
    assert len(labels) == len(dots)
    found = [label for label in labels if label is not None]
    # Places are rounded to a tenth of a pixel.
    boxes = [shrunk(box_of(label)) for label in found]
    assert not any(one.meets(other) for one, other in combinations(boxes, 2))
    around = [Box(x - r, y - r, x + r, y + r) for x, y, r in dots]
    assert not any(box.meets(other) for box in boxes for other in [*around, *roof])
    assert all(INSIDE.holds(box) for box in boxes)


def shrunk(box: Box) -> Box:
    return Box(box.left + 0.1, box.top + 0.1, box.right - 0.1, box.bottom - 0.1)


def test_what_has_no_room_is_numbered() -> None:
    # Eight dots in a heap, with names that are half as wide as the drawing.
    dots = [(200.0 + 12 * (n % 3), 150.0 + 12 * (n // 3), 5.0) for n in range(8)]
    labels = placed(["n" * 28] * 8, dots, [], Box(0, 100, 400, 220))
    numbers = [label.text for label in labels if label is not None and label.is_number]
    names = [label.text for label in labels if label is not None and not label.is_number]
    assert names
    assert numbers == [str(n) for n in range(1, len(numbers) + 1)]
    assert len(names) + len(numbers) == 8
