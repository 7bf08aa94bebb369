"""What a process says when something that a model calls ends it, as the one that waits reads it."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from vmprof.sampling.last_words import NO_SITE, WORDS, Calling, Known
from vmprof.sampling.memory import Mapping, mappings

KNOWN = Known([Calling("conv", "main", 7), Calling("relu", "", 0)])


@pytest.mark.parametrize(
    ("site", "told"),
    [
        (0, "in conv (call 3 of the run, instruction 7 of 'main')"),
        (1, "in relu (call 3 of the run)"),
        (2, ""),  # somebody else's
        (-1, "between two calls"),
        (NO_SITE, "in a run that is not recorded"),
    ],
)
def test_the_call_is_named(site: int, told: str) -> None:
    assert KNOWN.told(WORDS.pack(11, site, 3, 0)) == told


def test_the_function_of_a_library_is_named() -> None:
    """Of this process here: what the C library's names say."""
    address = ctypes.cast(ctypes.CDLL(None).PyLong_FromLong, ctypes.c_void_p).value
    assert address is not None
    known = Known(code=[each for each in mappings() if each.has_code and each.inode])
    told = known.told(WORDS.pack(11, 5, 0, address + 2))
    assert told.startswith("at PyLong_FromLong of ")


def test_of_what_lies_nowhere_nothing_is_said(tmp_path: Path) -> None:
    gone = Mapping(0x1000, 0x2000, "r-xp", 0, "08:01", 1, str(tmp_path / "gone.so"))
    (tmp_path / "text.so").write_text("no library")
    text = gone._replace(begin=0x3000, end=0x4000, path=str(tmp_path / "text.so"))
    known = Known(code=[gone, text])
    for address in (0x10, 0x1010, 0x3010, 2**63):
        assert known.told(WORDS.pack(11, 5, 0, address)) == ""
