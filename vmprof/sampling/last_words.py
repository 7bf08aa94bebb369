"""Where a process was when something that a model calls ended it, as another one reads it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vmprof.runs.work import RUN_SITE
from vmprof.sampling.elf import Elf, ElfError
from vmprof.sampling.memory import Mapping

# vmprof_words of native/api.h: signal, site, call, address.
WORDS = struct.Struct("=iiqQ")
NO_SITE = -5


class Calling(NamedTuple):
    """An instruction of ``function`` that calls ``callee``; "" where it is any that does."""

    callee: str
    function: str
    instruction: int | None


@dataclass(frozen=True)
class Known:
    """Of a process: where its calls come from, by site, and the code of files in its memory."""

    sites: Sequence[Calling] = ()
    code: Sequence[Mapping] = ()

    def told(self, words: bytes) -> str:
        """What ``words`` say, which it wrote when it ended (`WORDS`), to stand behind a comma."""
        _, site, call, address = WORDS.unpack(words)
        return ", ".join(filter(None, (self._call(site, call), self._function(address))))

    def _call(self, site: int, call: int) -> str:
        if site == NO_SITE:
            return "in a run that is not recorded"
        if site == RUN_SITE:
            return "between two calls"
        if not 0 <= site < len(self.sites):
            return ""
        callee, function, instruction = self.sites[site]
        told = [f"call {call} of the run"]
        if function and instruction is not None:
            told.append(f"instruction {instruction} of {function!r}")
        return f"in {callee} ({', '.join(told)})"

    def _function(self, address: int) -> str:
        """The function of ``address``, if it is in a file and has a name."""
        for mapping in self.code:
            if mapping.begin <= address < mapping.end:
                path, offset = Path(mapping.path), address - mapping.begin + mapping.offset
                try:
                    elf = Elf.read(path)
                except (OSError, ElfError):
                    return ""
                (number,) = elf.at(elf.address(np.array([offset])))
                name = elf.symbol(int(number)).name if number >= 0 else ""
                return f"at {name} of {path.name}" if name else ""
        return ""
