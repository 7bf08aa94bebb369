"""Where a report comes from: what the files of a machine say, and how it is shown."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.machines import FOLDER, NAMES
from support.reports import network

from vmprof import Report
from vmprof.compare.readers import parse_reports
from vmprof.counters.hardware.activity import Activity, Moment
from vmprof.counters.hardware.host import describe_host, sizes
from vmprof.counters.hardware.machine import Machine
from vmprof.record.provenance import provenance_of
from vmprof.report.provenance import folded, is_known, section, unfolded
from vmprof.values import UNKNOWN, Count, Duration, Ratio, Samples

CPU = "devices/system/cpu"
SERVER = {
    "proc/cpuinfo": (
        "processor : 0\nvendor_id : GenuineIntel\ncpu family : 6\nmodel : 143\n"
        "model name : Intel(R) Xeon(R) Platinum 8480+\nstepping : 8\nflags : fpu sse\n"
    ),
    "proc/meminfo": "MemTotal:       263852344 kB\nMemFree: 5 kB\n",
    "proc/sys/kernel/ostype": "Linux\n",
    "proc/sys/kernel/osrelease": "6.8.0-45-generic\n",
    "proc/sys/kernel/version": "#45-Ubuntu SMP\n",
    "proc/sys/kernel/arch": "x86_64\n",
    f"sys/{CPU}/online": "0-3\n",
    f"sys/{CPU}/isolated": "2-3\n",
    f"sys/{CPU}/smt/active": "1\n",
    f"sys/{CPU}/intel_pstate/no_turbo": "0\n",
    f"sys/{CPU}/cpu0/cpufreq/cpuinfo_min_freq": "800000\n",
    f"sys/{CPU}/cpu0/cpufreq/cpuinfo_max_freq": "3800000\n",
    f"sys/{CPU}/cpu0/cpufreq/scaling_governor": "powersave\n",
    f"sys/{CPU}/cpu0/cpufreq/scaling_driver": "intel_pstate\n",
    f"sys/{CPU}/cpu0/cache/index0/level": "1\n",
    f"sys/{CPU}/cpu0/cache/index0/type": "Data\n",
    f"sys/{CPU}/cpu0/cache/index0/size": "48K\n",
    f"sys/{CPU}/cpu0/cache/index0/shared_cpu_list": "0\n",
    f"sys/{CPU}/cpu0/cache/index3/level": "3\n",
    f"sys/{CPU}/cpu0/cache/index3/type": "Unified\n",
    f"sys/{CPU}/cpu0/cache/index3/size": "107520K\n",
    f"sys/{CPU}/cpu0/cache/index3/shared_cpu_list": "0-3\n",
    "sys/devices/system/node/node0/x": "",
    "sys/devices/system/node/node1/x": "",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
    "sys/fs/cgroup/cpu.max": "200000 100000\n",
}


@pytest.fixture
def server(tmp_path: Path) -> Path:
    for name, content in SERVER.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


def described(root: Path) -> dict[str, str]:
    proc, sys_root = root / "proc", root / "sys"
    return {**describe_host(Machine.read(proc, sys_root), proc, sys_root)}


def test_a_server(server: Path) -> None:
    assert described(server) == {
        "Processor": "Intel(R) Xeon(R) Platinum 8480+ (GenuineIntel, family 6, model 143, "
        "stepping 8)",
        "CPUs": "4 online, SMT on, isolated: 2, 3",
        "Caches": "L1 1 x 48 KiB; L3 1 x 105 MiB, each for 4 cores",
        "Clock range": "800 to 3,800 MHz",
        "Governor": "powersave (intel_pstate)",
        "Turbo": "on",
        "Memory": "251.6 GiB in 2 nodes, huge pages: madvise",
        "Kernel": "Linux 6.8.0-45-generic #45-Ubuntu SMP x86_64",
        "Virtualisation": "none to be seen",
        "CPU quota": "2 CPUs",
    }


def test_where_nothing_is_told_there_are_reasons(tmp_path: Path) -> None:
    facts = described(tmp_path)
    assert [*facts] == [*described(tmp_path)]
    assert all(text.startswith(UNKNOWN) and len(text) > 20 for text in facts.values())
    assert not any(map(is_known, facts.values()))


@pytest.mark.parametrize("name", NAMES)
def test_any_machine(name: str) -> None:
    facts = described(FOLDER / name)
    assert is_known(facts["Processor"])
    virtual = Machine.read(FOLDER / name / "proc", FOLDER / name / "sys").is_virtual
    assert facts["Virtualisation"].startswith("virtual machine") == virtual


def test_sizes() -> None:
    assert [*map(sizes, (5, 48 << 10, 3 << 19, 107520 << 10, 1 << 40))] == [
        "5 bytes",
        "48 KiB",
        "1.5 MiB",
        "105 MiB",
        "1024 GiB",
    ]


def test_what_is_gathered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "model.so"
    library.write_bytes(b"no ELF file" * 1000)
    words = ["/usr/bin/python3", "/home/me/bin/vmprof", "run", "my model.so"]
    monkeypatch.setattr(sys, "orig_argv", words)
    moment = Moment.now()
    found = provenance_of(Machine.read(), Activity(moment, Moment.now()), [library])
    assert found["Command"] == "vmprof run 'my model.so'"
    assert found["Library"] == str(library)
    digest = hashlib.sha256(library.read_bytes()).hexdigest()
    assert found["Library's ID"] == f"sha256 {digest}"
    assert isinstance(found["Measured for (us)"], Duration)
    assert all(metric != "" for metric in found.values())
    library.unlink()
    found = provenance_of(Machine.read(), Activity(moment, moment), [library])
    assert "No such file" in str(found["Library's ID"])
    monkeypatch.setattr(sys, "orig_argv", ["python3", "-c", "import x; x.y()"])
    found = provenance_of(Machine.read(), Activity(moment, moment), [])
    assert found["Command"] == "python3 -c 'import x; x.y()'"
    assert found["Library"] == "unknown: the model was not loaded from a file"


PROVENANCE = {
    "Noise": "quiet",
    "Processor": "AMD EPYC 9554 (AuthenticAMD, family 25)",
    "Governor": "performance (amd-pstate)",
    "Kernel": "Linux 6.8.0-45-generic #45-Ubuntu SMP x86_64",
    "Turbo": f"{UNKNOWN}the kernel has no switch for it",
    "Date": "2026-11-27 04:34:46+00:00",
    "vmprof": "0.1.0",
    "TVM": "0.27.0",
    "Library's ID": "build ID 1b2579d75093091b09caeb1771c70496, 491440 bytes",
    "CPUs used by others": Ratio(0.4),
    "Measured for (us)": Duration(1_500_000.0),
    "Times slowed down for heat": Count(0),
}


def test_folded_into_a_line() -> None:
    assert folded(PROVENANCE) == (
        "AMD EPYC 9554, Linux 6.8.0-45-generic, governor performance (amd-pstate), "
        "2026-11-27 04:34:46+00:00, vmprof 0.1.0, TVM 0.27.0, library's build 1b2579d75093"
    )
    assert folded({"Library's ID": "sha256 0123456789abcdef"}) == "library's sha256 0123456789ab"
    assert folded({"Governor": f"{UNKNOWN}no cpufreq"}) == folded({}) == ""


def test_unfolded() -> None:
    assert unfolded({**PROVENANCE, "X": Samples((1.0,))})["CPUs used by others"] == "0.400"
    lines = section(PROVENANCE).splitlines()
    assert lines[:3] == ["Provenance", "----------", "Noise: quiet"]
    assert "Measured for (us): 1.50 s" in lines
    assert section({"A": "b\x1b[31m"}).endswith("A: b�[31m\n")
    assert section({}).endswith("the report does not say where it comes from\n")


def test_what_is_written_has_it_and_plain_tables_do_not() -> None:
    report = replace(network(), provenance=PROVENANCE)
    settings = json.loads(report.json())["configuration"]
    assert settings["Provenance: CPUs used by others"] == {"ratio": 0.4}
    assert Report.from_json(report.json()) == report
    (saved,) = parse_reports(report.csv(), "r.csv")
    assert saved.report.provenance == PROVENANCE
    about = json.loads(report.trace())["otherData"]
    assert about["Kernel"] == PROVENANCE["Kernel"]
    assert report.table() == network().table()
