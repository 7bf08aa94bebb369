"""Every reader against its corpus, and against a few changes of it: a short run of the fuzzing.

The corpus holds what fuzzing found, too: files whose names begin with ``found``.
"""

from __future__ import annotations

import random
import subprocess
import sys
import zlib

import pytest
from fuzz.mutations import as_json, as_zip, random_damage
from fuzz.targets import FOLDER, TARGETS

# Of each target, in a test run: so many changed inputs, none of them long.
_CHANGED, _LONGEST = 60, 20_000


@pytest.mark.parametrize("name", TARGETS)
def test_its_corpus_and_changes_of_it(name: str) -> None:
    target = TARGETS[name]
    seeds = [path.read_bytes() for path in target.corpus]
    for data in seeds:
        target.survives(data)
    draw = random.Random(zlib.crc32(name.encode()))
    for number in range(_CHANGED):
        data = target.mutate(draw.choice(seeds), draw, random_damage(draw))[:_LONGEST]
        try:
            target.survives(data)
        except Exception as error:
            raise AssertionError(f"change {number}: {data!r}") from error


def test_each_folder_has_a_target() -> None:
    assert {path.name for path in (FOLDER / "corpus").iterdir()} == {*TARGETS}


def test_damage_keeps_forms() -> None:
    """Else all that is tried would be refused at the first byte."""
    draw = random.Random(1)
    damage = random_damage(draw)
    (path,) = (p for p in TARGETS["recording"].corpus if p.name == "counted")
    zips = [as_zip(path.read_bytes(), draw, damage) for _ in range(50)]
    assert sum(data.startswith(b"PK") for data in zips) > 40
    assert len({*zips}) > 40
    text = b'{"a": [1, 2, {"b": "c"}]}'
    assert len({as_json(text, draw, damage) for _ in range(50)}) > 20


_BOUNDED = """
import resource, sys
sys.path.insert(0, {tests!r})
from fuzz.targets import TARGETS
from fuzz.hungry import INPUTS
for name, data in INPUTS.items():
    TARGETS[name.partition(" ")[0]].survives(data)  # imports and what is made once
pages = int(open("/proc/self/statm").read().split()[0])
most = pages * resource.getpagesize() + (256 << 20)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
for name, data in INPUTS.items():
    TARGETS[name.partition(" ")[0]].survives(data)
print(len(INPUTS))
"""


def test_claims_of_much_take_no_memory() -> None:
    """A number that says that 2^60 items follow is no reason to make room for them."""
    script = _BOUNDED.format(tests=str(FOLDER.parent))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert int(done.stdout) >= 10
