"""The functions of an ELF file, local ones too, as arrays: libraries have hundreds of thousands."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vmprof.errors import VmprofError
from vmprof.runs.work import Ints
from vmprof.sampling.references import references

# Elf64_Sym of elf(5).
_SYMBOL = np.dtype(
    [
        ("name", "<u4"),
        ("info", "u1"),
        ("other", "u1"),
        ("section", "<u2"),
        ("value", "<u8"),
        ("size", "<u8"),
    ]
)
_FUNCTION, _INDIRECT_FUNCTION = 2, 10  # STT_FUNC, STT_GNU_IFUNC
_UNDEFINED = 0
# Version, and how numbers are written: as all linkers do (LSB, Exception Frames).
_USUAL_HEADER = bytes((1, 0x1B, 0x03, 0x3B))
_EXECUTABLE = 0x4  # SHF_EXECINSTR
_MOST_SHOWN = 200  # of what somebody else says of it
# What the names of TVM's kernels begin with.
_WRAPPER = b"__tvm_ffi_"
PARALLEL_BODY = "(parallel body)"


class ElfError(VmprofError):
    """It is no ELF file, or none that can be read."""


class _Segment(NamedTuple):
    """Bytes from ``offset`` on, ``size`` of them, whose addresses begin at ``address``."""

    offset: int
    size: int
    address: int


class Symbol(NamedTuple):
    """A function: ``size`` bytes from the address ``begin`` on; ``name`` may be empty."""

    name: str
    begin: int
    size: int


@dataclass(frozen=True, eq=False)
class _Functions:
    """Of each function, by their beginnings: where it lies, and where in ``texts`` its name is.

    Of several names for one beginning the longest function is left. Those of which only unwinding
    tells have none: -1.
    """

    begin: Ints
    size: Ints
    names: Ints
    texts: bytes
    launchers: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, elf: Any) -> _Functions:
        symbols, texts = _symbols(elf)
        begin, size, names = (symbols[name].astype(np.int64) for name in ("value", "size", "name"))
        unwound, lengths = _unwound(elf)
        begin = np.concatenate([begin, unwound])
        size = np.concatenate([size, lengths])
        names = np.concatenate([names, np.full(len(unwound), -1)])
        order = np.lexsort((names < 0, -size, begin))
        order = order[np.diff(begin[order], prepend=-1) != 0]
        begin, size, names = begin[order], size[order], names[order]
        # Not what lies inside a function that has a name, such as its cold part's own entry.
        end = np.maximum.accumulate(np.where(names >= 0, begin + size, 0))
        before = np.concatenate([[0], end[:-1]]) if len(end) else end
        kept = (names >= 0) | (begin >= before)
        found = cls(begin[kept], size[kept], names[kept], texts)
        return replace(found, launchers=_launchers(elf, found))

    def at(self, addresses: Ints) -> Ints:
        """The number of the function at each of ``addresses``; -1 where there is none."""
        if not len(self.begin):
            return np.full(len(addresses), -1)
        place = np.searchsorted(self.begin, addresses, side="right") - 1
        inside = (place >= 0) & (addresses < self.begin[place] + self.size[place])
        found: Ints = np.where(inside, place, -1)
        return found

    def name(self, number: int) -> str:
        """Empty if nobody knows."""
        first = int(self.names[number])
        if first >= 0:
            return self.texts[first : self.texts.find(b"\0", first)].decode(errors="replace")
        launcher = self.launchers.get(number)
        return "" if launcher is None else f"{self.name(launcher)} {PARALLEL_BODY}"


def _launchers(elf: Any, functions: _Functions) -> dict[int, int]:
    """By the number of a nameless function of a TVM library, the one that has it launched.

    TVM's code generator gives no symbol to the body of a parallel loop. The kernel that the loop
    is in hands its address to the launch function, and no other refers to it.
    """
    if _WRAPPER not in functions.texts:
        return {}
    nameless = np.flatnonzero(functions.names < 0)
    found: dict[int, set[int]] = {}
    for section in elf.iter_sections():
        if section["sh_type"] != "SHT_PROGBITS" or not section["sh_flags"] & _EXECUTABLE:
            continue
        places, targets = references(
            elf["e_machine"], section.data(), section["sh_addr"], functions.begin[nameless]
        )
        for launcher, body in zip(functions.at(places), functions.at(targets), strict=True):
            if launcher not in (-1, body) and functions.names[launcher] >= 0:
                found.setdefault(int(body), set()).add(int(launcher))
    return {body: next(iter(launchers)) for body, launchers in found.items() if len(launchers) == 1}


def _symbols(elf: Any) -> tuple[npt.NDArray[Any], bytes]:
    """The functions among the symbols that have a size (dtype `_SYMBOL`), and their names."""
    # The first has all of the second, and local ones too.
    for name in (".symtab", ".dynsym"):
        section = elf.get_section_by_name(name)
        if section is not None and section["sh_type"] in ("SHT_SYMTAB", "SHT_DYNSYM"):
            symbols = np.frombuffer(section.data(), _SYMBOL)
            is_function = np.isin(symbols["info"] & 0xF, (_FUNCTION, _INDIRECT_FUNCTION))
            is_there = (symbols["section"] != _UNDEFINED) & (symbols["size"] > 0)
            texts: bytes = elf.get_section(section["sh_link"]).data()
            return symbols[is_function & is_there], texts
    return np.zeros(0, _SYMBOL), b""


def _unwound(elf: Any) -> tuple[Ints, Ints]:
    """Begin and size of all functions that can be unwound, from the table made for searching."""
    header, frames = elf.get_section_by_name(".eh_frame_hdr"), elf.get_section_by_name(".eh_frame")
    nothing = np.zeros(0, dtype=np.int64)
    if header is None or frames is None or header["sh_type"] == "SHT_NOBITS":
        return nothing, nothing
    content = header.data()
    if content[:4] != _USUAL_HEADER:
        return nothing, nothing
    (count,) = np.frombuffer(content, "<u4", count=1, offset=8).tolist()
    # Relative to the header: where a function begins, and where what is known of it stands.
    table = np.frombuffer(content, "<i4", count=2 * count, offset=12).reshape(-1, 2)
    begin, place = (table.astype(np.int64) + header["sh_addr"]).T
    # There: length, number, the beginning once more, and the size, four bytes each.
    of_size = (place - frames["sh_addr"])[:, None] + np.arange(12, 16)
    size = np.frombuffer(frames.data(), np.uint8)[of_size].copy().view("<u4")[:, 0]
    return begin, size.astype(np.int64)


@dataclass(frozen=True, eq=False)
class Elf:
    """An ELF file: where its bytes have their addresses, and its functions."""

    build_id: str
    segments: tuple[_Segment, ...]
    functions: _Functions

    @classmethod
    def read(cls, path: Path) -> Elf:
        """Raises :class:`ElfError`, :class:`OSError`."""
        with path.open("rb") as file:
            return cls._of(file)

    @classmethod
    def of(cls, content: bytes) -> Elf:
        """Raises :class:`ElfError`."""
        return cls._of(io.BytesIO(content))

    @classmethod
    def _of(cls, file: Any) -> Elf:
        # Few runs need it, and all would wait for it.
        from elftools.elf.elffile import ELFFile

        try:
            elf = ELFFile(file)
            segments = tuple(
                _Segment(each["p_offset"], each["p_filesz"], each["p_vaddr"])
                for each in elf.iter_segments("PT_LOAD")
            )
            return cls(_build_id(elf), segments, _Functions.of(elf))
        except OSError:
            raise
        # What pyelftools raises of damage is written nowhere: assertions, errors of zlib, anything.
        except Exception as error:
            reason = str(error)[:_MOST_SHOWN] or type(error).__name__
            raise ElfError(f"no ELF file that can be read: {reason}") from error

    def address(self, offsets: Ints) -> Ints:
        """The addresses of bytes of the file; an offset that no segment has is its own."""
        found = offsets.copy()
        for segment in self.segments:
            inside = (segment.offset <= offsets) & (offsets < segment.offset + segment.size)
            found[inside] = offsets[inside] - segment.offset + segment.address
        return found

    def at(self, addresses: Ints) -> Ints:
        """The number of the function at each of ``addresses``; -1 where there is none."""
        return self.functions.at(addresses)

    def content(self, number: int) -> bytes:  # noqa: ARG002 # it is in the file
        """Nothing: it is in the file."""
        return b""

    def symbol(self, number: int) -> Symbol:
        """The function of that number."""
        of = self.functions
        return Symbol(of.name(number), int(of.begin[number]), int(of.size[number]))


def _build_id(elf: Any) -> str:
    section = elf.get_section_by_name(".note.gnu.build-id")
    notes = section.iter_notes() if section is not None else ()
    return next((str(n["n_desc"]) for n in notes if n["n_type"] == "NT_GNU_BUILD_ID"), "")
