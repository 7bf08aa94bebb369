"""Writes the seeds that fuzzing begins with: small inputs as real ones are.

    python tests/fuzz/make_seeds.py

What fuzzing found, in files whose names begin with ``found``, is left as it is.
"""

from __future__ import annotations

import io
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

TESTS = Path(__file__).parents[1]
CORPUS = Path(__file__).parent / "corpus"
Seeds = Iterator[tuple[str, str, bytes]]  # target, name, content


def all_seeds() -> Seeds:
    yield from _bytecode()
    yield from _texts()
    yield from _machines()
    yield from _reports()
    yield from _recordings()
    yield from _infos()
    yield from _libraries()
    yield from _toml()
    yield from _arrays()
    yield from _remote()
    yield from _kept()


def _bytecode() -> Seeds:
    from support.constants import tensor_constant
    from support.random_bytecode import Generator

    from vmprof.program.bytecode import (
        Bytecode,
        Call,
        ConstantReference,
        Function,
        FunctionKind,
        FunctionReference,
        Immediate,
        Register,
        Ret,
    )
    from vmprof.program.writer import write_bytecode

    for seed in (3, 5, 8):
        yield "bytecode", f"random{seed}", write_bytecode(Generator(seed, 1).bytecode)
    table = (
        Function(FunctionKind.VM, "main", 0, 5, 2, 4, ("x", "ids")),
        *(
            Function(FunctionKind.PACKED, f"vm.builtin.{name}", 0, 0, 0, 0, ())
            for name in ("check_tensor_info", "match_shape", "tuple_getitem", "make_tuple")
        ),
        Function(FunctionKind.VMTIR, "compiled", 0, 0, 1, 1, ("x",)),
    )
    context = "ErrorContext(fn=main, loc=param[0], param=x, annotation={})"
    constants = (
        tensor_constant((2, 32, 1), (2, 3)),
        context.format('R.Tuple(R.Tensor((n, 2 * n + 1), dtype="float32"), R.Shape([n]))'),
        2.5,
        7,
    )
    note, registers = ConstantReference(1), [Register(i) for i in range(4)]
    code = (
        Call(registers[2], FunctionReference(3, table[3].name), (registers[0], Immediate(0))),
        Call(registers[3], FunctionReference(1, table[1].name), (registers[2], Immediate(2), note)),
        Call(
            registers[3],
            FunctionReference(2, table[2].name),
            (registers[2], registers[1], Immediate(2), *map(Immediate, (1, 0, 0, 3)), note),
        ),
        Call(registers[3], FunctionReference(4, table[4].name), (ConstantReference(0), *registers)),
        Ret(registers[3]),
    )
    yield "bytecode", "checks", write_bytecode(Bytecode(table, code, constants, {0: "global"}))


def _texts() -> Seeds:
    events = (
        "cycles,instructions,cache-misses:u",
        "{cycles,L1-dcache-load-misses}:k,task-clock",
        "cpu/event=0x3c,umask=0x1,cmask=1/,r1a8:uk,mem:0x1000/8:rw",
        "perf::CYCLES,PAPI_TOT_CYC,PAPI_L1_DCM,msr/tsc/,uncore_imc_0/cas_count_read/",
        "cpu_core/cycles/,armv8_pmuv3_0/l1d_cache_refill/,sched:sched_switch,software/config=1/",
    )
    for number, text in enumerate(events):
        yield "events", str(number), text.encode()
    expressions = (
        "1e6 * page_faults / task_clock",
        "-(a + 2.5) / (b - -c) * 100",
        "vendor == 'GenuineIntel' and (model >= 143 or not smt)",
        "family == 0x19 and has('cpu/slots/')",
        "1 < a <= 3 != b",
    )
    for number, text in enumerate(expressions):
        yield "expression", str(number), text.encode()


