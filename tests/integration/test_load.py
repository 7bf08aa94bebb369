"""Load, for a few seconds: `make soak` with less of everything."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def soak() -> Iterator[Any]:
    sys.path.append(str(BENCHMARKS))
    yield importlib.import_module("soak")
    sys.path.remove(str(BENCHMARKS))
    gc.unfreeze()


def test_a_session_loses_no_call_and_keeps_its_memory(soak: Any) -> None:
    assert soak.soak_calls(300_000).number >= 300_000


def test_threads_do_not_mix_their_models(soak: Any) -> None:
    assert [each.number for each in soak.soak_threads(16)] == [16, 16]


def test_profiles_leave_nothing_behind(soak: Any) -> None:
    assert soak.soak_profiles(40).number == 40


def test_a_timed_call_takes_little_memory(soak: Any) -> None:
    """40 bytes, as native/api.h has it, 24 for a storage, and some for signatures."""
    _, size = soak.per_call(200_000)
    assert 40 <= size < 72


def test_what_grows_is_found(soak: Any) -> None:
    kept = []
    # Far more than the process may have to give back of earlier tests.
    with pytest.raises(AssertionError, match="memory grew by"):
        soak.flat(lambda _: kept.append(b"1" * 16 * soak.MIB), 20)
    opened = []
    with pytest.raises(AssertionError, match="18 more descriptors"):
        soak.flat(lambda _: opened.append(os.open(os.devnull, os.O_RDONLY)), 20)
    for each in opened:
        os.close(each)
