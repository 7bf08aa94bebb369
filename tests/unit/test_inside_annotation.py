"""Samples and machine code -> shares of lines, loops and functions; kept, and shown."""

from __future__ import annotations

import json
import platform
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from support.machine_code import kernel_of
from support.sampled_code import CODE, TEXT, sampled_report

from vmprof import VmprofError
from vmprof.inside import keep
from vmprof.inside.annotation import Annotation, Spot, annotate
from vmprof.inside.code import Function, MachineCode, kernels_of
from vmprof.inside.keep import dumps, loads
from vmprof.report import Report
from vmprof.report.annotated import VECTOR_WIDTH, annotated, with_code, with_vector_widths
from vmprof.report.render.inside import json as as_json
from vmprof.report.render.inside import page, text
from vmprof.report.render.stacks import stacks_of
from vmprof.sampling.model import Hit, Library
from vmprof.values import Ratio

ADD, STEP, COUNT, JUMP, RETURN = 0x1002, 0x1006, 0x100A, 0x100C, 0x100E


def spot(address: int, samples: int) -> Spot:
    return Spot("/models/m.so", "kernel_compute_", address, samples)


@pytest.fixture
def annotation() -> Annotation:
    return annotate(
        [CODE],
        [
            spot(0x1000, 1), spot(ADD, 60), spot(STEP, 5), spot(JUMP, 15), spot(RETURN, 4),
            spot(ADD + 1, 10),  # in the middle of the instruction
            Spot("[kernel]", "do_something", 0, 3), Spot("/lib/libm.so", "", 0x40, 2),
        ],
    )  # fmt: skip


def test_lines_have_their_samples_and_loops_those_inside(annotation: Annotation) -> None:
    found = {line.number: (line.samples, line.inside) for line in annotation.lines}
    assert found == {
        2: (0, None),
        3: (0, None),
        4: (0, 91),
        5: (1, None),
        6: (20, 90),  # counting and jumping have no line of their own
        7: (70, None),
        8: (4, None),
    }
    assert (annotation.samples, annotation.known, annotation.unlined) == (100, 95, 5)


def test_loops_have_the_line_that_they_were_made_of(annotation: Annotation) -> None:
    (loop,) = annotation.loops
    assert (loop.loop.begin, loop.loop.depth, loop.samples, loop.own, loop.line) == (
        ADD, 1, 90, 90, 6,
    )  # fmt: skip
    assert (loop.mix.instructions, loop.mix.widths) == (4, {"scalar": 4})
    assert (loop.mix.loads, loop.mix.stores, loop.mix.fmas) == (1, 0, 0)


def test_functions_are_those_of_all_libraries(annotation: Annotation) -> None:
    assert [(share.name, share.samples) for share in annotation.functions] == [
        ("kernel_compute_", 95),
        ("do_something", 3),
        ("", 2),
    ]


def test_width_is_that_of_the_data_also_where_samples_are_on_the_counting_beside() -> None:
    """add; jump; vector of 256: in the loop all is for the vector, outside 32 bits are."""
    # xor eax, eax; [vaddps ymm0, ymm0, ymm1; dec eax; jne back]; ret
    content = bytes.fromhex("31c0c5fc58c1ffc875f8c3")
    function = Function("f", 0, content)
    code = MachineCode("f.so", "", "x86_64", (function,))
    found = annotate([code], [Spot("f.so", "f", at, n) for at, n in ((0, 1), (2, 1), (8, 2))])
    assert found.widths.by_name == {"scalar": 1, "256": 3}
    assert found.widths.mean == (32 + 3 * 256) / 4


def test_width_of_scalable_vectors_is_that_of_the_machine() -> None:
    function = Function("f", 0, bytes.fromhex("65a20020")[::-1])  # fmla z0.s, p0/m, z1.s, z2.s
    spots = [Spot("f.so", "f", 0, 2)]
    known = annotate([MachineCode("f.so", "", "aarch64", (function,), vector_bits=256)], spots)
    assert (known.widths.by_name, known.widths.mean) == ({"SVE": 2}, 256)
    unknown = annotate([MachineCode("f.so", "", "aarch64", (function,))], spots)
    assert (unknown.widths.by_name, unknown.widths.mean) == ({"SVE": 2}, None)


def test_kernels_are_told_apart_by_gaps() -> None:
    assert kernels_of(TEXT) == [range(2, 9), range(10, 12)]
    assert kernels_of({}) == []


def test_part_of_code() -> None:
    part = CODE.part({0x1000})
    assert part is not None
    assert part.functions == CODE.functions
    assert set(part.text) == set(range(2, 9))
    assert CODE.part({0x1001}) is None


