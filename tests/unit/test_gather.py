"""From many servers to a study: whatever one does, the others' reports are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event, Lock

import pytest

from tests.support.fleet import host_report
from vmprof.compare.study import Asked, Study, StudyFolder
from vmprof.errors import VmprofError
from vmprof.progress import Progress, Step
from vmprof.remote import gather as gathering
from vmprof.remote.gather import gather
from vmprof.remote.limits import Limits
from vmprof.report.model import Report

ASKED = Asked("small on rasp", {"model": "small"})


class Fake:
    """A server whose answer is ``answer``, called when it is asked."""

    def __init__(self, address: str, answer: Callable[[Fake], Report]) -> None:
        self.address = address
        self.answer = answer
        self.hung_up = Event()
        self.asked = 0

    def measured(self, progress: Progress) -> Report:
        self.asked += 1
        progress(Step("round 1 of 2", 0.5))
        return self.answer(self)

    def hang_up(self) -> None:
        self.hung_up.set()


class FakeTracker:
    """Gives ``servers`` in turn."""

    def __init__(self, servers: Sequence[Fake], more: Sequence[Fake] = ()) -> None:
        self.servers = [*servers, *more]
        self.queue = [*servers]
        self.put_offs = 0
        self.gone: set[str] = set()

    def listed(self) -> Sequence[str]:
        return [each.address for each in self.servers if each.address not in self.gone]

    def given(self, seconds: float) -> Fake | None:
        return self.queue.pop(0) if self.queue else None

    def put_off(self, server: gathering.Server) -> None:
        self.put_offs += 1


def report_of(server: Fake) -> Report:
    return host_report(int(server.address.rpartition(":")[2]))


def fails(server: Fake) -> Report:
    raise VmprofError("the connection was lost", command_line=f"lost {server.address}")


def breaks(server: Fake) -> Report:
    raise RuntimeError(f"what\nno one {server.address} thought of")


def hangs(server: Fake) -> Report:
    assert server.hung_up.wait(60)
    raise VmprofError("the connection was closed")


def is_deaf(server: Fake) -> Report:
    server.deaf.wait(60)  # type: ignore[attr-defined]
    return report_of(server)


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return StudyFolder.made(tmp_path / "study", ASKED)


LONG = Limits(jobs=3, seconds=300)


def test_what_fails_costs_its_own_row_and_is_asked_again(folder: StudyFolder) -> None:
    servers = [Fake(f"h:{number}", report_of) for number in range(6)]
    servers[2].answer, servers[4].answer = fails, breaks
    study = gather(FakeTracker(servers), folder, LONG)
    kept = {f"h:{number}": host_report(number) for number in (0, 1, 3, 5)}
    assert dict(study) == dict(Study(folder.path)) == kept
    assert study.missing == {
        "h:2": "lost h:2",
        "h:4": "RuntimeError: what no one h:4 thought of",
    }
    assert set(study.summary.facts) == set(kept)
    for server in servers:
        server.answer = report_of
    again = gather(FakeTracker(servers), StudyFolder.opened(folder.path), LONG)
    assert [*again] == [server.address for server in servers]
    assert again.missing == {}
    assert [server.asked for server in servers] == [1, 1, 2, 1, 2, 1]
    assert set(again.summary.facts) == {server.address for server in servers}


def test_a_server_that_comes_later_belongs_to_it_one_that_is_gone_has_its_row(
    folder: StudyFolder,
) -> None:
    old, new = Fake("h:1", report_of), Fake("h:2", report_of)
    folder.plan(["h:9"])
    study = gather(FakeTracker([old]), folder, LONG)
    assert [*study] == ["h:1"]
    assert study.missing == {"h:9": "it is not registered at the tracker any more"}
    study = gather(FakeTracker([old, new]), StudyFolder.opened(folder.path), LONG)
    assert [*study] == ["h:1", "h:2"]
    assert old.asked == new.asked == 1


def test_no_more_at_once_than_jobs(folder: StudyFolder) -> None:
    lock, at_work, most = Lock(), [0], [0]
    together = Event()

    def answer(server: Fake) -> Report:
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
            if at_work[0] == 3:
                together.set()
        assert together.wait(60)  # so three work at once, whatever the machine does
        with lock:
            at_work[0] -= 1
        return report_of(server)

    gather(FakeTracker([Fake(f"h:{number}", answer) for number in range(9)]), folder, LONG)
    assert most == [3]


def test_one_that_hangs_is_ended(folder: StudyFolder) -> None:
    study = gather(FakeTracker([Fake("h:1", hangs)]), folder, Limits(1, 0.05))
    assert study.missing == {"h:1": "it took longer than 0.05 s (--limit)"}


def test_one_that_cannot_be_ended_is_given_up(
    folder: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "_GRACE", 0.05)
    server = Fake("h:1", is_deaf)
    server.deaf = Event()  # type: ignore[attr-defined]
    study = gather(FakeTracker([server]), folder, Limits(1, 0.05))
    server.deaf.set()  # type: ignore[attr-defined]
    assert server.hung_up.is_set()
    assert study.missing == {"h:1": "it took longer than 0.05 s (--limit)"}


def test_one_that_leaves_the_tracker_is_not_waited_for(
    folder: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "_BETWEEN_LISTS", 0.0)
    here, left = Fake("h:1", report_of), Fake("h:2", report_of)
    tracker = FakeTracker([here], more=[left])

    def answer(server: Fake) -> Report:
        tracker.gone.add("h:2")
        return report_of(server)

    here.answer = answer
    study = gather(tracker, folder, LONG)
    assert [*study] == ["h:1"]
    assert "it left the tracker" in study.missing["h:2"]


def test_one_that_somebody_else_has_is_not_waited_for_for_ever(folder: StudyFolder) -> None:
    done = Fake("h:1", report_of)
    folder.plan(["h:1"])
    folder.keep("h:1", host_report(1))
    tracker = FakeTracker([done], more=[Fake("h:2", report_of)])
    study = gather(tracker, folder, Limits(1, 0.05))
    assert study.missing == {
        "h:2": "the tracker did not give it within 0.05 s: another client has it, or it hangs"
    }
    assert (done.asked, tracker.put_offs) == (0, 1)


def test_servers_at_work_do_not_need_the_tracker(
    folder: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Event()
    first = Fake("h:1", lambda server: report_of(server) if lost.wait(60) else fails(server))
    tracker = FakeTracker([first], more=[Fake("h:2", report_of)])

    def given(seconds: float) -> Fake | None:
        if tracker.queue:
            return tracker.queue.pop()
        lost.set()
        raise VmprofError("the tracker does not answer")

    monkeypatch.setattr(tracker, "given", given)
    study = gather(tracker, folder, LONG)
    assert [*study] == ["h:1"]
    assert study.missing == {"h:2": "the tracker does not answer"}


def test_an_interrupt_keeps_what_arrived(folder: StudyFolder) -> None:
    at_work = Event()
    first = Fake("h:1", lambda server: report_of(server) if at_work.wait(60) else fails(server))
    waiting = Fake("h:2", lambda server: at_work.set() or hangs(server))
    tracker = FakeTracker([first, waiting])

    def interrupted(step: str) -> None:
        if step.startswith("1 of 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gather(tracker, folder, LONG, interrupted)
    assert waiting.hung_up.is_set()
    assert [*Study(folder.path)] == ["h:1"]
    assert Study(folder.path).missing == {"h:2": "it was not asked yet"}


def test_a_folder_that_cannot_be_written_ends_it(
    folder: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: StudyFolder, point: str, report: Report) -> None:
        raise VmprofError("cannot write it: No space left on device")

    monkeypatch.setattr(StudyFolder, "keep", full)
    with pytest.raises(VmprofError, match="No space left"):
        gather(FakeTracker([Fake("h:1", report_of)]), folder, LONG)


def test_what_all_do_is_told(folder: StudyFolder) -> None:
    steps: list[str] = []
    servers = [Fake("h:1", report_of), Fake("h:2", fails)]
    gather(FakeTracker(servers), folder, Limits(1, 300), steps.append)
    assert steps[0] == "0 of 2 servers; h:1: round 1 of 2"
    assert steps[-1] == "2 of 2 servers, 1 failed"
    assert [step.done for step in steps if isinstance(step, Step)] == [0.25, 0.5, 0.75, 1.0]
