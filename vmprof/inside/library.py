"""Machine code, names and lines of functions, read from a library."""

from __future__ import annotations

import platform
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vmprof.errors import VmprofError
from vmprof.inside.code import NO_LINE, Function, Machine, MachineCode
from vmprof.program.tensor_ir import FIRST_LINE

_MACHINES: Mapping[str, Machine] = {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64"}
# A function that is longer is no kernel, and a damaged file may claim anything.
_MOST_BYTES = 1 << 20
_MOST_SHOWN = 200  # of what somebody else says of it
# Line tables of debug builds of large programs take minutes.
_MOST_LINE_BYTES = 16 << 20
# What TVM's code generator calls the source of its code.
_TENSOR_IR = b"IRModule.CodeGenLLVM"
_SVE_BYTES = Path("/proc/sys/abi/sve_default_vector_length")


class Place(NamedTuple):
    """A function as its symbol has it: ``size`` bytes from the address ``begin`` on."""

    name: str
    begin: int
    size: int


def read_code(path: str, places: Iterable[Place], text: str = "") -> MachineCode:
    """The functions of the library at ``path`` at ``places``.

    ``text`` is the TensorIR of all its code (:mod:`vmprof.program.tensor_ir`), if it is known; of
    it the kernels are kept that these functions were made of. :class:`VmprofError` where the
    file cannot be read.
    """
    # Few commands need it, and all would wait for it.
    from elftools.elf.elffile import ELFFile

    try:
        with Path(path).open("rb") as file:
            elf = ELFFile(file)
            machine = _MACHINES.get(elf["e_machine"])
            if machine is None:
                raise VmprofError(f"it is for {elf['e_machine']}, whose code is not read")  # noqa: TRY301
            functions = tuple(_functions(elf, places, with_lines=bool(text)))
            build_id = _build_id(elf)
    except OSError as error:
        raise VmprofError(f"it cannot be read: {error.strerror}") from error
    except VmprofError:
        raise
    # What pyelftools raises of damage is written nowhere: assertions, errors of zlib, anything.
    except Exception as error:
        reason = str(error)[:_MOST_SHOWN] or type(error).__name__
        raise VmprofError(f"its code cannot be read: {reason}") from error
    lines = {line for function in functions for _, line in function.lines}
    return MachineCode(
        path, build_id, machine, functions, _kernels(text, lines), vector_bits(machine)
    )


def _functions(elf: Any, places: Iterable[Place], *, with_lines: bool) -> Iterator[Function]:
    # Code of TVMScript has lines of a Python file, and does not say of which.
    table = _LineTable(elf) if with_lines else None
    for name, begin, size in sorted(set(places), key=lambda place: place.begin):
        content = _content(elf, begin, min(size, _MOST_BYTES))
        if content:
            lines = table.of(begin, begin + len(content)) if table is not None else ()
            yield Function(name, begin, content, lines)


def _content(elf: Any, begin: int, size: int) -> bytes:
    for segment in elf.iter_segments("PT_LOAD"):
        first = segment["p_vaddr"]
        if first <= begin < first + segment["p_filesz"]:
            elf.stream.seek(segment["p_offset"] + begin - first)
            content: bytes = elf.stream.read(min(size, first + segment["p_filesz"] - begin))
            return content
    return b""


class _LineTable:
    """Which lines of TensorIR the code of a library was made of."""

    def __init__(self, elf: Any) -> None:
        self._addresses: list[int] = []
        self._lines: list[int] = []
        section = elf.get_section_by_name(".debug_line")
        if section is None or section["sh_size"] > _MOST_LINE_BYTES:
            return
        dwarf = elf.get_dwarf_info()
        rows: list[tuple[int, int]] = []
        for unit in dwarf.iter_CUs():
            name = unit.get_top_DIE().attributes.get("DW_AT_name")
            if name is None or name.value != _TENSOR_IR:
                continue
            program = dwarf.line_program_for_CU(unit)
            for entry in program.get_entries() if program is not None else ():
                state = entry.state
                if state is not None:
                    rows.append((state.address, NO_LINE if state.end_sequence else state.line))
        # Of several rows at one address the last holds.
        for address, line in dict(sorted(rows, key=lambda row: row[0])).items():
            self._addresses.append(address)
            self._lines.append(line)

    def of(self, begin: int, end: int) -> tuple[tuple[int, int], ...]:
        """Address and line, where it changes between ``begin`` and ``end``."""
        found: list[tuple[int, int]] = []
        place = max(0, bisect_right(self._addresses, begin) - 1)
        for address, line in zip(self._addresses[place:], self._lines[place:], strict=True):
            if address >= end:
                break
            if not found or found[-1][1] != line:
                found.append((max(begin, address), line))
        return tuple(found) if any(line != NO_LINE for _, line in found) else ()


def _kernels(text: str, lines: set[int]) -> dict[int, str]:
    """The lines of ``text``, by number, of the kernels that any of ``lines`` is in."""
    kept: dict[int, str] = {}
    kernel: dict[int, str] = {}
    for number, line in enumerate([*text.splitlines(), ""], FIRST_LINE):
        if line:
            kernel[number] = line
            continue
        if not lines.isdisjoint(kernel):
            kept.update(kernel)
        kernel = {}
    return kept


def _build_id(elf: Any) -> str:
    section = elf.get_section_by_name(".note.gnu.build-id")
    notes = section.iter_notes() if section is not None else ()
    return next((str(n["n_desc"]) for n in notes if n["n_type"] == "NT_GNU_BUILD_ID"), "")


def vector_bits(machine: Machine) -> int:
    """How wide the scalable vectors of this host are, if it is such a ``machine``; else 0."""
    if machine != platform.machine():
        return 0
    try:
        return 8 * int(_SVE_BYTES.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0