# ---- in reports ----------------------------------------------------------------------------------


def test_code_comes_back_from_json() -> None:
    report = sampled_report()
    assert Report.from_json(report.json()) == report
    assert loads(dumps([CODE, CODE])) == (CODE, CODE)


@pytest.mark.parametrize(
    "damaged", ["", "no base64!", "QUJD", dumps([CODE])[:-30], dumps([CODE])[30:]]
)
def test_damaged_code_is_refused(damaged: str) -> None:
    with pytest.raises(VmprofError, match="its code is broken"):
        loads(damaged)


def test_a_code_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "_MOST_KEPT", 100)
    with pytest.raises(VmprofError, match="its code is broken"):
        loads(dumps([CODE]))


def test_operators_have_their_share_of_all_samples() -> None:
    (operator,) = annotated(sampled_report()).operators
    assert (operator.name, operator.samples, operator.share) == ("kernel", 40, 0.8)


def test_what_was_not_sampled_cannot_be_annotated() -> None:
    report = replace(sampled_report(), samples=None)
    with pytest.raises(VmprofError, match="no samples: it was measured without --sample"):
        annotated(report)
    refused = replace(report, missing={"Samples": "perf_event_open is not permitted"})
    with pytest.raises(VmprofError, match="no samples: perf_event_open is not permitted"):
        annotated(refused)


def test_vector_width_is_a_column_where_there_are_samples_enough() -> None:
    (row,) = with_vector_widths(sampled_report()).calls
    assert row[VECTOR_WIDTH] == Ratio(32.0)
    few = replace(
        sampled_report(), samples=replace(sampled_report().samples, hits=(Hit(0, 0, ADD, 0, 9, 9),))
    )
    assert VECTOR_WIDTH not in with_vector_widths(few).calls[0]
    unsampled = replace(sampled_report(), samples=None)
    assert with_vector_widths(unsampled) is unsampled
    builtin = sampled_report(name="vm.builtin.copy")
    assert VECTOR_WIDTH not in with_vector_widths(builtin).calls[0]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="assembles for x86-64")
def test_code_is_read_where_it_lies_unless_it_is_another_by_now(tmp_path: Path) -> None:
    code, _ = kernel_of(tmp_path)
    report = replace(sampled_report(code), code=())
    assert with_code(report, {}).code == (code,)
    (operator,) = annotated(report).operators
    assert operator.annotation.known == 40
    other = replace(report.samples, libraries=(Library(code.path, "file", "0123"),))
    changed = annotated(replace(report, samples=other))
    assert changed.unread == {code.path: "it was built anew since it was sampled"}
    assert changed.operators[0].annotation.known == 0
    Path(code.path).unlink()
    gone = annotated(report)
    assert gone.unread == {code.path: "it cannot be read: No such file or directory"}
    assert [share.name for share in gone.operators[0].annotation.functions] == ["kernel"]
    Path(code.path).write_bytes(b"no library")
    assert annotated(report).unread[code.path].startswith("its code cannot be read: ")
    shutil.copy("/proc/self/exe", code.path)
    assert "built anew" in annotated(report).unread[code.path]
    # What was kept needs no library.
    assert not annotated(replace(report, code=(code,))).unread


# ---- shown ---------------------------------------------------------------------------------------


def test_text_by_line(annotation: Annotation) -> None:
    report = sampled_report()
    everything = annotated(report)
    operator = replace(everything.operators[0], annotation=annotation)
    shown = text.operator_text(everything, operator, "line", width=None, colour=False)
    assert (
        shown
        == """\
kernel
100 samples of cpu-clock, 80.0 % of all; shares are true to 9.8 %
Vector width: 32 bits (scalar 100.0 %; of the 95.0 % of the samples whose code is known)

Loops of the machine code, and what is in them
 Share  Begins at  Depth  Instructions  scalar  Loads  Stores  FMAs  Line  Loop of
90.0 %     0x1002      1             4       4      1       0     0     6  for k in range(64):

 Share  In loop  Line  TensorIR
                    2  # kernel
                    3  y = T.decl_buffer((64,))
         91.0 %     4  for i in range(4):
 1.0 %              5      y[i] = T.float32(0)
20.0 %   90.0 %     6      for k in range(64):
70.0 %              7          y[i] = y[i] + x[k]
 4.0 %              8  y[0] = T.float32(1)
 5.0 %                 (of no line)

 Share  Function         Library
95.0 %  kernel_compute_  m.so
 3.0 %  do_something     [kernel]
 2.0 %  (no symbol)      libm.so
"""
    )


