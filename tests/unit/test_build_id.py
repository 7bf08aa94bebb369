"""Build IDs of libraries: read where a linker wrote them, and of nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.libraries import BUILD_ID, build_library, note

from vmprof.program.build_id import build_id

PROPERTY = note(b"GNU\0", 5, bytes(range(10)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.so"


def test_it_is_found_among_the_notes_and_has_the_size_of_the_file(path: Path) -> None:
    path.write_bytes(build_library(PROPERTY + BUILD_ID))
    assert build_id(path) == f"0123456789ab, {64 + 56 + len(PROPERTY + BUILD_ID)} bytes"
    path.write_bytes(build_library(PROPERTY + BUILD_ID, b"more"))
    assert build_id(path) == f"0123456789ab, {64 + 56 + len(PROPERTY + BUILD_ID) + 4} bytes"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no library",
        build_library(PROPERTY),
        build_library(note(b"Go\0\0", 3, b"1234")),
        build_library(BUILD_ID)[:100],
        build_library(BUILD_ID).replace(b"\x7fELF\x02", b"\x7fELF\x01"),
    ],
)
def test_what_has_none(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert build_id(path) is None


@given(content=st.binary(max_size=200), at=st.integers(0, 150))
def test_whatever_the_file_holds(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, at: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.so"
    whole = build_library(PROPERTY + BUILD_ID)
    path.write_bytes(whole[:at] + content + whole[at + len(content) :])
    found = build_id(path)
    assert found is None or found.endswith(f", {path.stat().st_size} bytes")
