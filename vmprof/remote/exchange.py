"""What client and server tell each other: plain data, as JSON.

The names and types of :class:`RemoteHost`, which is told first, may be added to but never
change: whoever reads it may be of another version. All else is between two of one version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from vmprof.drivers.options import Profiling
from vmprof.errors import VmprofError
from vmprof.record.options import Counting, Sampling, Threads
from vmprof.record.rounds.options import Rounds

# Of what is said after the first words: a number that differs where either side would not
# understand the other.
PROTOCOL = 1

# What the server's functions are called, as TVM's RPC finds them.
HELLO, PUT, START, WAIT, TAKE = (
    f"vmprof.remote.{name}" for name in ("hello", "put", "start", "wait", "take")
)
# What is started, and takes time: :mod:`vmprof.remote.work`.
PROFILE, OUTPUTS = "profile", "outputs"
EVENTS, COLUMNS, DOCTOR, PEAKS = "events", "columns", "doctor", "peaks"

CLIENT = "the client"  # as the server calls it
_Told = TypeVar("_Told")
_MOST_SHOWN = 200  # of what is wrong with it

# Bytes of a file or of a result that go over at once: each is in memory a few times.
CHUNK = 4 << 20


class RemoteHost(Struct, frozen=True):
    """A host, as the server on it tells of it.

    ``address`` is where the client found it, ``machine`` as in ``uname -m``, ``target`` the LLVM
    target of its processor as TVM parses it, ``target_note`` what is less than exact about that,
    and ``provenance`` what reports say of a host.
    """

    name: str = ""
    address: str = ""
    protocol: int = 0
    vmprof: str = ""
    tvm: str = ""
    tvm_ffi: str = ""
    machine: str = ""
    target: str = ""
    target_note: str = ""
    provenance: dict[str, str] = {}


class Model(Struct, frozen=True):
    """A library and what it is called with; files are named as they were sent.

    ``name`` is what the report calls the model, and ``library`` where the client has it.
    ``inputs`` and ``params`` are as :class:`vmprof.remote.arguments.Packed` makes them of what a
    user gave, and ``arrays`` the file of their arrays. ``imports`` are Python packages.
    """

    file: str
    name: str
    library: str
    entry: str
    inputs: Any = None
    params: Any = None
    arrays: str = ""
    dimensions: dict[str, int] | None = None
    seed: int = 0
    imports: tuple[str, ...] = ()


class Order(Struct, frozen=True):
    """What is to be profiled, and how: ``profiling`` as :func:`plain_profiling` makes it.

    ``command`` is the client's command line, ``starts`` in how many processes it is measured.
    With ``outputs`` those of the model are kept, for whoever asks for them.
    """

    model: Model
    profiling: dict[str, Any]
    engine: str
    command: str
    starts: int = 1
    outputs: bool = False


class EventsAsked(Struct, frozen=True):
    """As :func:`vmprof.drivers.host.listed` takes it."""

    pattern: str = ""
    only_names: bool = False


class ColumnsAsked(Struct, frozen=True):
    """As :func:`vmprof.drivers.host.columns_of` takes it."""

    counters: str


class PeaksAsked(Struct, frozen=True):
    """What is known of the peaks with ``threads``, or measured for so many ``seconds``."""

    threads: tuple[int, ...] = ()
    seconds: float | None = None
    only_kept: bool = False


class Problem(Struct, frozen=True):
    """An error that a user can mend, or what a kernel raised, with its notes."""

    message: str
    command_line: str
    notes: tuple[str, ...] = ()


class News(Struct, frozen=True):
    """What goes on at the server, or, when it is over, how many bytes there are to be taken."""

    step: str = ""
    done: float | None = None
    over: bool = False
    bytes: int = 0
    problem: Problem | None = None
    warnings: tuple[str, ...] = ()


def plain_profiling(profiling: Profiling) -> dict[str, Any]:
    """``profiling`` as JSON has it; :class:`VmprofError` if there is something else in it."""
    if profiling.counting.collectors:
        raise VmprofError(
            "collectors are code of this host's and cannot be sent to a remote one; leave them "
            "out, or run vmprof there",
            command_line="--collector is code of this host's and cannot be sent to a remote one; "
            "leave it out, or run vmprof there",
        )
    plain: dict[str, Any] = asdict(profiling)
    return plain


def profiling_of(plain: Mapping[str, Any]) -> Profiling:
    """What :func:`plain_profiling` was given; :class:`VmprofError` if it was nothing of that."""
    parts = {"counting": Counting, "rounds": Rounds, "threads": Threads, "sampling": Sampling}
    try:
        made = {
            name: parts[name](**_tuples(value)) if name in parts else value
            for name, value in plain.items()
        }
        assert made.keys() == {each.name for each in fields(Profiling)}
        return Profiling(**made)
    except (AssertionError, AttributeError, TypeError, ValueError) as error:
        raise not_understood(CLIENT, error) from error


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(each) if isinstance(each, list) else each for name, each in values.items()}


def encoded(message: Struct) -> str:
    """``message`` as the text that goes over."""
    return msgspec.json.encode(message).decode()


def decoded(told: Any, kind: type[_Told], who: str) -> _Told:
    """What ``who`` told, a text of a ``kind``; :class:`VmprofError` if it is none."""
    try:
        return msgspec.json.decode(told, type=kind)
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise not_understood(who, error) from error


def not_understood(who: str, error: Exception) -> VmprofError:
    """What ``who`` told has led to ``error``."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:_MOST_SHOWN]
    return VmprofError(
        f"{who} tells what vmprof does not understand ({reason}); run the same vmprof on both hosts"
    )
