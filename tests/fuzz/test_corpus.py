"""Every reader against its corpus, and against a few changes of it: a short run of the fuzzing.

The corpus holds what fuzzing found, too: files whose names begin with ``found``.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from fuzz.mutations import as_json, as_zip, random_damage
from fuzz.targets import FOLDER, TARGETS

import vmprof

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


# What reads files, or text that came from elsewhere: by which targets it is fuzzed, or why not.
OURS = "of this process, or of one that it has started"
READERS = {
    "cli/diff.py": "the first bytes alone, to tell a recording from a report",
    "compare/readers/csv.py": "report-csv",
    "compare/readers/logs.py": "report-text",
    "compare/readers/read.py": "report-json report-csv report-text report-page report-parquet",
    "compare/study/folder.py": "study",
    "inputs/files.py": "arrays weights",  # .safetensors are read by a package of that name
    "inside/keep.py": "report-json",
    "inside/library.py": "library",
    "json_text.py": "report-json",
    "program/architecture.py": "library",
    "program/build_id.py": "library",
    "program/info.py": "info",
    "program/tensor_ir.py": "text that is shown as it is",
    "record/perf_map.py": OURS,
    "record/probe.py": OURS,
    "record/provenance.py": "nothing but a digest of it",
    "record/symbols.py": OURS,
    "recording/recognized.py": "the first bytes alone, to tell a recording from a report",
    "recording/saved.py": "recording",
    "remote/arguments.py": "answers",
    "remote/asked.py": "nothing but a digest of it",
    "remote/client.py": "answers",
    "remote/deploy.py": "what a script of ours prints on a host that is the user's",
    "remote/exchange.py": "answers order",
    "remote/ssh.py": "what is sent as it is",
    "remote/work.py": OURS,
    "report/render/embedded.py": "report-page",
    "report/render/html/frame.py": "a part of the package",
    "report/render/json.py": "report-json",
    "sampling/code.py": OURS,
    "sampling/elf.py": "library",
    "sampling/memory.py": OURS,
    "sampling/text.py": "report-json recording",
    "subject/library.py": "the size of it alone; TVM loads it, which runs its code",
    "toml_file.py": "counter-set rule",
    "visible.py": "text that is shown",
    "zoo/compiler/cache.py": OURS,
    "zoo/peaks/cache.py": "peaks",
    "zoo/peaks/measure.py": OURS,
}
READS = re.compile(
    r"\.read_bytes\(\)|\.read_text\(|\.open\(\"rb\"|(json|msgpack)\.decode\(|json\.loads\(|"
    r"json_text\.(loads|scan)|np\.load\(|tomllib\.loads|\.deserialize\(|ZipFile\(|ELFFile\("
)


def test_each_reader_has_a_target() -> None:
    package = Path(vmprof.__file__).parent
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if READS.search(path.read_text(encoding="utf-8"))
    }
    assert found == {*READERS}, "a new reader needs a target, or a reason (READERS)"
    targets = [told.split() for told in READERS.values() if {*told.split()} <= {*TARGETS}]
    fuzzed = {name for names in targets for name in names}
    # The others are fed otherwise: with text, or with files of Linux.
    assert {*TARGETS} - fuzzed == {"bytecode", "events", "machine", "expression"}


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
