from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.kernel import FakeKernel


@pytest.fixture
def kernel() -> Iterator[FakeKernel]:
    """A kernel to play, in place of this machine's; perf events only."""
    with FakeKernel().installed() as fake:
        yield fake
    assert fake.open == {}, "descriptors leaked"
