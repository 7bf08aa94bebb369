"""Places for labels beside the dots of a drawing, so that none covers another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Of the text of a drawing in pixels, rather more than less: fonts differ.
LETTER, LINE = 6.9, 13.0
_ABOVE = 10.0  # of a line, above its base
# From the dot: in which direction the label lies, sideways and up (-1) or down.
_DIRECTIONS = ((1, 0), (-1, 0), (1, -1), (1, 1), (-1, -1), (-1, 1), (0, -1), (0, 1))
_DISTANCES = (4.0, 18.0, 36.0, 60.0)
_NEAR = 18.0  # a label that is further away has a line to its dot


@dataclass(frozen=True)
class Box:
    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def of_text(cls, x: float, y: float, text: str, *, end: bool = False) -> Box:
        """Of ``text`` whose base line is at ``y``, and which begins at ``x``, or ends there."""
        wide = LETTER * len(text)
        left = x - wide if end else x
        return cls(left, y - _ABOVE, left + wide, y - _ABOVE + LINE)

    def meets(self, other: Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def holds(self, other: Box) -> bool:
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )


@dataclass(frozen=True)
class Label:
    """``text`` begins at ``x`` or, with ``end``, ends there; ``y`` is its base line.

    ``line`` leads from the dot to a label that is not beside it: x1, y1, x2, y2.
    """

    text: str
    x: float
    y: float
    end: bool
    line: tuple[float, float, float, float] | None


def placed(
    texts: Sequence[str],
    dots: Sequence[tuple[float, float, float]],
    taken: Sequence[Box],
    inside: Box,
) -> list[Label | None]:
    """A label for each of ``dots`` (x, y, radius), as far as there is room ``inside``.

    The first come first. None where every place is covered by dots, labels, or what is ``taken``.
    """
    boxes = [*taken, *(Box(x - r, y - r, x + r, y + r) for x, y, r in dots)]
    labels: list[Label | None] = []
    for text, dot in zip(texts, dots, strict=True):
        found = _place(text, dot, boxes, inside)
        labels.append(found)
        if found is not None:
            boxes.append(Box.of_text(found.x, found.y, text, end=found.end))
    return labels


def _place(
    text: str, dot: tuple[float, float, float], boxes: Sequence[Box], inside: Box
) -> Label | None:
    x, y, radius = dot
    for distance in _DISTANCES:
        for sideways, down in _DIRECTIONS:
            away = radius + distance
            at_x = x + sideways * (away if not down else away * 0.7)
            if not sideways:
                at_x -= LETTER * len(text) / 2
            middle = y + down * (away * 0.7 + (LINE / 2 if down else 0))
            base = middle + _ABOVE - LINE / 2
            end = sideways < 0
            box = Box.of_text(at_x, base, text, end=end)
            if not inside.holds(box) or any(box.meets(other) for other in boxes):
                continue
            line = None
            if distance >= _NEAR:
                to_x = at_x if sideways else x
                line = (round(x, 1), round(y, 1), round(to_x, 1), round(middle, 1))
            return Label(text, round(at_x, 1), round(base, 1), end, line)
    return None
