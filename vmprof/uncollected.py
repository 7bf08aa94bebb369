"""Work on large reports, and measuring, without Python's search for cycles.

A report of 100,000 calls is millions of small objects, in which there is no cycle to be
found. Looking at all of them again and again took half of the time that reports took.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collected_before() -> Iterator[None]:
    """What is garbage is collected first, and nothing inside: pauses would fall into some runs."""
    gc.collect()
    with uncollected():
        yield


@contextmanager
def uncollected() -> Iterator[None]:
    """No search for cycles inside; as a decorator, in each call of the function.

    For what ends by itself, makes no cycles worth finding, and runs no code of others.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
