"""What code is compiled for: targets as users write them, and as hosts describe themselves."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest
import tvm
from support.machines import machine
from tvm.target import codegen

from vmprof import VmprofError
from vmprof.cli.parser import make_parser
from vmprof.counters import Machine
from vmprof.counters.hardware.cpuinfo import Processor
from vmprof.counters.hardware.instruction_sets import HostTarget, described_target
from vmprof.program.architecture import architecture_of, library_architecture
from vmprof.subject.cross import compiled_for
from vmprof.subject.options import Subject
from vmprof.zoo.compiler.linking import linking_options
from vmprof.zoo.compiler.target import architecture, parsed_target
from vmprof.zoo.lowering import host
from vmprof.zoo.lowering.host import host_target, this_target, vector_lanes
from vmprof.zoo.options import Toolchain

ARM, X86 = "aarch64-linux-gnu", "x86_64-linux-gnu"


def of(triple: str, **attributes: object) -> dict[str, object]:
    return {"kind": "llvm", "mtriple": triple, **attributes}


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (ARM, "aarch64"),
        ("arm64-linux-gnu", "aarch64"),
        (json.dumps(of(ARM, mcpu="neoverse-n1")), "aarch64"),
        (of("armv7l-linux-gnueabihf"), "arm"),
        ("raspberry-pi/4b-aarch64", "aarch64"),  # one of TVM's tags
        (tvm.target.Target(of(X86)), "x86_64"),
    ],
)
def test_what_users_write(target: object, kind: str) -> None:
    assert architecture(parsed_target(target)) == kind


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("foo", "TVM knows no target foo: .*give an LLVM triple such as aarch64-linux-gnu"),
        ("llvm -mcpu=x", "TVM knows no target llvm -mcpu=x"),
        ('{"kind"', "TVM knows no target"),
        (None, "TVM knows no target None"),
        ("no-such-triple", "the LLVM in TVM cannot compile for no-such-triple; it knows: aarch64"),
        (of(ARM, mcpu="neoverse-n11"), "knows no processor 'neoverse-n11' .*it knows: neoverse-n1"),
        (of(X86, mcpu="cortex-a72"), "knows no processor 'cortex-a72'"),
    ],
)
def test_what_nobody_knows_is_an_error(target: object, message: str) -> None:
    """And not code for another processor, with a line of LLVM's on stderr."""
    with pytest.raises(VmprofError, match=message):
        parsed_target(target)


def test_options() -> None:
    arguments = ["run", "mlp", "--target", ARM, "--cc", "cross-cc", "--sysroot", "/arm"]
    options = make_parser(arguments).parse_args([*arguments, "--cc-option=-static-libgcc"])
    toolchain = Toolchain.from_options(options)
    assert toolchain == Toolchain(ARM, "cross-cc", ("-static-libgcc", "--sysroot=/arm"))
    assert toolchain
    assert not Toolchain.from_options(make_parser(["run"]).parse_args(["run", "mlp"]))


