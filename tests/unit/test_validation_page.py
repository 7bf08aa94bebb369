"""docs/explanation/validation.md: its tables are those that its script makes."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "make_validation", DOCS / "scripts/make_validation.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(script: ModuleType) -> None:
    """If this fails: python docs/scripts/make_validation.py; read what is said of the tables."""
    page = script.PAGE.read_text(encoding="utf-8")
    assert script.renew(page) == page


def test_each_table_is_on_the_page_once(script: ModuleType) -> None:
    page = script.PAGE.read_text(encoding="utf-8")
    assert sorted(re.findall(r"<!-- (\w+) -->\n\|", page)) == sorted(script.TABLES)


def test_what_somebody_changes_by_hand_is_put_right(script: ModuleType) -> None:
    page = script.PAGE.read_text(encoding="utf-8")
    assert script.renew(page.replace("144.40", "14.44")) == page
