"""Places for labels beside the dots of a drawing, so that none covers another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Of the text of a drawing in pixels, rather more than less: fonts differ.
LETTER, LINE = 6.9, 13.0
_ABOVE = 10.0  # of a line, above its base
# From the dot: in which direction the label lies, sideways and up (-1) or down.
_DIRECTIONS = ((1, 0), (-1, 0), (1, -1), (1, 1), (-1, -1), (-1, 1), (0, -1), (0, 1))
_DISTANCES = (4.0, 18.0, 36.0, 60.0, 84.0, 110.0)
_PART = 4.0  # of a line
_NEAR = 18.0  # a label that is further away has a line to its dot

Dot = tuple[float, float, float]  # x, y, radius


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

    @classmethod
    def of_dot(cls, dot: Dot) -> Box:
        x, y, radius = dot
        return cls(x - radius, y - radius, x + radius, y + radius)

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
    is_number: bool = False


def along(begin: tuple[float, float], end: tuple[float, float]) -> list[Box]:
    """What a line takes, in small parts."""
    (x1, y1), (x2, y2) = begin, end
    parts = max(int(max(abs(x2 - x1), abs(y2 - y1)) / _PART), 1)
    places = [(x1 + (x2 - x1) * n / parts, y1 + (y2 - y1) * n / parts) for n in range(parts + 1)]
    return [Box(x - 1, y - 1, x + 1, y + 1) for x, y in places]


def placed(
    texts: Sequence[str],
    dots: Sequence[Dot],
    taken: Sequence[Box],
    inside: Box,
) -> list[Label | None]:
    """A label for each of ``dots`` (x, y, radius), as far as there is room ``inside``.

    The first come first. Where every place is covered by dots, labels, or what is ``taken``, the
    label is a number, counted from 1; None where there is no place for that either.
    """
    room = _Room(inside, [*taken, *map(Box.of_dot, dots)], [])
    found = [room.put(text, dot) for text, dot in zip(texts, dots, strict=True)]
    count = 1
    for number in [number for number, label in enumerate(found) if label is None]:
        found[number] = room.put(str(count), dots[number], is_number=True)
        count += found[number] is not None
    return found


@dataclass(frozen=True)
class _Room:
    """What is free ``inside``: no text may meet ``boxes``, and no line those of ``texts``."""

    inside: Box
    boxes: list[Box]
    texts: list[Box]

    def put(self, text: str, dot: Dot, *, is_number: bool = False) -> Label | None:
        """A label at the nearest place that is free, which it takes; None without one."""
        for label in _candidates(text, dot, is_number=is_number):
            box = Box.of_text(label.x, label.y, text, end=label.end)
            line = along(label.line[:2], label.line[2:]) if label.line else []
            if (
                self.inside.holds(box)
                and not any(box.meets(other) for other in self.boxes)
                and not any(part.meets(other) for part in line for other in self.texts)
            ):
                self.texts.append(box)
                self.boxes.extend((box, *line))
                return label
        return None


def _candidates(text: str, dot: Dot, *, is_number: bool) -> Iterator[Label]:
    x, y, radius = dot
    for distance in _DISTANCES:
        for sideways, down in _DIRECTIONS:
            away = radius + distance
            at_x = x + sideways * (away if not down else away * 0.7)
            if not sideways:
                at_x -= LETTER * len(text) / 2
            middle = y + down * (away * 0.7 + (LINE / 2 if down else 0))
            line = None
            if distance >= _NEAR:
                to_x = at_x if sideways else x
                line = (round(x, 1), round(y, 1), round(to_x, 1), round(middle, 1))
            base = middle + _ABOVE - LINE / 2
            yield Label(text, round(at_x, 1), round(base, 1), sideways < 0, line, is_number)
