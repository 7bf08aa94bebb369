"""What happened on the processors, read from trees that stand for /proc and /sys."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from vmprof.counters.hardware.activity import Activity, Moment
from vmprof.counters.hardware.cgroup import cpu_quota, stopped_seconds

TICKS = os.sysconf("SC_CLK_TCK")
CPU = "devices/system/cpu"


def tree(root: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def stat(user: float, system: float, idle: float, steal: float) -> str:
    """Of two CPUs, in seconds."""
    ticks = [round(TICKS * each) for each in (user, 0, system, idle, 0, 0, 0, steal, 0, 0)]
    line = " ".join(map(str, ticks))
    return f"cpu  {line}\ncpu0 {line}\ncpu1 {line}\nintr 5 1 2\nctxt 7\n"


def moment(root: Path, files: Mapping[str, str], at: float, own: float) -> Moment:
    tree(root, files)
    return replace(Moment.now(root / "proc", root / "sys"), at=at, own=own)


def test_all_of_it(tmp_path: Path) -> None:
    begin = moment(
        tmp_path,
        {
            "proc/stat": stat(user=100, system=10, idle=50, steal=5),
            "proc/loadavg": "0.50 0.40 0.30 1/99 1234\n",
            "proc/self/cgroup": "0::/here\n",
            "proc/self/task/7/schedstat": "5 1000000000 3\n",
            "proc/self/task/8/schedstat": "5 0 3\n",
            "sys/fs/cgroup/here/cpu.stat": "usage_usec 5\nnr_throttled 3\nthrottled_usec 1000000\n",
            f"sys/{CPU}/cpu0/cpufreq/scaling_cur_freq": "3400000\n",
            f"sys/{CPU}/cpu1/cpufreq/scaling_cur_freq": "800000\n",
            f"sys/{CPU}/cpu0/thermal_throttle/core_throttle_count": "4\n",
        },
        at=0,
        own=2,
    )
    assert (begin.load, begin.clock, begin.cpus) == ("0.50, 0.40, 0.30", 3400, 2)
    end = moment(
        tmp_path,
        {
            "proc/stat": stat(user=111, system=13, idle=53, steal=8),
            "proc/self/task/7/schedstat": "5 2000000000 3\n",
            "proc/self/task/9/schedstat": "5 500000000 3\n",  # a thread that came meanwhile
            "sys/fs/cgroup/here/cpu.stat": "throttled_usec 3000000\n",
            f"sys/{CPU}/cpu0/cpufreq/scaling_cur_freq": "2800000\n",
            f"sys/{CPU}/cpu0/thermal_throttle/core_throttle_count": "6\n",
        },
        at=10,
        own=12,
    )
    activity = Activity(begin, end)
    assert activity.seconds == 10
    assert activity.own == 1.0
    assert activity.others == pytest.approx(0.4)
    assert activity.stolen == pytest.approx(0.3)
    assert activity.waited == pytest.approx(0.15)
    assert activity.stopped == pytest.approx(0.2)
    assert activity.overheated == 2
    assert end.clock == 2800


def test_what_nobody_tells_is_none(tmp_path: Path) -> None:
    """gVisor has a /proc/stat of zeros, other kernels have no such files."""
    for files in ({}, {"proc/stat": "cpu 0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\n"}):
        begin, end = (moment(tmp_path, files, at=at, own=0) for at in (0.0, 100.0))
        activity = Activity(begin, end)
        assert (begin.load, begin.clock) == (None, None)
        assert activity.others is None
        assert activity.stolen is None
        assert activity.waited is None
        assert activity.stopped is None
        assert activity.overheated is None


def test_coarse_ticks_tell_nothing_of_a_short_time(tmp_path: Path) -> None:
    files = {"proc/stat": stat(user=1, system=1, idle=1, steal=0)}
    begin = moment(tmp_path, files, at=0, own=0)
    least = 40 / TICKS  # of two CPUs
    assert Activity(begin, replace(begin, at=0.99 * least)).others is None
    assert Activity(begin, replace(begin, at=1.01 * least)).others == 0


def test_what_this_process_used_is_not_others(tmp_path: Path) -> None:
    """Nor less than nothing, where ticks are late."""
    begin = moment(tmp_path, {"proc/stat": stat(1, 1, 1, 0)}, at=0, own=0)
    end = moment(tmp_path, {"proc/stat": stat(10, 1, 1, 0)}, at=10, own=9.02)
    assert Activity(begin, end).others == 0


def test_this_machine() -> None:
    begin = Moment.now()
    sum(range(100_000))
    end = Moment.now()
    assert Activity(begin, end).seconds > 0
    assert Activity(begin, end).own > 0
    assert end.cpus == os.cpu_count()


@pytest.mark.parametrize(
    ("files", "quota", "stopped"),
    [
        ({}, None, None),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, "none", None),
        (
            {
                "sys/fs/cgroup/cpu.max": "150000 100000\n",
                "sys/fs/cgroup/cpu.stat": "usage_usec 1\nthrottled_usec 2500000\n",
            },
            "1.5 CPUs",
            2.5,
        ),
        (  # The limit is of a cgroup around the process's own.
            {
                "proc/self/cgroup": "0::/pod/inner\n",
                "sys/fs/cgroup/pod/cpu.max": "100000 100000\n",
                "sys/fs/cgroup/pod/inner/cpu.max": "max 100000\n",
                "sys/fs/cgroup/pod/cpu.stat": "throttled_usec 7000000\n",
                "sys/fs/cgroup/pod/inner/cpu.stat": "throttled_usec 0\n",
            },
            "1 CPU",
            7.0,
        ),
        (  # Version 1.
            {
                "proc/self/cgroup": "5:memory:/x\n4:cpu,cpuacct:/docker/1\n",
                "sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us": "200000\n",
                "sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.stat": "throttled_time 3000000000\n",
            },
            "2 CPUs",
            3.0,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            "none",
            None,
        ),
        ({"sys/fs/cgroup/cpu.max": "what\n", "proc/self/cgroup": "nothing"}, None, None),
    ],
)
def test_the_quota_of_a_container(
    files: Mapping[str, str], quota: str | None, stopped: float | None, tmp_path: Path
) -> None:
    tree(tmp_path, files)
    assert cpu_quota(tmp_path / "proc", tmp_path / "sys") == quota
    assert stopped_seconds(tmp_path / "proc", tmp_path / "sys") == stopped
