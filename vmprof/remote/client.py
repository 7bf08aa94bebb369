"""The client's side: a host to profile on."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import msgspec
import tvm
import tvm_ffi

from vmprof.counters.hardware.instruction_sets import HostTarget
from vmprof.counters.sets import file_of
from vmprof.defaults import DEFAULT_ENGINE
from vmprof.drivers.host import Diagnosis, Listed, MeasuredPeaks
from vmprof.drivers.options import Profiling
from vmprof.errors import VmprofError, VmprofWarning, add_note
from vmprof.inputs import load_weights
from vmprof.owned import temporary_folder
from vmprof.program.info import info_path
from vmprof.program.tensor_ir import tensor_ir_path
from vmprof.progress import Progress, Step, silent, with_text
from vmprof.record.provenance import command_line
from vmprof.remote import exchange
from vmprof.remote.arguments import Packed, read_arrays, unpacked
from vmprof.remote.connection import Connection, connected, requested
from vmprof.remote.exchange import (
    CHUNK,
    ColumnsAsked,
    EventsAsked,
    Model,
    News,
    Order,
    PeaksAsked,
    Problem,
    RemoteHost,
    decoded,
    encoded,
    not_understood,
    plain_profiling,
)
from vmprof.report import Report
from vmprof.subject.cross import compiled_for
from vmprof.subject.options import Subject
from vmprof.version import __version__

_Answer = TypeVar("_Answer")
_ARRAYS = "arguments.npz"


class _File(NamedTuple):
    """A file as it is now."""

    path: str
    size: int
    changed: int

    @classmethod
    def of(cls, path: Path) -> _File:
        try:
            status = path.stat()
        except OSError as error:
            raise _unreadable(path, error) from error
        return cls(str(path.absolute()), status.st_size, status.st_mtime_ns)


class Remote:
    """A host with a server (``vmprof rpc-server``), for as long as the ``with`` lasts.

    ``host`` says which it is. All that goes wrong on the way raises :class:`VmprofError`.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sent: dict[str, _File] = {}  # by what they are called there
        self._folders: dict[_File, str] = {}  # of libraries, there
        try:
            self.host = self._hello()
        except BaseException:
            self.close()
            raise

    @classmethod
    def connect(
        cls, host: str, port: int, *, timeout: float | None = None, progress: Progress = silent
    ) -> Remote:
        """The server at that address; one that serves another client is waited for.

        So long, in seconds, is ``timeout``, and so long may the session be, which the server ends.
        """
        return cls(connected(host, port, timeout, progress))

    @classmethod
    def request(
        cls,
        tracker: tuple[str, int],
        key: str,
        *,
        timeout: float | None = None,
        progress: Progress = silent,
    ) -> Remote:
        """A free server of those that ``tracker`` has under ``key``; else as :meth:`connect`."""
        return cls(requested(tracker, key, timeout, progress))

    def __enter__(self) -> Remote:  # noqa: PYI034 # Python 3.10 has no Self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the session; the server removes what was sent, and serves the next client."""
        self._connection.close()

    def profile(
        self,
        subject: Subject,
        profiling: Profiling | None = None,
        engine: str = DEFAULT_ENGINE,
        *,
        starts: int = 1,
        outputs: bool = False,
        name: str = "",
        progress: Progress = silent,
    ) -> Report:
        """What :func:`vmprof.drivers.engines.profile_engines` gives there, by ``engine``.

        ``starts`` is in how many processes it is measured, one after the other. With ``outputs``
        the model's are kept there for :meth:`outputs`. ``name`` is what the report calls the model,
        if it is not called as it was handed in.
        """
        plain = plain_profiling(profiling or Profiling())
        if subject.device is not None and subject.device.type != "cpu":
            raise VmprofError(f"a remote host runs it on its processor, not on {subject.device}")
        if isinstance(counters := plain["counting"]["counters"], str):
            plain["counting"]["counters"] = self._with_set(counters)
        target = HostTarget(self.host.target, self.host.target_note)
        library = compiled_for(subject, target, progress)
        model = self._send(library, name or subject.name, progress)
        order = Order(model, plain, engine, command_line(), starts, outputs)
        return Report.from_json(self._ask(exchange.PROFILE, order, "profiling", progress).decode())

    def outputs(self) -> Any:
        """The model's outputs, as TVM has them, of the last profile that was to keep them."""
        plain, _, arrays = self._ask(exchange.OUTPUTS, None, "fetching outputs").partition(b"\n")
        try:
            return unpacked(msgspec.json.decode(plain), read_arrays(io.BytesIO(arrays)))
        except Exception as error:  # what numpy and others raise of damage is written nowhere
            raise not_understood(self.host.name, error) from error

    def events(self, pattern: str = "", *, only_names: bool = False) -> Listed:
        """What can be counted there: :func:`vmprof.drivers.host.listed`."""
        asked = EventsAsked(pattern, only_names)
        return self._answer(exchange.EVENTS, asked, Listed, "listing its events")

    def columns(self, counters: str) -> dict[str, str]:
        """The columns of events there: :func:`vmprof.drivers.host.columns_of`."""
        asked = ColumnsAsked(self._with_set(counters))
        return self._answer(exchange.COLUMNS, asked, dict[str, str], "looking for its events")

    def doctor(self) -> Diagnosis:
        """What is in the way there: :func:`vmprof.drivers.host.diagnosis`."""
        return self._answer(exchange.DOCTOR, None, Diagnosis, "examining it")

    def peaks(
        self,
        threads: Sequence[int] = (),
        seconds: float | None = None,
        *,
        only_kept: bool = False,
        progress: Progress = silent,
    ) -> MeasuredPeaks:
        """What it attains, measured and kept there: :func:`vmprof.drivers.host.measured_peaks`."""
        asked = PeaksAsked(tuple(threads), seconds, only_kept)
        return self._answer(exchange.PEAKS, asked, MeasuredPeaks, "measuring its peaks", progress)

    def _hello(self) -> RemoteHost:
        """Who it is; :class:`VmprofError` unless client and server are of one version."""
        address = self._connection.address
        if not self._connection.has(exchange.HELLO):
            raise VmprofError(
                f"the server at {address} is TVM's alone and cannot profile; start vmprof "
                "rpc-server there in its place"
            )
        told = self._connection.call(exchange.HELLO, doing="asking who it is")
        host = msgspec.structs.replace(decoded(told, RemoteHost, address), address=address)
        theirs = {"vmprof": host.vmprof, "TVM": host.tvm, "TVM's FFI": host.tvm_ffi}
        ours = {"vmprof": __version__, "TVM": tvm.__version__, "TVM's FFI": tvm_ffi.__version__}
        differ = [
            f"{what} {theirs[what]} there and {ours[what]} here"
            for what in ours
            if theirs[what] != ours[what]
        ]
        if not differ and host.protocol != exchange.PROTOCOL:
            differ = [f"vmprof {__version__}, but another build of it"]
        if differ:
            raise VmprofError(
                f"{host.name} ({address}) has {', '.join(differ)}; install the same versions on "
                "both hosts"
            )
        return host

    def _send(self, subject: Subject, name: str, progress: Progress) -> Model:
        """Send the library of ``subject``, what is known of it, and what it is called with."""
        library = Path(subject.source)
        folder = self._folders.setdefault(_File.of(library), str(len(self._folders)))
        for path in (library, info_path(library), tensor_ir_path(library)):
            if path.exists() or path == library:
                self._send_file(path, f"{folder}/{path.name}", progress)
        packed, params = Packed(), subject.params
        if isinstance(params, str | os.PathLike):
            params = load_weights(params)
        plain = packed.pack(subject.inputs), packed.pack(params)
        if packed:
            with temporary_folder() as temporary:
                packed.write(arrays := temporary / _ARRAYS)
                self._send_file(arrays, _ARRAYS, progress)
        return Model(
            f"{folder}/{library.name}",
            name,
            str(library.absolute()),
            subject.entry,
            *plain,
            _ARRAYS if packed else "",
            None if subject.dimensions is None else dict(subject.dimensions),
            subject.seed,
            tuple(subject.imports),
        )

    def _with_set(self, counters: str) -> str:
        """The same, if it is a counter set of the user's own: as a file that was sent."""
        path = file_of(counters)
        if path is None:
            return counters
        self._send_file(path, path.name, silent)
        return path.name

    def _send_file(self, path: Path, name: str, progress: Progress) -> None:
        """Send it in parts, unless it was sent as it is; it is called ``name`` there."""
        found = _File.of(path)
        if self._sent.get(name) == found:
            return
        doing = f"sending {path.name}"
        begin = 0
        try:
            with path.open("rb") as file:
                while (part := file.read(CHUNK)) or begin == 0:
                    progress(Step(doing, begin / max(found.size, 1)))
                    problem = self._connection.call(exchange.PUT, name, begin, part, doing=doing)
                    if problem:
                        raise VmprofError(
                            f"{self.host.name} cannot keep {path.name}, {found.size:,} bytes: "
                            f"{problem}"
                        )
                    begin += len(part)
                    if not part:
                        break
        except OSError as error:
            raise _unreadable(path, error) from error
        self._sent[name] = found

    def _answer(
        self,
        what: str,
        asked: msgspec.Struct | None,
        kind: type[_Answer],
        doing: str,
        progress: Progress = silent,
    ) -> _Answer:
        return decoded(self._ask(what, asked, doing, progress), kind, self.host.name)

    def _ask(
        self, what: str, asked: msgspec.Struct | None, doing: str, progress: Progress = silent
    ) -> bytes:
        """The result of ``what``, of which ``progress`` is told on the way."""
        order = "" if asked is None else encoded(asked)
        self._connection.call(exchange.START, what, order, doing=doing)
        progress(f"{self.host.name}: {doing}")
        while not (news := self._news(doing)).over:
            step = news.step if news.done is None else Step(news.step, news.done)
            progress(with_text(step, f"{self.host.name}: {news.step}"))
            doing = news.step
        for warning in news.warnings:
            warnings.warn(f"{self.host.name}: {warning}", VmprofWarning, stacklevel=4)
        if news.problem is not None:
            raise self._raised(news.problem)
        parts: list[bytes] = []
        for offset in range(0, news.bytes, CHUNK):
            progress(Step(f"fetching it from {self.host.name}", offset / news.bytes))
            part = self._connection.call(exchange.TAKE, offset, doing="fetching the result")
            if not isinstance(part, bytes | bytearray) or not part:
                raise not_understood(self.host.name, ValueError(f"nothing from {offset:,} on"))
            parts.append(bytes(part))
        return b"".join(parts)

    def _news(self, doing: str) -> News:
        told = self._connection.call(exchange.WAIT, doing=doing)
        return decoded(told, News, self.host.name)

    def _raised(self, problem: Problem) -> VmprofError:
        """What was raised there, as it is raised here."""
        error = VmprofError(
            f"{self.host.name}: {problem.message}",
            command_line=f"{self.host.name}: {problem.command_line}",
        )
        for note in problem.notes:
            add_note(error, note)
        return error


def _unreadable(path: Path, error: OSError) -> VmprofError:
    return VmprofError(f"{path} cannot be read: {error.strerror}")
