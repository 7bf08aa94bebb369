"""What code is compiled for."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any

import tvm
from tvm.target import codegen

from vmprof.errors import VmprofError
from vmprof.native_log import kept_quiet, reason_of
from vmprof.program.architecture import architecture_of, this_architecture

_LLVM = "llvm"


def parsed_target(target: Any) -> tvm.target.Target:
    """``target`` as TVM has it: whatever ``tvm.target.Target`` takes, or an LLVM triple.

    Raises :class:`VmprofError` for what TVM does not know, and for a processor or an
    instruction set that its LLVM does not know: it would compile for another one.
    """
    named = target
    if isinstance(target, str) and _is_triple(target):
        named = {"kind": _LLVM, "mtriple": target}
    try:
        parsed = tvm.target.Target(named)
    except Exception as error:  # TVM raises what it likes
        raise VmprofError(
            f"TVM knows no target {_written(target)}: {reason_of(error)}; give an LLVM triple such "
            "as aarch64-linux-gnu, or JSON as tvm.target.Target takes it"
        ) from error
    if parsed.kind.name == _LLVM:
        _check(parsed, _written(target))
    return parsed


def architecture(target: tvm.target.Target) -> str:
    """The kind of processor that ``target`` is: ``x86_64``, ``aarch64``, ..."""
    return architecture_of(str(target.attrs.get("mtriple", ""))) or this_architecture()


def _is_triple(text: str) -> bool:
    """Names of TVM's tags have a slash; those of its kinds of targets have no dash."""
    return "-" in text and not text.lstrip().startswith("{") and not set(text) & set("/ ")


def _check(target: tvm.target.Target, written: str) -> None:
    """That LLVM knows the processor: TVM would say that it does not, and compile for another."""
    attributes = target.attrs
    with kept_quiet("asking LLVM"):
        try:
            codegen.llvm_get_vector_width(target)
        except Exception as error:  # TVM raises what it likes
            triple = attributes.get("mtriple", "")
            raise VmprofError(
                f"the LLVM in TVM cannot compile for {triple}; it knows: "
                f"{', '.join(sorted(map(str, codegen.llvm_get_targets())))}"
            ) from error
        # Of a processor that it does not know LLVM says what it takes instead.
        plain = tvm.target.Target({"kind": _LLVM, "mtriple": str(attributes.get("mtriple", ""))})
        processors = {str(each) for each in codegen.llvm_get_cpu_archlist(plain)}
    processor = str(attributes.get("mcpu", ""))
    if processor and processor not in processors:
        near = difflib.get_close_matches(processor, sorted(processors))
        raise VmprofError(
            f"the LLVM in TVM knows no processor {processor!r} (target {written}); it knows: "
            f"{', '.join(near or sorted(processors))}"
        )


def _written(target: Any) -> str:
    return json.dumps(dict(target)) if isinstance(target, Mapping) else str(target)
