"""What goes over between client and server of a remote profile comes out as it went in."""

from __future__ import annotations

import argparse
from pathlib import Path
from threading import Thread
from typing import Any

import ml_dtypes
import msgspec
import numpy as np
import pytest
import tvm_ffi
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from tvm import runtime

from vmprof.drivers.options import Profiling
from vmprof.drivers.outputs import first_difference
from vmprof.errors import VmprofError
from vmprof.record.options import Counting, Sampling, Threads
from vmprof.record.rounds.options import Rounds
from vmprof.remote.arguments import Packed, read_arrays, unpacked
from vmprof.remote.exchange import News, decoded, plain_profiling, profiling_of
from vmprof.remote.job import Job
from vmprof.remote.options import Where, address, shown
from vmprof.remote.work import path_of

TEXTS = st.text(max_size=5)
NUMBERS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
ARRAYS = arrays_of.arrays(
    st.sampled_from(["float32", ">f8", "int8", "uint64", "bool", "complex64", "<U3"]),
    arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
VALUES = st.recursive(
    NUMBERS | ARRAYS,
    lambda each: (
        st.lists(each, max_size=3)
        | st.lists(each, max_size=3).map(tuple)
        | st.dictionaries(TEXTS, each, max_size=3)
    ),
    max_leaves=5,
)


def sent(value: Any, folder: Path) -> Any:
    packed = Packed()
    plain = msgspec.json.decode(msgspec.json.encode(packed.pack(value)))
    packed.write(path := folder / "arrays.npz")
    return unpacked(plain, read_arrays(path))


def same(one: Any, other: Any) -> bool:
    """Bit for bit, and of one kind."""
    if isinstance(one, np.ndarray):
        kinds = [(each.dtype, each.shape, each.tobytes()) for each in (one, other)]
        return bool(kinds[0] == kinds[1])
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return repr(one) == repr(other)


@settings(max_examples=40, deadline=None)
@given(VALUES)
def test_values_come_out_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, value: Any
) -> None:
    assert same(sent(value, tmp_path_factory.mktemp("sent")), value)


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e5m2", "float8_e4m3fn", "int4"])
def test_numbers_that_numpy_has_no_name_for(dtype: str, tmp_path: Path) -> None:
    array = np.arange(6).reshape(2, 3).T.astype(getattr(ml_dtypes, dtype))
    assert same(sent(array, tmp_path), array)


def test_what_tvm_has(tmp_path: Path) -> None:
    tensor = runtime.tensor(np.arange(6, dtype="float16").reshape(2, 3))
    brain = runtime.tensor(np.ones(2, ml_dtypes.bfloat16))
    array, shape, other = sent([tensor, tvm_ffi.Shape((2, 3)), brain], tmp_path)
    assert first_difference(array, tensor) is None
    assert first_difference(other, brain) is None
    assert shape == tvm_ffi.Shape((2, 3))


def test_what_is_no_value(tmp_path: Path) -> None:
    with pytest.raises(VmprofError, match="an input is a object, which cannot be sent"):
        sent(object(), tmp_path)


COUNTING = st.builds(
    Counting,
    st.none() | TEXTS | st.lists(TEXTS, max_size=3).map(tuple),
    multiplex=st.booleans(),
    count=TEXTS,
)
PROFILING = st.builds(
    Profiling,
    COUNTING,
    st.builds(Rounds, st.none() | st.integers(1, 9), st.none() | st.integers(0, 9), st.booleans()),
    st.builds(
        Threads, st.booleans(), st.none() | st.integers(), st.lists(st.integers()).map(tuple)
    ),
    st.booleans(),
    st.integers(),
    st.builds(Sampling, st.booleans() | TEXTS, st.integers()),
)


@settings(max_examples=40, deadline=None)
@given(PROFILING)
def test_profiling_comes_out_as_it_went_in(profiling: Profiling) -> None:
    plain = msgspec.json.decode(msgspec.json.encode(plain_profiling(profiling)))
    assert profiling_of(plain) == profiling


@pytest.mark.parametrize(
    ("text", "expected"),
    [("board:9090", ("board", 9090)), ("[::1]:90", ("::1", 90)), ("10.0.0.1:1", ("10.0.0.1", 1))],
)
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert address(text) == expected
    assert shown(*expected) == text


@pytest.mark.parametrize("text", ["board", ":9090", "board:", "board:0", "::1", "a:65536", "a:x"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not of the form HOST:PORT"):
        address(text)


def test_here_is_nowhere_else() -> None:
    assert not Where()
    assert Where(rpc=("board", 9090))
    assert Where(tracker=("desk", 9190), key="board")


def test_a_job_that_ends_the_program() -> None:
    """As a function of a model may try to: the client hears of it and does not wait for ever."""

    def leave(_: object) -> bytes:
        raise SystemExit("no /private/model.so")

    job = Job(leave, Path("/private"))
    Thread(target=job.run).start()
    news = job.wait()
    assert news.over
    assert news.problem is not None
    assert news.problem.message == "SystemExit: no model.so"


@pytest.mark.parametrize("told", ["", "{", '{"over": 3}', b"\xff", "[" * 5000, None])
def test_what_is_not_understood_is_told(told: Any) -> None:
    with pytest.raises(VmprofError, match=r"^board tells what vmprof does not understand \(.+\); "):
        decoded(told, News, "board")


@pytest.mark.parametrize("plain", [{}, {"counting": 3}, {"rounds": {"nobody": 1}}])
def test_an_order_of_something_else_is_told(plain: dict[str, Any]) -> None:
    with pytest.raises(VmprofError, match=r"^the client tells what vmprof does not understand"):
        profiling_of(plain)


@pytest.mark.parametrize("name", ["x", "../../x", "..", "", "0/..", "1/2/x", "0/x"])
def test_files_of_a_client_stay_in_its_folder(name: str) -> None:
    path = path_of(Path("/folder"), name)
    assert ".." not in path.parts
    assert Path("/folder") in {path.parent, path.parent.parent}