def test_the_compiler_that_links(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    arm = parsed_target(ARM)
    with pytest.raises(VmprofError, match=r"takes aarch64-linux-gnu-gcc, .*gcc-aarch64-linux-gnu"):
        linking_options(arm)
    with pytest.raises(VmprofError, match="no C compiler that links for sparc64; name one"):
        linking_options(parsed_target("sparc64-linux-gnu"))
    with pytest.raises(VmprofError, match="the C compiler cross-cc is not there"):
        linking_options(arm, Toolchain(compiler="cross-cc"))
    for name in ("aarch64-linux-gnu-gcc", "cross-cc"):
        (tmp_path / name).touch(0o755)
    assert linking_options(arm) == {"cc": "aarch64-linux-gnu-gcc"}
    assert linking_options(arm, Toolchain(ARM, "cross-cc", ("--sysroot=/arm",))) == {
        "cc": "cross-cc",
        "options": ["--sysroot=/arm"],
    }


def test_what_runs_elsewhere_is_refused_before_it_is_compiled(tmp_path: Path) -> None:
    here, there = HostTarget(json.dumps(of(X86))), HostTarget(json.dumps(of(ARM)))
    with pytest.raises(VmprofError, match=r"compiled for aarch64 .*a processor of the kind x86_64"):
        compiled_for(Subject("mlp", toolchain=Toolchain(ARM)), here)
    library = tmp_path / "model.so"
    library.write_bytes(struct.pack("<4sBB10xHH", b"\x7fELF", 2, 1, 3, 62))
    assert library_architecture(library) == "x86_64"
    assert compiled_for(Subject(library), here).source == library
    with pytest.raises(VmprofError, match="is for processors of the kind x86_64, and would run"):
        compiled_for(Subject(library), there)
    with pytest.raises(VmprofError, match="a schedule is for models that are not"):
        compiled_for(Subject(library, schedule="cpu"), here)


@pytest.mark.parametrize(
    ("processor", "features", "lanes"),
    [
        ("x86-64", [], 4),
        ("sandybridge", [], 8),
        ("haswell", [], 8),
        ("x86-64-v4", [], 16),
        ("emeraldrapids", ["-avx512f"], 8),  # of a hypervisor that hides them
    ],
)
def test_vectors_are_as_wide_as_those_of_the_target(
    processor: str, features: list[str], lanes: int
) -> None:
    assert vector_lanes(parsed_target(of(X86, mcpu=processor, mattr=features))) == lanes
    assert vector_lanes(parsed_target(ARM)) == 4


# What the kernel says of each, and what LLVM is told.
DESCRIBED = {
    "arm-graviton2": {"mcpu": "neoverse-n1", "mattr": ["-bf16", "-i8mm", "-sve", "-sve2", "-sme"]},
    "arm-big-little": {"mcpu": "generic"},
    "intel-alder-lake": {"mcpu": "x86-64", "mattr": ["+avx2"]},  # few flags were recorded of it
}


@pytest.mark.parametrize("name", DESCRIBED)
def test_a_host_without_the_compiler(name: str) -> None:
    kind = "aarch64" if name.startswith("arm") else "x86_64"
    described = described_target(machine(name), kind)
    assert json.loads(described.text) == of(f"{kind}-linux-gnu", **DESCRIBED[name])
    assert bool(described.note) == (name != "arm-graviton2")
    parsed_target(described.text)


def test_an_x86_host_is_of_a_level() -> None:
    v3 = "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3 avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"
    described = described_target(Machine(flags=frozenset({*v3.split(), "avx_vnni"})), "x86_64")
    assert json.loads(described.text) == of(X86, mcpu="x86-64-v3", mattr=["+avxvnni"])
    assert "x86-64-v3 and 1 more" in described.note


def test_other_hosts_are_told_plainly() -> None:
    unknown = Machine(processors={0: Processor(implementer=0x99, part=1)}, flags=frozenset({"sve"}))
    described = described_target(unknown, "aarch64")
    assert json.loads(described.text) == of(ARM, mcpu="generic", mattr=["+sve"])
    assert "LLVM's name of the processor is not known" in described.note
    assert json.loads(described_target(unknown, "riscv64").text) == of("riscv64-linux-gnu")


def test_this_host_with_the_compiler_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = this_target()
    assert exact == HostTarget(str(host_target()))
    assert str(parsed_target(exact.text)) == exact.text
    lanes = vector_lanes(host_target())
    monkeypatch.setattr(host, "has_compiler", lambda: False)
    assert vector_lanes(parsed_target(this_target().text)) == lanes


def test_what_a_hypervisor_hides_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    target = of(X86, mcpu="emeraldrapids")
    monkeypatch.setattr(codegen, "llvm_get_system_triple", lambda: X86)
    monkeypatch.setattr(codegen, "llvm_get_system_cpu", lambda: target["mcpu"])
    seen = replace(Machine(), flags=frozenset({"avx", "fma", "avx2", "avx512f"}))
    monkeypatch.setattr(host.Machine, "read", lambda: seen)
    hidden = {str(each) for each in host_target().attrs["mattr"]}
    assert {"-avx512fp16", "-avx512bf16", "-amx-tile", "-avxvnni", "-avx512bw"} <= hidden
    assert hidden.isdisjoint({"-avx", "-fma", "-avx2", "-avx512f"})


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("amd64", "x86_64"),
        ("arm64-apple-darwin", "aarch64"),
        ("armv8l", "arm"),
        ("i686-linux-gnu", "i686"),
        ("riscv64", "riscv64"),
    ],
)
def test_kinds_of_processors(name: str, kind: str) -> None:
    assert architecture_of(name) == kind


def test_a_file_that_is_no_library(tmp_path: Path) -> None:
    for content in (b"", b"\x7fELF", b"\x7fELF\x02\x02" + 58 * b"\0"):
        (tmp_path / "model.so").write_bytes(content)
        assert library_architecture(tmp_path / "model.so") is None
    assert library_architecture(tmp_path) is None
