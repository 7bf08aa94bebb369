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


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--random-programs",
        type=int,
        default=2000,
        metavar="N",
        help="how many random programs both machines are compared on (default: 2000)",
    )