def _machines() -> Seeds:
    """A few files of each."""
    folder = TESTS / "data/machines"
    for root in sorted(folder.iterdir()):
        if not root.is_dir():
            continue
        files = [path for path in sorted(root.rglob("*")) if path.is_file()]
        kept = [path for path in files if "event_source" not in path.parts]
        events = [path for path in files if "event_source" in path.parts]
        kept = (
            [path for path in kept if path.stat().st_size < 1500][:12]
            + [
                path
                for path in events
                if path.name in ("type", "cpus", "cpumask", "rdpmc", "event")
            ][:14]
            + events[:: max(1, len(events) // 12)]
        )
        cpuinfo = root / "proc/cpuinfo"
        parts = [(path, path.read_bytes()) for path in dict.fromkeys(kept) if path != cpuinfo]
        parts.append((cpuinfo, cpuinfo.read_bytes().split(b"\n\n")[0] + b"\n"))
        yield (
            "machine",
            root.name,
            b"".join(
                b"=== %b\n%b\n" % (str(path.relative_to(root)).encode(), content)
                for path, content in parts
            ),
        )


def _reports() -> Seeds:
    from support.reports import hostile, network

    from vmprof.inside.code import Function, MachineCode
    from vmprof.report import Report
    from vmprof.report.render import html

    small = network(1, tasks=True)
    yield "report-json", "network", small.json().encode()
    yield "report-json", "hostile", hostile().json().encode()
    code = MachineCode("/m.so", "ab", "x86_64", (Function("f", 16, b"\xc3", ((16, 2),)),), {2: "#"})
    described = Report(
        small.calls[:1],
        small.device_metrics,
        {"Model": "m"},
        missing={"perf::CYCLES": "no PMU"},
        derived=small.derived,
        code=(code,),
        provenance={"Host": "h"},
    )
    yield "report-json", "described", described.json().encode()
    document = json.loads(small.json())
    rows = [{**row, "Duration (us)": {"microseconds": 2.5}} for row in document["calls"][:2]]
    old = {"calls": rows, "device_metrics": {"cpu0": rows[0]}, "configuration": {}}
    yield "report-json", "two", f"log\n{json.dumps(old)}\nmore\n{json.dumps(old)}\n".encode()
    for name, report in (("network", small), ("hostile", hostile())):
        yield "report-csv", name, report.csv().encode()
        yield "report-text", name, str(report).encode()
    yield "report-csv", "german", report.csv().replace(",", ";").encode("utf-16")
    text = (TESTS / "data/tvm-relay-papi-mlp.txt").read_text(encoding="utf-8")
    yield "report-text", "tvm", text[:6000].encode()
    short = Report(small.calls[:1], small.device_metrics, {})
    yield "report-parquet", "short", short.parquet()
    page = html.page.render(short)
    begin = page.index('<script type="application/json" id="reports">')
    end = page.index("</script>", begin) + len("</script>")
    yield "report-page", "short", f"<!doctype html><title>x</title>{page[begin:end]}".encode()


def _recordings() -> Seeds:
    from dataclasses import replace

    from support.recordings import Made

    from vmprof.program.kernels import Kernel
    from vmprof.recording.saved import dumps
    from vmprof.recording.tables import TIMED, UNRECORDED
    from vmprof.runs.storages import ALIVE, ALLOCATION
    from vmprof.values import Derived

    numbers = Made(columns=("cycles", "instructions"))
    for turn in (TIMED, 1, UNRECORDED) * 3:
        numbers.add(turn, 5000, [("a", "float32[2]", 0, 3000), ("b", "", 1, 1000)])
    kernel = Kernel("0a", ("add",), {"layout": "NCHW"}, ((2, "n"),), "n * 2", 8, "T.min(n, 8)")
    recording = replace(
        numbers.recording(),
        allocations=np.array([(0, 1, ALIVE, 64), (3, 1, 2, 8)], dtype=ALLOCATION),
        kernels={0: kernel},
        derived=(Derived("IPC", "i / c", "ratio", {"i": "instructions", "c": "cycles"}),),
    )
    yield "recording", "counted", dumps(recording)
    plain = Made()
    for _ in range(4):
        plain.add(TIMED, 4000, [("a", "float32[2]", 0, 300), ("a", "float32[3]", 0, 300)])
    yield "recording", "timed", dumps(plain.recording())


def _infos() -> Seeds:
    from vmprof.program.info import ModelInfo, Signature, info_path, write_info
    from vmprof.program.kernels import Flow, Kernel
    from vmprof.program.layers import KernelCall

    kernel = Kernel(
        "0123456789abcdef",
        ("nn.conv2d", "add"),
        {"data_layout": "NCHW"},
        ((1, "n"), (None, 3)),
        "2 * n * n",
        "T.min(n, 8)",
        64,
        ("n", None),
        (Flow(0, 1, exact=True),),
    )
    info = ModelInfo(
        {"fused": kernel},
        {"main": Signature(1, ('R.Tensor((n, 3), dtype="float32")', "R.Shape([n])"))},
        {"main": (KernelCall("fused", "layer1"),)},
    )
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "model.so"
        library.write_bytes(b"no library")
        write_info(info, library)
        yield "info", "all", info_path(library).read_bytes()


_SOURCE = """
__attribute__((noinline)) static int hidden(int x) { return x * 3 + (x >> 2); }
int shown(int x) { return hidden(x) + 1; }
int __tvm_ffi_kernel(int x) { return hidden(x) - 1; }
"""


def _libraries() -> Seeds:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Line tables are read where TVM's code generator wrote them, who calls its source so.
        source = "IRModule.CodeGenLLVM"
        (folder / source).write_text(_SOURCE, encoding="utf-8")
        for kind, options in (("plain", ["-O1"]), ("lines", ["-O1", "-g1", "-gdwarf-5"])):
            command = ["gcc", *options, "-shared", "-fPIC", "-nostdlib", "-Wl,--build-id",
                       "-Wl,-z,max-page-size=64", "-o", "a.so", "-xc", source]  # fmt: skip
            subprocess.run(command, cwd=folder, check=True)
            yield "library", f"{kind}-{platform.machine()}", (folder / "a.so").read_bytes()


def _toml() -> Seeds:
    shipped = TESTS.parent / "vmprof"
    for path in sorted((shipped / "counters/sets").glob("*.toml"))[:6]:
        yield "counter-set", path.stem, path.read_bytes()
    for path in sorted((shipped / "report/advice/rules").glob("*.toml"))[:6]:
        yield "rule", path.stem, path.read_bytes()


def _arrays() -> Seeds:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    for name, of in (("floats", array), ("order", array.T), ("big", array.astype(">i2"))):
        file = io.BytesIO()
        np.save(file, of)
        yield "arrays", name, file.getvalue()
    for name, save in (("plain", np.savez), ("packed", np.savez_compressed)):
        file = io.BytesIO()
        save(file, a=array, b=np.zeros((), "int64"))
        yield "weights", name, file.getvalue()


def _remote() -> Seeds:
    from fuzz.targets import BETWEEN

    from vmprof.drivers.options import Profiling
    from vmprof.remote.arguments import Packed
    from vmprof.remote.exchange import Model, News, Order, Problem, encoded, plain_profiling

    def answer(result: bytes) -> list[bytes]:
        over = News(over=True, bytes=len(result), warnings=("something",))
        return [encoded(News(step="measuring", done=0.5)).encode(), encoded(over).encode(), result]

    packed = Packed()
    plain = packed.pack((np.arange(3.0), 4, {"x": [2.5, None]}))
    with tempfile.TemporaryDirectory() as name:
        packed.write(path := Path(name, "arrays.npz"))
        outputs = json.dumps(plain).encode() + b"\n" + path.read_bytes()
    doctor = b'{"hardware": false, "findings": []}'
    events = b'{"names": ["cycles"], "text": "cycles", "data": {}}'
    peaks = b'{"peaks": [], "kept": ["peaks.json"]}'
    for name, parts in (
        (
            "all",
            [*answer(doctor), *answer(events), *answer(outputs), *answer(peaks), *answer(b"{}")],
        ),
        ("problem", [encoded(News(over=True, problem=Problem("a", "b", ("c",)))).encode()]),
        ("hello", [b'{"name": "n", "provenance": {"CPU": "c"}}']),
    ):
        hello = [] if name == "hello" else [b""]
        yield "answers", name, BETWEEN.join([*hello, *parts])
    model = Model(
        "0/model.so", "model", "/there/model.so", "main", plain, None, "arrays.npz", {"n": 4}
    )
    order = Order(model, plain_profiling(Profiling()), "vmprof", "vmprof run model.so")
    yield "order", "plain", encoded(order).encode()


def _kept() -> Seeds:
    """What vmprof keeps of studies and of machines."""
    study = {"vmprof study": 1, "title": "t", "about": {"model": "m.so"}, "points": ["a:1", "b:2"]}
    yield "study", "two", json.dumps(study).encode()
    rate = {"best": 30.5, "least": 30.0, "settled": True}
    levels = [{"name": "L1d", "bytes": 32768, "rate": rate}]
    levels += [{"name": "memory", "bytes": None, "rate": rate}]
    peaks = {
        "threads": 2,
        "gflops": rate,
        "levels": levels,
        "when": "2026-01-01",
        "measurements": 1,
    }
    entry = {"threads": 2, "history": [peaks, peaks]}
    old = {"threads": 2, "gflops": 30.5, "bandwidth": 9}
    kept = {"a processor, 2 threads": entry, "another": old}
    yield "peaks", "one", json.dumps(kept).encode()
    yield "peaks", "old", json.dumps({"a processor, 2 threads": old}).encode()


def main() -> None:
    sys.path.insert(0, str(TESTS))
    for target in {path.name for path in CORPUS.iterdir()} if CORPUS.is_dir() else ():
        for path in (CORPUS / target).iterdir():
            if not path.name.startswith("found"):
                path.unlink()
    for target, name, content in all_seeds():
        (CORPUS / target).mkdir(parents=True, exist_ok=True)
        (CORPUS / target / name).write_bytes(content)


if __name__ == "__main__":
    main()
