"""docs/explanation/trust.md: what is kept of trials, and the tables that are made of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import make_trust
import pytest
import trust

from vmprof.native import ffi
from vmprof.recording.tables import CALL


def entry(what: str, number: float = 1, **others: str) -> trust.Entry:
    given = {"part": "Load", "outcome": "none failed", "command": "make soak", "date": "2026-01-02"}
    return trust.Entry(what=what, number=number, **given | others)


def test_the_page_is_up_to_date() -> None:
    """If this fails: python docs/scripts/make_trust.py."""
    page = make_trust.PAGE.read_text(encoding="utf-8")
    assert make_trust.renew(page) == page


def test_each_part_is_on_the_page_once() -> None:
    page = make_trust.PAGE.read_text(encoding="utf-8")
    assert [page.count(f"<!-- {name} -->") for name in trust.PARTS.values()] == [1] * len(
        trust.PARTS
    )


def test_a_later_entry_takes_the_place_of_the_same(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    trust.keep(entry("calls", 5), entry("threads", 64), path=path)
    trust.keep(entry("calls", 7), path=path)
    assert trust.read(path) == [entry("calls", 7), entry("threads", 64)]


def test_several_may_keep_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: trust.keep(entry(str(i), i), path=path), range(40)))
    assert sorted(each.number for each in trust.read(path)) == [*range(40)]


def test_a_number_is_shown_with_its_unit() -> None:
    assert entry("calls", 10_000_000).cells()[:2] == ["calls", "10,000,000"]
    assert entry("grown", 1.2345678, unit="MiB").cells()[1] == "1.235 MiB"


def test_a_part_that_the_page_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="no part"):
        entry("calls", part="Luck")


def test_what_the_page_says_of_sizes_is_so() -> None:
    page = " ".join(make_trust.PAGE.read_text(encoding="utf-8").split())
    assert f"A record takes {ffi.sizeof('vmprof_record')} bytes: 16 of its times" in page
    assert f"twice {ffi.sizeof('vmprof_sample')} bytes and 8 per counter" in page
    assert f"take another {ffi.sizeof('vmprof_storage_event')}" in page
    assert f"In a recording, a call takes {CALL.itemsize} bytes" in page
