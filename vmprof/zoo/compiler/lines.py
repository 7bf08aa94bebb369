"""Lines of TensorIR for the machine code that is made of it.

TVM's LLVM code generator writes a line table (DWARF) from the spans of statements, and leaves
them empty. Here each statement gets, as the last thing before machine code is made, the number
of the line that it is printed on. That changes nothing of the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import tvm
from tvm import tirx
from tvm.ir import SourceName, Span
from tvm.tirx import compilation_pipeline

from vmprof.native_log import reason_of
from vmprof.program.tensor_ir import FIRST_LINE

# TVM has no type stubs.
Statement = Any
Function = Any

ATTACH_LINES = "vmprof.lines"

_SCOPE = "compute_scope"
_ENTRY = "__tvm_ffi_"
_SOURCE = "TensorIR"
# How the printer is told to mark a statement: behind it, or on the line before.
_MARK = re.compile(r"[ ]*# line-of-(\d+)$")
# What it says of each buffer, and what says nothing.
_NO_LAYOUT = ", layout=None)"
_INDENT = "    "


class Lines:
    """The name of a pipeline for ``tir_pipeline=``; afterwards, the text of all kernels.

    Line 1 of ``text`` has the number :data:`~vmprof.program.tensor_ir.FIRST_LINE`. ``problem``
    says why a kernel has no lines, if one has none.
    """

    def __init__(self) -> None:
        self.pipeline = f"vmprof.lines.{id(self):x}"
        self.problem = ""
        self._printed: list[str] = []

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self._printed)

    def attach(self, module: Any) -> Any:
        """``module`` with spans in its functions, which are printed one after the other."""
        functions = {var.name_hint: (var, each) for var, each in module.functions_items()}
        attached = {}
        for _, (var, function) in sorted(functions.items()):
            if isinstance(function, tirx.PrimFunc):
                try:
                    attached[var] = self._function(var.name_hint, function)
                except Exception as error:  # noqa: BLE001 # without lines it runs as well
                    self.problem = reason_of(error)
        module = tvm.IRModule(module.functions, attrs=module.attrs)
        module.update(tvm.IRModule(attached))
        return module

    def _function(self, name: str, function: Function) -> Function:
        title = self._next
        self._printed.append(f"# {name.removeprefix(_ENTRY)}")
        body = function.body
        # What is outside checks the arguments: it all belongs to the title.
        inside = next(_computing(body), body)
        numbers = self._print(inside)
        self._printed.append("")
        return function.with_body(_Spans(numbers, title, inside).attached(body))

    def _print(self, statement: Statement) -> dict[Any, int]:
        """Print it; the number of its line, by statement."""
        inside = list(_statements(statement))
        marks = {each: f"line-of-{place}" for place, each in enumerate(inside)}
        text = statement.script(obj_to_annotate=marks)
        numbers: dict[Any, int] = {}
        scoped = _is_scope(statement)
        waiting: list[Any] = []
        for line in text.splitlines():
            found = _MARK.search(line)
            if found:
                waiting.append(inside[int(found[1])])
                line = line[: found.start()]  # noqa: PLW2901
            if not line.strip():
                continue  # what was marked is on the next line
            if scoped and not self._is_inside(line):
                waiting.clear()
                continue
            for each in waiting:
                numbers.setdefault(each, self._next)
            waiting.clear()
            line = line.removeprefix(_INDENT) if scoped else line  # noqa: PLW2901
            self._printed.append(line.replace(_NO_LAYOUT, ")"))
        return numbers

    @staticmethod
    def _is_inside(line: str) -> bool:
        return line.startswith(_INDENT)

    @property
    def _next(self) -> int:
        return FIRST_LINE + len(self._printed)


@contextmanager
def lines_attached() -> Iterator[Lines]:
    """Lines for one compilation, with the ``tir_pipeline`` that attaches them."""
    lines = Lines()

    def factory() -> tuple[Any, Any, Any]:
        pipeline, finalize_host, finalize_device = tvm.tirx.get_tir_pipeline("default")

        def finalize() -> Any:
            attach = tvm.transform.module_pass(
                lambda module, _context: lines.attach(module), opt_level=0, name=ATTACH_LINES
            )
            return tvm.transform.Sequential([finalize_host(), attach])

        return pipeline, finalize, finalize_device

    compilation_pipeline.register_tir_pipeline(lines.pipeline, factory)
    try:
        yield lines
    finally:
        del compilation_pipeline.PIPELINE_MAP[lines.pipeline]


class _Spans:
    """Statements with spans: their own line, that of what they lie in, or the title's."""

    def __init__(self, numbers: Mapping[Any, int], title: int, inside: Statement) -> None:
        self._numbers = numbers
        self._title = title
        self._inside = inside
        self._source = SourceName(_SOURCE)

    def attached(self, statement: Statement) -> Statement:
        return self._rebuilt(statement, self._title)

    def _rebuilt(self, statement: Statement, around: int) -> Statement:
        line = self._numbers.get(statement, around)
        span = Span(self._source, line, line, 1, 1)

        def rebuilt(inner: Statement) -> Statement:
            return None if inner is None else self._rebuilt(inner, line)

        match statement:
            case tirx.SeqStmt():
                return tirx.SeqStmt([rebuilt(each) for each in statement.seq], span)
            case tirx.For():
                return tirx.For(
                    statement.loop_var,
                    statement.min,
                    statement.extent,
                    statement.kind,
                    rebuilt(statement.body),
                    statement.thread_binding,
                    statement.annotations,
                    statement.step,
                    span,
                )
            case tirx.While():
                return tirx.While(statement.condition, rebuilt(statement.body), span)
            case tirx.IfThenElse():
                then, otherwise = rebuilt(statement.then_case), rebuilt(statement.else_case)
                return tirx.IfThenElse(statement.condition, then, otherwise, span)
            case tirx.AttrStmt():
                node, key, value = statement.node, statement.attr_key, statement.value
                return tirx.AttrStmt(node, key, value, rebuilt(statement.body), span)
            case tirx.BufferStore() if getattr(statement, "predicate", None) is None:
                return tirx.BufferStore(
                    statement.buffer, statement.value, statement.indices, span=span
                )
            case tirx.Evaluate():
                return tirx.Evaluate(statement.value, span)
            case tirx.Bind():
                return tirx.Bind(statement.var, statement.value, span)
            case tirx.DeclBuffer():
                return tirx.DeclBuffer(statement.buffer, data=statement.data, span=span)
            case tirx.AllocBuffer():
                return tirx.AllocBuffer(statement.buffer, statement.annotations, span)
        return statement  # it has the line of what comes before


def _computing(statement: Statement) -> Iterator[Statement]:
    return (each for each in _statements(statement) if _is_scope(each))


def _is_scope(statement: Statement) -> bool:
    return isinstance(statement, tirx.AttrStmt) and statement.attr_key == _SCOPE


def _statements(statement: Statement) -> Iterator[Statement]:
    """``statement`` and all that it holds, in order."""
    yield statement
    if isinstance(statement, tirx.SeqStmt):
        for each in statement.seq:
            yield from _statements(each)
    for part in ("body", "then_case", "else_case"):
        inner = getattr(statement, part, None)
        if inner is not None:
            yield from _statements(inner)
