"""The versions that vmprof's tests passed with: ``make test-versions``."""

from __future__ import annotations

from collections.abc import Mapping

# The first of each is what is tested daily.
TESTED: Mapping[str, tuple[str, ...]] = {
    "apache-tvm": ("0.27.0.post1", "0.26.0"),
    "apache-tvm-ffi": ("0.1.15.post2",),
}


def untested(versions: Mapping[str, str]) -> list[str]:
    """``["apache-tvm 0.28.0"]``: those of ``versions`` that the tests never ran with."""
    return [
        f"{name} {versions[name]}"
        for name, tested in TESTED.items()
        if name in versions and versions[name] not in tested
    ]
