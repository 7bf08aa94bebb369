from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tvm_ffi


@pytest.fixture(params=["tvm", "vmprof"])
def engine(request: pytest.FixtureRequest) -> str:
    """Whose dispatch a session records."""
    return str(request.param)


@pytest.fixture
def registered() -> Iterator[Callable[[str, Callable[..., Any]], None]]:
    """Functions of TVM's registry, for as long as a test."""
    names: list[str] = []

    def register(name: str, function: Callable[..., Any]) -> None:
        names.append(name)
        tvm_ffi.register_global_func(name, function, override=True)

    yield register
    for name in names:
        tvm_ffi.registry.remove_global_func(name)
