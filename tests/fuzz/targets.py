"""What is fuzzed: a reader, and what is done with whatever it accepts.

A target takes bytes. It may raise what its documentation says, which is :class:`VmprofError`, and
nothing else; it may neither hang nor take memory that its input does not account for.
"""

from __future__ import annotations

import contextlib
import functools
import re
import tempfile
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from fuzz.mutations import Mutate, as_bytes, as_json, as_page, as_zip
from support.machines import NAMES, machine

from vmprof.compare.audit import audit_report
from vmprof.compare.audit.text import parts_of
from vmprof.compare.diff import diff_reports
from vmprof.compare.readers.read import read_reports
from vmprof.compare.study.folder import Asked, StudyFolder
from vmprof.counters import Machine, parse_events
from vmprof.counters.hardware.host import describe_host
from vmprof.counters.sets.load import load_set
from vmprof.errors import VmprofError
from vmprof.expression import Condition, Formula
from vmprof.inputs.files import load_arrays, load_weights
from vmprof.inside.library import Place, read_code
from vmprof.program import parameters_of, read_bytecode
from vmprof.program.architecture import library_architecture
from vmprof.program.build_id import identity
from vmprof.program.bytecode import FunctionKind
from vmprof.program.info import info_path, read_info
from vmprof.program.layers import layers_by_instruction
from vmprof.program.limits import limits_of
from vmprof.program.writer import write_bytecode
from vmprof.recording import page, trace
from vmprof.recording import text as recording_text
from vmprof.recording.reports import reports
from vmprof.recording.saved import loads
from vmprof.report import Report
from vmprof.report.advice import advise, load_rules
from vmprof.report.advice.rule import Rule
from vmprof.sampling.elf import Elf

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Target:
    """``read`` is given what is in the files of ``corpus`` and what is made of them.

    ``what`` these are, for docs/explanation/trust.md; ``mutate`` knows their form.
    """

    name: str
    what: str
    read: Callable[[bytes], None]
    mutate: Mutate = as_bytes

    @property
    def corpus(self) -> list[Path]:
        """Its seeds, and what was found by fuzzing it and is mended."""
        return sorted((FOLDER / "corpus" / self.name).iterdir())

    def survives(self, data: bytes) -> None:
        """Whatever `read` raises beside what it may."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self.read(data)
            except VmprofError as error:
                # It is printed as one line, which nobody reads if it is long.
                assert str(error).strip(), "an error without a word"  # noqa: PT017


@functools.cache
def _folder() -> Path:
    """A private one in memory, for readers that want a path; it goes with the process."""
    memory = Path("/dev/shm")
    holder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
    _kept.append(holder)
    return Path(holder.name)


_kept: list[tempfile.TemporaryDirectory[str]] = []


def _file(name: str, data: bytes) -> Path:
    path = _folder() / name
    path.write_bytes(data)
    return path


def _text(data: bytes) -> str:
    return data.decode(errors="surrogateescape")


def _bytecode(data: bytes) -> None:
    bytecode = read_bytecode(data)
    assert read_bytecode(write_bytecode(bytecode)) == bytecode
    str(bytecode)
    for function in bytecode.functions[:8]:
        if function.kind is not FunctionKind.PACKED:
            parameters = parameters_of(bytecode, function)
            limits_of(bytecode, function, parameters, {})
    layers_by_instruction(bytecode, {})


def _events(data: bytes) -> None:
    text = _text(data)
    failed: VmprofError | None = None
    for name in NAMES:
        try:
            parse_events(text, machine(name))
        except VmprofError as error:
            failed = error
    if failed is not None:
        raise failed


# Of a file in a tree: its path, and then what is in it, up to the next.
_FILE = re.compile(rb"^=== (\S*)\n", re.MULTILINE)


def _machine(data: bytes) -> None:
    """A tree of files as /proc and /sys have them, and what is counted there."""
    with tempfile.TemporaryDirectory(dir=_folder()) as name:
        root = Path(name)
        _, *parts = _FILE.split(data)
        for path, content in zip(parts[::2], parts[1::2], strict=True):
            _lay(root, path.decode(errors="replace"), content.removesuffix(b"\n"))
        found = Machine.read(root / "proc", root / "sys")
        describe_host(found, root / "proc", root / "sys")
        for text in ("cycles,instructions,L1-dcache-load-misses", "task-clock"):
            _attempt(lambda text=text: parse_events(text, found))
        for pmu in [*found.pmus.values()][:4]:
            for event in [*pmu.events, *pmu.formats][:8]:
                _attempt(lambda e=event, p=pmu: parse_events(f"{p.name}/{e}/", found))
                _attempt(lambda e=event, p=pmu: parse_events(f"{p.name}/{e}=0x1f/", found))


def _lay(root: Path, path: str, content: bytes) -> None:
    parts = [part for part in path.replace("\0", "").split("/") if part not in ("", ".", "..")]
    file = root.joinpath(*(part[:100] for part in parts[:20]))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError:  # a folder of that name is there, or a file that would be one
        pass


def _attempt(step: Callable[[], object]) -> None:
    with contextlib.suppress(VmprofError):
        step()


@functools.cache
def _rules() -> list[Rule]:
    return load_rules(environment={"XDG_CONFIG_HOME": "/nowhere"})


_DONE_WITH_REPORTS: tuple[Callable[[Report], object], ...] = (
    lambda report: report.csv(),
    lambda report: report.html(),
    lambda report: report.trace(),
    lambda report: report.to_pandas(),
    lambda report: report.openmetrics(),
    lambda report: report.parquet(),
    lambda report: parts_of(audit_report(report), "title"),
    lambda report: diff_reports(report, report),
    lambda report: advise(report, _rules()),
    lambda report: report.top(3),
)


def _report(data: bytes) -> None:
    for number, saved in enumerate(read_reports(_file("report", data))):
        saved.report.table()
        saved.report.json()
        which = _DONE_WITH_REPORTS[(zlib.crc32(data) + number) % len(_DONE_WITH_REPORTS)]
        with contextlib.suppress(VmprofError):
            which(saved.report)


def _recording(data: bytes) -> None:
    recording = loads(data, "recording")
    recording_text.render(recording)
    match zlib.crc32(data) % 4:
        case 0:
            page.render(recording)
        case 1:
            trace.render(recording)
        case 2:
            reports(recording, "shape", metrics=True)
        case 3:
            reports(recording, "thread")


def _info(data: bytes) -> None:
    library = _file("model.so", b"no library")
    info_path(library).write_bytes(data)
    read_info(library)


def _library(data: bytes) -> None:
    path = _file("library.so", data)
    library_architecture(path)
    identity(path)
    elf = Elf.of(data)
    places = []
    for number in range(min(len(elf.functions.begin), 20)):
        symbol = elf.symbol(number)
        places.append(Place(symbol.name, symbol.begin, symbol.size))
    read_code(str(path), places, "# a\n# b\n\n# c\n")


def _counter_set(data: bytes) -> None:
    path = str(_file("set.toml", data))
    failed: VmprofError | None = None
    for name in NAMES:
        try:
            load_set(path, machine(name))
        except VmprofError as error:
            failed = error
    if failed is not None:
        raise failed


def _rule(data: bytes) -> None:
    rule = Rule.read(_file("rule.toml", data))
    advise(_small_report(), [rule])


@functools.cache
def _small_report() -> Report:
    from support.reports import network

    return network(1)


def _expression(data: bytes) -> None:
    text = _text(data)
    try:
        formula = Formula(text)
        formula.evaluate(dict.fromkeys(formula.names, 3.5))
    except VmprofError:
        condition = Condition(text)
        condition.holds(dict.fromkeys(condition.names, 1.5), {"has": lambda _: True})


class _Peer:
    """A connection at whose other end somebody says one part after the other, whatever is asked."""

    address = "peer:9090"

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = iter(parts)

    def has(self, _: str) -> bool:
        return True

    def call(self, name: str, *_: object, doing: str) -> object:
        from vmprof.remote.exchange import START

        if name == START:
            return None
        part = next(self._parts, None)
        if part is None:
            raise VmprofError(f"the connection was lost while {doing}")
        return part

    def close(self) -> None:
        pass


# Between what a peer says and what it says next.
BETWEEN = b"\n--\n"


@functools.cache
def _hello() -> bytes:
    from vmprof.remote.exchange import encoded
    from vmprof.remote.served import this_host

    return encoded(this_host()).encode()


def _answers(data: bytes) -> None:
    """What a server says to a client that asks it for everything."""
    from vmprof.remote.client import Remote

    parts = data.split(BETWEEN)
    if not parts[0].startswith(b"{"):
        parts[0] = _hello()  # of the versions that are here
    with Remote(_Peer(parts)) as remote:  # type: ignore[arg-type] # as far as it is used
        for ask in (
            remote.doctor,
            remote.events,
            remote.outputs,
            lambda: remote.peaks(only_kept=True),
            lambda: remote.columns("ipc"),
        ):
            _attempt(ask)


def _order(data: bytes) -> None:
    """What a client wants of a server, up to where its library is loaded."""
    from vmprof.remote.exchange import CLIENT, Order, decoded, profiling_of
    from vmprof.remote.work import path_of

    order = decoded(data, Order, CLIENT)
    profiling_of(order.profiling)
    path = path_of(_folder(), order.model.file)
    assert ".." not in path.parts
    assert _folder() in {path.parent, path.parent.parent}


def _study(data: bytes) -> None:
    folder = _folder() / "study"
    (folder / "reports").mkdir(parents=True, exist_ok=True)
    (folder / "study.json").write_bytes(data)
    study = StudyFolder.opened(folder)
    study.arrived()
    study.reasons()
    study.check(Asked(study.asked.title, study.asked.about))


def _peaks(data: bytes) -> None:
    from vmprof.zoo.peaks import cache

    with pytest.MonkeyPatch.context() as patch:
        path = _file("peaks.json", data)
        patch.setattr(cache, "_path", lambda: path)
        patch.setattr(cache, "_key", lambda threads: f"a processor, {threads} threads")
        cache.cached_peaks(2)


def _arrays(data: bytes) -> None:
    load_arrays([f"x={_file('x.npy', data)}"])


def _weights(data: bytes) -> None:
    load_weights(_file("weights.npz", data))


TARGETS = {
    target.name: target
    for target in (
        Target("bytecode", "executables (bytecode)", _bytecode),
        Target("events", "lists of events, on seven machines", _events),
        Target("machine", "trees of files as /proc and /sys have them", _machine),
        Target("report-json", "reports in JSON", _report, as_json),
        Target("report-csv", "reports in CSV", _report),
        Target("report-text", "printed tables, TVM's and vmprof's", _report),
        Target("report-page", "pages that hold reports", _report, as_page),
        Target("report-parquet", "Parquet files that hold reports", _report),
        Target("recording", "recordings", _recording, as_zip),
        Target("info", "what is known of kernels, beside a library", _info, as_json),
        Target("library", "libraries: ELF, symbols, lines", _library),
        Target("counter-set", "counter sets", _counter_set),
        Target("rule", "rules of advice", _rule),
        Target("expression", "formulas and conditions", _expression),
        Target("arrays", "arrays (.npy)", _arrays),
        Target("study", "studies", _study, as_json),
        Target("peaks", "peaks that were kept", _peaks, as_json),
        Target("answers", "what a server says to a client", _answers),
        Target("order", "what a client wants of a server", _order, as_json),
        Target("weights", "arrays by name (.npz)", _weights, as_zip),
    )
}
