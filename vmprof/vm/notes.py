"""Says in an error which instruction it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import tvm_ffi

from vmprof.errors import add_note
from vmprof.program import Program

# An endless recursion shall not end with as many notes.
_MOST_NOTES = 40


class Notes:
    """Adds notes to errors that pass through the functions of ``program``."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._kept: tuple[str, list[str]] | None = None

    def add(self, error: Exception, function: str, number: int, operands: Sequence[Any]) -> None:
        """``error`` passed through one instruction, which had been given ``operands``."""
        notes = getattr(error, "__notes__", None)
        if notes is None and self._kept is not None:
            text, kept = self._kept
            if text == str(error):
                error.__notes__ = notes = kept
            self._kept = None
        if notes is not None and len(notes) >= _MOST_NOTES:
            return
        instruction = self._program.bytecode.instructions[number]
        shapes = ", ".join(
            f"{operand.dtype}[{', '.join(map(str, operand.shape))}]"
            for operand in operands
            if isinstance(operand, tvm_ffi.Tensor)
        )
        text = " ".join(str(instruction).split())
        add_note(error, f"in {function!r}, instruction {number}: {text}")
        add_note(error, f"argument shapes: {shapes or 'no tensors'}")

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep an error's notes for the error that native code passes on in its place."""
        try:
            yield
        except Exception as error:
            self._kept = str(error), getattr(error, "__notes__", [])
            raise
