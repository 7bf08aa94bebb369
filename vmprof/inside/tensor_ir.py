"""The loops of TensorIR, as text has them: by how far lines are indented."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from vmprof.inside.code import NO_LINE, kernels_of

_LOOPS = ("for ", "while ")
# Of the instructions of a loop so many are of its lines; others were moved there.
_MOST = 0.6


class TensorIR:
    """Kernels as text, by the number of the line: the ``text`` of machine code."""

    def __init__(self, text: Mapping[int, str]) -> None:
        self.text = text
        self.kernels = kernels_of(text)
        self._around: dict[int, tuple[int, ...]] = {}  # of a line, loops, outermost first
        for kernel in self.kernels:
            self._read(kernel)

    def _read(self, kernel: range) -> None:
        open_loops: list[tuple[int, int]] = []  # how far each is indented, and its line
        for number in kernel:
            line = self.text[number]
            indent = len(line) - len(line.lstrip())
            while open_loops and open_loops[-1][0] >= indent:
                open_loops.pop()
            if self.is_loop(number):
                open_loops.append((indent, number))
            self._around[number] = tuple(at for _, at in open_loops)

    def is_loop(self, number: int) -> bool:
        return self.text[number].lstrip().startswith(_LOOPS)

    def inside(self, number: int) -> list[int] | None:
        """The lines of the loop that begins in the line ``number``; None if none does."""
        if not self.is_loop(number):
            return None
        return [line for line, around in self._around.items() if number in around]

    def loop_around(self, lines: Sequence[int]) -> int | None:
        """The line of the innermost loop that most of ``lines``, of instructions, lie in."""
        known = [line for line in lines if line in self._around]
        counts = Counter(loop for line in known for loop in self._around[line])
        around = [loop for loop, count in counts.items() if count >= _MOST * len(known)]
        return max(around, key=lambda loop: len(self._around[loop]), default=None)

    def title_of(self, lines: Iterable[int]) -> int | None:
        """The first line of the kernel that ``lines`` are of."""
        first = next((line for line in lines if line != NO_LINE and line in self.text), None)
        if first is None:
            return None
        return next(kernel.start for kernel in self.kernels if first in kernel)
