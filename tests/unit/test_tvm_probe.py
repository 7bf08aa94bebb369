"""What vmprof takes for granted of TVM holds here; where it does not, TVM is refused."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tvm

import vmprof
from vmprof import compat, toml_file
from vmprof.defaults import ENGINES
from vmprof.drivers.engines import profile_engines
from vmprof.drivers.options import Profiling
from vmprof.errors import VmprofError, VmprofWarning
from vmprof.program import Program
from vmprof.record import assumptions, probe
from vmprof.record.assumptions import Assumption
from vmprof.record.rounds.options import Rounds
from vmprof.subject.options import Subject
from vmprof.tested import TESTED, untested
from vmprof.vm.executable import Executable
from vmprof.vm.tested import versions


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    probe.check_tvm.cache_clear()
    yield
    probe.check_tvm.cache_clear()


@pytest.fixture
def of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tvm, "__version__", "9.9")


def test_all_of_it_holds_here() -> None:
    assert probe.trials() == [Assumption(what, None) for what in assumptions.names()]


def test_these_versions_were_tested() -> None:
    assert not untested(versions())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        probe.check_tvm()


def test_what_was_never_tested() -> None:
    assert untested({"apache-tvm": "9.9", "apache-tvm-ffi": TESTED["apache-tvm-ffi"][0]}) == [
        "apache-tvm 9.9"
    ]


@pytest.mark.usefixtures("of_another_version")
def test_an_untested_version_that_is_as_assumed_runs_with_a_warning() -> None:
    with pytest.warns(VmprofWarning, match=r"not tested with apache-tvm 9\.9; .* tried, and holds"):
        probe.check_tvm()
    probe.check_tvm()  # once is enough


def own_vm(program: Program) -> None:
    vmprof.VirtualMachine(program, tvm.cpu())


def tvms_vm(program: Program) -> None:
    Executable(program, tvm.cpu())


def session(_: Program) -> None:
    with vmprof.Session():
        pass


def profile(program: Program) -> None:
    vmprof.profile(program, inputs=[assumptions._argument()], counters="none", warmup=0, repeats=1)


def several_engines(program: Program) -> None:
    subject = Subject(program, inputs=[assumptions._argument()])
    profile_engines(subject, ENGINES, Profiling(rounds=Rounds(1, 0)))


def as_tvm_had_it(program: Program) -> None:
    compat.VirtualMachine(program.module, tvm.cpu()).profile("main", assumptions._argument())


# Whatever runs something; the rest goes through one of these: `vmprof validate`, `annotate`,
# `record`, a server of remote clients, the plugin of pytest.
@pytest.mark.usefixtures("of_another_version")
@pytest.mark.parametrize(
    "enter", [own_vm, tvms_vm, session, profile, several_engines, as_tvm_had_it]
)
def test_whichever_way_one_enters(
    enter: Callable[[Program], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = assumptions._loaded()
    with pytest.warns(VmprofWarning, match=r"not tested with apache-tvm 9\.9"):
        enter(program)
    probe.check_tvm.cache_clear()
    monkeypatch.setitem(assumptions._TRIALS, assumptions.names()[0], fails)
    with pytest.raises(VmprofError, match="cannot measure with apache-tvm 9"):
        enter(program)


def fails() -> str:
    return "it does not"


def raises() -> str:
    raise TypeError("no such function\nand a stack")


def crashes() -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return ""


def hangs() -> str:
    signal.pause()
    return ""


@pytest.mark.usefixtures("of_another_version")
@pytest.mark.parametrize(
    ("trial", "found"),
    [
        (fails, "it does not"),
        (raises, "TypeError: no such function"),
        (crashes, "a trial of it ended by SIGKILL"),
        (hangs, "a trial of it did not end in 0 s"),
    ],
)
def test_a_version_that_is_otherwise_is_refused(
    monkeypatch: pytest.MonkeyPatch, trial: Callable[[], str], found: str
) -> None:
    names = assumptions.names()
    monkeypatch.setitem(assumptions._TRIALS, names[2], trial)
    if trial is hangs:
        monkeypatch.setattr(probe, "_PATIENCE_S", 0)
        monkeypatch.setattr(assumptions, "_TRIALS", {names[2]: trial})
    with pytest.raises(VmprofError) as raised:
        probe.check_tvm()
    assert str(raised.value).startswith(
        f"vmprof cannot measure with apache-tvm 9.9: it takes for granted that {names[2]}, "
        f"and {found}; pip install apache-tvm=="
    )
    if trial is not hangs:  # which come after it was asked too
        assert len(probe.trials()) == (3 if trial is crashes else len(names))


@pytest.mark.parametrize(
    ("changed", "expected", "wrong"),
    [
        ("_CALLS", [*assumptions._CALLS[:2], ("vmprof.empty", "")], "recorded were"),
        ("_BYTES", 8, "storages (bytes, released) were"),
    ],
)
def test_the_trials_tell(
    monkeypatch: pytest.MonkeyPatch, changed: str, expected: object, wrong: str
) -> None:
    """Had anything else been recorded than the program does, they would fail."""
    program = assumptions._program()
    monkeypatch.setattr(assumptions, "_program", lambda: program)
    monkeypatch.setattr(assumptions, changed, expected)
    failures = [each.failure for each in assumptions.tried()]
    assert [failure is not None for failure in failures] == [False, True, True, True, False]
    assert all(failure.startswith(wrong) for failure in failures if failure)


def test_what_is_installed_for_development_was_tested() -> None:
    """And the first of what was: so that each change is tried with it."""
    project = Path(__file__).parents[2] / "pyproject.toml"
    groups = toml_file.tomllib.loads(project.read_text(encoding="utf-8"))["dependency-groups"]
    for name, tested in TESTED.items():
        assert f"{name}=={tested[0]}" in groups["dev"]
