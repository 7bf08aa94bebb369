"""Long names in little room, told apart all the same: :func:`shortened`."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import count

from rich.cells import cell_len, set_cell_size

_CUT = "…"
_Span = tuple[int, int]  # of characters, the end not included

# Names differ in parts, which are shown whole where there is room: words, else what words
# consist of (conv2d12), else single characters. No digit is left out of a number: it would
# pass for another.
_PARTS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (r"[^\W_]+|[\W_]", r"[^\W\d_]+|\d+|[\W_]", r"\d+|.")
)
_IN_NUMBER = re.compile(r"(?<=\d)(?=\d)")


def shortened(names: Sequence[str], width: int) -> list[str]:
    """``names``, each in at most ``width`` cells of a terminal.

    What differs differs afterwards, if there are fewer than ``10**width`` names: of those
    that are too long the middle is left out, but for what tells them apart; where there is no
    room for that they are numbered. What does not print is for the caller to mend.
    """
    distinct = [*dict.fromkeys(names)]
    whole = {name for name in distinct if cell_len(name) <= width}
    texts = {name: _cut(name, width, ()) or "" for name in distinct if name not in whole}
    for parts in _PARTS:
        for group in _alike(texts, whole):
            for name, telling in _telling(group, parts).items():
                texts[name] = _cut(name, width, telling) or texts[name]
    unclear = dict.fromkeys(name for group in _alike(texts, whole) for name in group)
    taken = whole.union(text for name, text in texts.items() if name not in unclear)
    for name in unclear:
        texts[name] = _numbered(texts[name], width, taken)
        taken.add(texts[name])
    return [texts.get(name, name) for name in names]


def _alike(texts: Mapping[str, str], whole: set[str]) -> list[list[str]]:
    """The names in ``texts`` whose text is also that of another, or ``whole`` another's name."""
    groups: dict[str, list[str]] = {}
    for name, text in texts.items():
        groups.setdefault(text, []).append(name)
    return [group for text, group in groups.items() if len(group) > 1 or text in whole]


def _telling(group: Sequence[str], parts: re.Pattern[str]) -> dict[str, list[_Span]]:
    """The parts of each name at which it leaves others that begin as it does."""
    spans = {name: [part.span() for part in parts.finditer(name)] for name in group}
    telling: dict[str, list[_Span]] = {name: [] for name in group}
    waiting: list[tuple[Sequence[str], int]] = [(group, 0)]
    while waiting:
        alike, at = waiting.pop()
        following: dict[str, list[str]] = {}
        for name in alike:
            part = slice(*spans[name][at]) if at < len(spans[name]) else slice(0)
            following.setdefault(name[part], []).append(name)
        for text, members in following.items():
            if text and len(following) > 1:
                for name in members:
                    telling[name].append(spans[name][at])
            if text and len(members) > 1:
                waiting.append((members, at + 1))
    return telling


def _cut(name: str, width: int, telling: Sequence[_Span]) -> str | None:
    """``telling``, what fits of the end of ``name``, about a third of it, and its beginning.

    None if there is no room for what is telling.
    """

    def fits(head: int, tail: int) -> bool:
        return cell_len(_joined(name, telling, head, tail)) <= width

    if not fits(0, 0):
        return None
    places = [at for at in range(len(name) + 1) if not _IN_NUMBER.match(name, at)]
    tails = [len(name) - at for at in reversed(places)]
    most = next(tail for tail in [*tails, width] if tail >= width // 3)
    tail = _last(tails, lambda tail: tail <= most and fits(0, tail))
    head = _last(places, lambda head: fits(head, tail))
    return _joined(name, telling, head, tail)


def _last(numbers: Sequence[int], fits: Callable[[int], bool]) -> int:
    """The last of the growing ``numbers`` that ``fits``, as the first does."""
    return numbers[bisect_right(numbers, 0, 1, key=lambda number: not fits(number)) - 1]


def _joined(name: str, telling: Sequence[_Span], head: int, tail: int) -> str:
    """So many characters of beginning and end, ``telling`` between them, and where it was cut."""
    text, shown = "", 0
    for begin, end in [(0, head), *telling, (len(name) - tail, len(name))]:
        between = name[shown : max(begin, shown)]
        text += _CUT if len(between) > 1 or cell_len(between) > 1 else between
        text += name[max(begin, shown) : end]
        shown = max(end, shown)
    return text


def _numbered(text: str, width: int, taken: set[str]) -> str:
    """The beginning of ``text`` and a number, such that it is none of ``taken``.

    ``text`` as it is where there is no room for the number.
    """
    for number in count(1):
        digits = str(number)
        beginning = set_cell_size(text, max(width - len(digits) - 1, 0)).strip(f" {_CUT}")
        found = f"{beginning}{_CUT}{digits}" if beginning else digits
        if len(digits) > width:
            break
        if found not in taken:
            return found
    return text
