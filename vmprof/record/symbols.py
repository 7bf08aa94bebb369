"""Where the symbols of a program's library lie in this process."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from vmprof.counters.names.breakpoints import Place
from vmprof.counters.names.suggest import did_you_mean
from vmprof.errors import VmprofError
from vmprof.program.program import Program

# What every library has that TVM exported with an executable inside.
_MARK = "__tvm_ffi__library_bin"
_WRAPPER = "__tvm_ffi_"


class _Loaded(NamedTuple):
    """A file that is mapped into this process, and where its first byte lies."""

    path: Path
    begin: int


def find_symbol(program: Program, name: str) -> Place:
    """Where ``name`` lies in the library of ``program``.

    Local symbols too, unless the library was stripped of them. Raises
    :class:`VmprofError` where there is no such symbol, or no library.
    """
    libraries = _libraries(program)
    found = {library.path: _symbols(library) for library in libraries}
    places = {path: places[name] for path, places in found.items() if name in places}
    if len(places) > 1:
        raise VmprofError(
            f"{name} is in {' and in '.join(map(str, places))}; write its address, or hand in the "
            "path of the library that is meant"
        )
    if places:
        return next(iter(places.values()))
    known = {symbol: place for symbols in found.values() for symbol, place in symbols.items()}
    wrappers = sorted(s for s, place in known.items() if s.startswith(_WRAPPER) and place.is_code)
    own = f"; its kernels are {', '.join(wrappers[:8])}"
    raise VmprofError(
        f"there is no symbol {name!r} in {' or '.join(map(str, found))}"
        + did_you_mean(name, known, otherwise=own)
    )


def _libraries(program: Program) -> list[_Loaded]:
    """What may be the library of ``program``, which does not tell."""
    if not any(imported.kind == "library" for imported in program.module.imports):
        raise VmprofError(
            f"{program.name} is compiled in memory, where functions have no symbols; "
            "save it with export_library() and run that, or write an address"
        )
    libraries = [loaded for loaded in _mapped() if _defines(loaded.path, _MARK)]
    if program.library is not None:
        libraries = [each for each in libraries if each.path == program.library.resolve()]
    if not libraries:
        raise VmprofError(
            f"the library of {program.name} is gone, or was replaced, since it was loaded; "
            "load it again"
        )
    return libraries


def _mapped() -> Iterator[_Loaded]:
    """The files that are in the memory of this process, from their beginning on."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, _, offset, _, _, *name = line.split(maxsplit=5)
        # Of one that was removed or replaced the name goes on: "(deleted)".
        if name and int(offset, 16) == 0 and name[0].startswith("/") and Path(name[0]).is_file():
            yield _Loaded(Path(name[0]), int(addresses.partition("-")[0], 16))


def _defines(library: Path, name: str) -> bool:
    """Whether ``library``, which is in the process, exports ``name``."""
    try:
        loaded = ctypes.CDLL(str(library), mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
    except OSError:  # no library
        return False
    return hasattr(loaded, name)


def _symbols(library: _Loaded) -> dict[str, Place]:
    """All symbols that ``library`` defines, local ones as far as it kept them."""
    # Few runs need them, and all would wait for them.
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    places: dict[str, Place] = {}
    try:
        with library.path.open("rb") as file:
            elf = ELFFile(file)
            first = next(s for s in elf.iter_segments("PT_LOAD") if s["p_offset"] == 0)
            base = library.begin - first["p_vaddr"]
            for section in elf.iter_sections():
                if not isinstance(section, SymbolTableSection):
                    continue
                for symbol in section.iter_symbols():
                    kind = symbol["st_info"]["type"]
                    if symbol["st_shndx"] != "SHN_UNDEF" and kind in ("STT_FUNC", "STT_OBJECT"):
                        place = Place(base + symbol["st_value"], kind == "STT_FUNC")
                        places[symbol.name] = place
    except (OSError, ELFError, StopIteration) as error:
        raise VmprofError(f"the symbols of {library.path} cannot be read: {error}") from error
    return places