def test_text_by_instruction(annotation: Annotation) -> None:
    everything = annotated(sampled_report())
    operator = replace(everything.operators[0], annotation=annotation)
    shown = text.operator_text(everything, operator, "instruction", width=None, colour=False)
    assert (
        """
kernel_compute_, 95.0 %
 Share  Address  Line   Width  Instruction
 1.0 %     1000     5          xor eax, eax
70.0 %     1002     7  scalar  | vaddss xmm0, xmm0, dword ptr [rdi]
 5.0 %     1006     6          | add rdi, 4
           100a     6          | dec eax
15.0 %     100c     6          | jne 0x1002
 4.0 %     100e     8          ret
"""
        in shown
    )


def test_without_lines_instructions_are_shown_and_it_says_so() -> None:
    code = msgspec.structs.replace(
        CODE, text={}, functions=(msgspec.structs.replace(CODE.functions[0], lines=()),)
    )
    everything = annotated(sampled_report(code))
    (operator,) = everything.operators
    shown = text.operator_text(everything, operator, "line", width=None, colour=False)
    assert "Lines are known of libraries that vmprof compiled; these are instructions." in shown
    assert "| vaddss xmm0" in shown


def test_colour_is_on_what_is_hot_alone(annotation: Annotation) -> None:
    everything = annotated(sampled_report())
    operator = replace(everything.operators[0], annotation=annotation)
    shown = text.operator_text(everything, operator, "line", width=80, colour=True)
    marked = [line for line in shown.splitlines() if line.startswith("\x1b[1m")]
    assert [line.removesuffix("\x1b[0m").split("m", 1)[1][:6] for line in marked] == [
        "kernel", "90.0 %", "20.0 %", "70.0 %", "95.0 %",
    ]  # fmt: skip
    assert "\x1b" not in text.operator_text(everything, operator, "line", width=80, colour=False)


def test_what_has_no_samples_is_left_out_of_long_lists() -> None:
    lines = {number: f"y[{number}] = 0" for number in range(2, 60)}
    function = msgspec.structs.replace(CODE.functions[0], lines=((0x1000, 30),))
    code = msgspec.structs.replace(CODE, text=lines, functions=(function,))
    everything = annotated(sampled_report(code))
    shown = text.operator_text(
        everything, everything.operators[0], "line", width=None, colour=False
    )
    listed = [line for line in shown.splitlines() if "y[" in line or "without samples" in line]
    assert listed[0].endswith("(25 lines without samples)")
    assert listed[-1].endswith("(26 lines without samples)")
    assert [int(line.split("[")[1].split("]")[0]) for line in listed[1:-1]] == [*range(27, 34)]


def test_json_has_everything(annotation: Annotation) -> None:
    everything = annotated(sampled_report())
    operator = replace(everything.operators[0], annotation=annotation)
    document = json.loads(as_json.render(everything, [operator]))
    (shown,) = document["operators"]
    assert document["samples"] == 50
    assert shown["vector_width_bits"] == 32
    assert [line["samples"] for line in shown["lines"]] == [0, 0, 0, 1, 20, 70, 4]
    assert shown["lines"][4]["in_loop"] == 90
    assert [step["samples"] for step in shown["code"][0]["instructions"]] == [1, 70, 5, 0, 15, 4]
    assert shown["loops"][0]["line"] == 6


def test_page_takes_foreign_text_for_text(annotation: Annotation) -> None:
    name = "<script>alert(1)</script>"
    code = msgspec.structs.replace(CODE, text={**TEXT, 7: f"    {name}"})
    report = sampled_report(code, name=name)
    everything = annotated(report)
    shown = page.render(everything, everything.operators)
    assert name not in shown
    assert shown.count("&lt;script&gt;alert(1)") == 2  # the operator, the line
    assert "style=" not in shown  # the policy forbids it


def test_stacks_end_in_lines() -> None:
    """As the annotation has them: what has no line of its own is its loop's."""
    report = sampled_report()
    hits = tuple(Hit(0, 0, at, 0, n, n) for at, n in ((ADD, 5), (STEP, 3), (RETURN, 1)))
    stacks = stacks_of(replace(report, samples=replace(report.samples, hits=hits)))
    lines = {stack.frames[-1]: stack.samples for stack in stacks}
    assert [(frame.name, frame.line, samples) for frame, samples in lines.items()] == [
        ("y[i] = y[i] + x[k]", 7, 5),
        ("for k in range(64):", 6, 3),
        ("y[0] = T.float32(1)", 8, 1),
    ]
    assert {(frame.kind, frame.file) for frame in lines} == {("line", "/models/m.so.vmprof.tir")}
    without = stacks_of(replace(report, code=()))
    assert {stack.frames[-1].kind for stack in without} == {"code"}
