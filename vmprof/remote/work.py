"""What a server does for a client that takes time: orders in, results out, as bytes."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
from msgspec import structs

from vmprof.drivers.engines import profile_engines
from vmprof.drivers.host import columns_of, diagnosis, kept_peaks, listed, measured_peaks
from vmprof.progress import Progress, silent
from vmprof.record.rounds.engines import Engine
from vmprof.remote import exchange
from vmprof.remote.arguments import Packed, read_arrays, unpacked
from vmprof.remote.exchange import (
    CLIENT,
    ColumnsAsked,
    EventsAsked,
    Model,
    Order,
    PeaksAsked,
    decoded,
)
from vmprof.report import Report
from vmprof.report.provenance import LIBRARY
from vmprof.report.starts import joined
from vmprof.subject.load import load_program
from vmprof.subject.options import Subject, import_package

_OUTPUTS, _ARRAYS = "outputs.json", "outputs.npz"


def path_of(folder: Path, name: str) -> Path:
    """A file of the client's: ``NAME``, or ``NUMBER/NAME`` of a library and what belongs to it."""
    number, separator, _ = name.partition("/")
    inner = folder / number if separator and number.isdecimal() else folder
    last = Path(name).name
    return inner / ("_" if last in {"", ".."} else last)


def _profile(folder: Path, text: str, progress: Progress) -> bytes:
    """A report, as its JSON."""
    order = decoded(text, Order, CLIENT)
    if order.starts == 1:
        report = measured(folder, order, progress)
    else:
        from vmprof.drivers.processes import in_processes

        make = partial(measured, folder, order)
        (reports,) = in_processes([make], order.starts, progress=progress)
        report = joined(reports)
    return report.json().encode()


def measured(folder: Path, order: Order, progress: Progress = silent) -> Report:
    """What ``order`` wants to be measured, in this process."""
    profiling = exchange.profiling_of(order.profiling)
    subject = _subject(folder, order.model, progress)
    reports = profile_engines(
        subject,
        [order.engine],
        profiling,
        progress=progress,
        beforehand=partial(_keep_outputs, folder, order),
    )
    return _as_the_client_has_it(reports[order.engine], path_of(folder, order.model.file), order)


def _as_the_client_has_it(report: Report, sent: Path, order: Order) -> Report:
    """``report`` with what the client calls the library that was ``sent``."""

    def path(found: str) -> str:
        return order.model.library if found == str(sent) else found

    samples = report.samples
    if samples is not None:
        libraries = tuple(each._replace(path=path(each.path)) for each in samples.libraries)
        samples = replace(samples, libraries=libraries)
    return replace(
        report,
        samples=samples,
        code=tuple(structs.replace(each, path=path(each.path)) for each in report.code),
        provenance={
            "Host": socket.gethostname(),
            **report.provenance,
            "Command": order.command,
            LIBRARY: order.model.library,
        },
    )


def _keep_outputs(folder: Path, order: Order, engines: Mapping[str, Engine]) -> None:
    if not order.outputs:
        return
    packed = Packed()
    plain = packed.pack(engines[order.engine].output())
    path_of(folder, _OUTPUTS).write_bytes(msgspec.json.encode(plain))
    packed.write(path_of(folder, _ARRAYS))


def _outputs(folder: Path, text: str, progress: Progress) -> bytes:  # noqa: ARG001
    """What the model gave, in a line of JSON, and then the file of its arrays."""
    plain, arrays = (path_of(folder, name).read_bytes() for name in (_OUTPUTS, _ARRAYS))
    return plain + b"\n" + arrays


def _subject(folder: Path, model: Model, progress: Progress) -> Subject:
    for package in model.imports:
        import_package(package)
    program = load_program(path_of(folder, model.file), progress=progress)
    arrays = read_arrays(path_of(folder, model.arrays)) if model.arrays else {}
    return Subject(
        replace(program, name=model.name),
        unpacked(model.inputs, arrays),
        model.entry,
        unpacked(model.params, arrays),
        model.dimensions,
        model.seed,
    )


def _events(folder: Path, text: str, progress: Progress) -> bytes:  # noqa: ARG001
    asked = decoded(text, EventsAsked, CLIENT)
    return msgspec.json.encode(listed(asked.pattern, only_names=asked.only_names))


def _columns(folder: Path, text: str, progress: Progress) -> bytes:  # noqa: ARG001
    return msgspec.json.encode(columns_of(decoded(text, ColumnsAsked, CLIENT).counters))


def _doctor(folder: Path, text: str, progress: Progress) -> bytes:  # noqa: ARG001
    return msgspec.json.encode(diagnosis())


def _peaks(folder: Path, text: str, progress: Progress) -> bytes:  # noqa: ARG001
    asked = decoded(text, PeaksAsked, CLIENT)
    if asked.only_kept:
        return msgspec.json.encode(kept_peaks(asked.threads))
    return msgspec.json.encode(measured_peaks(asked.threads, asked.seconds, progress=progress))


WORK: dict[str, Callable[[Path, str, Progress], bytes]] = {
    exchange.PROFILE: _profile,
    exchange.OUTPUTS: _outputs,
    exchange.EVENTS: _events,
    exchange.COLUMNS: _columns,
    exchange.DOCTOR: _doctor,
    exchange.PEAKS: _peaks,
}
