"""docs/how-to/inside.md shows what was printed last, of the operators and widths it speaks of."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_inside", DOCS / "scripts/make_inside.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(make: ModuleType) -> None:
    """If this fails: python docs/scripts/make_inside.py."""
    page = make.PAGE.read_text(encoding="utf-8")
    assert make.renew(page) == page
    assert set(make.PARTS) <= set(re.findall(r"<!-- (\w+) -->", page))


def test_the_case_is_what_the_page_says(make: ModuleType) -> None:
    """Scalar before, vectors after, and faster for it."""
    before, after = make.found(), make.gained()
    row = re.compile(rf"^ *{make.OPERATOR} +([\d,.]+) .* ([\d,]+) +[\d,]+$", re.MULTILINE)
    times, widths = [], []
    for table in (before, after):
        found = row.search(table)
        assert found
        times.append(float(found[1].replace(",", "")))
        widths.append(int(found[2]))
    assert widths[0] == 32
    assert widths[1] > 400
    assert times[1] < times[0] / 2
