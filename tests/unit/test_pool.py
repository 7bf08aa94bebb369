"""Size and place of TVM's thread pool."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import tvm

from vmprof import VmprofError
from vmprof.record.options import parse_cpus
from vmprof.record.pool import configured_pool
from vmprof.values import Count

CPUS = sorted(os.sched_getaffinity(0))


def on_new_thread(number: int | None, pin: Sequence[int] = ()) -> dict[str, Any]:
    """Whose pool is not made yet. What the pool is like, and the affinities of its thread."""

    def look() -> dict[str, Any]:
        before = os.sched_getaffinity(0)
        with configured_pool(number, pin) as described:
            found = {
                "described": described,
                "threads": tvm.runtime.num_threads(),
                "affinity": os.sched_getaffinity(0),
                "variable": os.environ.get("TVM_NUM_THREADS"),
            }
        # Without being asked to, TVM pins the thread that makes its pool.
        assert not described or os.sched_getaffinity(0) == before
        return found

    with ThreadPoolExecutor(1) as executor:
        return executor.submit(look).result()


def test_left_alone_it_is_tvms() -> None:
    assert on_new_thread(None)["described"] == {}


@pytest.mark.parametrize("number", [1, 2])
def test_a_number_of_threads(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TVM_NUM_THREADS", "7")
    found = on_new_thread(number)
    assert found["threads"] == number
    assert found["variable"] == str(number)
    assert found["described"]["Threads asked for"] == Count(number)
    assert os.environ["TVM_NUM_THREADS"] == "7"


def test_pinned_to_cpus() -> None:
    found = on_new_thread(None, CPUS[-1:])
    assert found["threads"] == 1
    assert found["affinity"] == {CPUS[-1]}
    expected = f"calling thread to CPU {CPUS[-1]}, workers to none"
    assert found["described"]["Pinned"] == expected


def test_more_threads_than_cpus_warns() -> None:
    number = (os.cpu_count() or 1) + 1
    described = on_new_thread(number)["described"]
    assert "take turns" in described["Threads"]


def test_a_pool_that_was_made_cannot_grow() -> None:
    def grow() -> None:
        with configured_pool(2):
            pass
        with configured_pool(3):
            pass

    with (
        ThreadPoolExecutor(1) as executor,
        pytest.raises(VmprofError, match="cannot grow; set TVM_NUM_THREADS=3 before"),
    ):
        executor.submit(grow).result()
    assert "TVM_NUM_THREADS" not in os.environ


@pytest.mark.parametrize(
    ("number", "pin", "message"),
    [
        (0, (), "num_threads is 0"),
        (2, (0,), "2 threads cannot be pinned to 1 CPUs"),
        (1, (99_999,), "may not run on CPU 99999"),
    ],
)
def test_what_cannot_be(number: int, pin: Sequence[int], message: str) -> None:
    before = os.sched_getaffinity(0)
    with pytest.raises(VmprofError, match=message):
        on_new_thread(number, pin)
    assert os.sched_getaffinity(0) == before


def test_cpus_are_written_as_linux_does() -> None:
    assert parse_cpus("0-3,8") == (0, 1, 2, 3, 8)
    assert parse_cpus("5") == (5,)


@pytest.mark.parametrize("text", ["", "x", "1-", "3-1", "0,0", "-1", "1;2"])
def test_what_is_no_list_of_cpus(text: str) -> None:
    with pytest.raises(VmprofError, match="cannot pin to"):
        parse_cpus(text)
