"""Which line of TensorIR an instruction was made of, by the code that is kept with samples."""

from __future__ import annotations

from collections.abc import Iterable

from vmprof.inside.code import MachineCode
from vmprof.inside.listing import list_function
from vmprof.inside.tensor_ir import TensorIR
from vmprof.report.render.stacks.frame import Frame, LineOf
from vmprof.sampling.model import Function, Library


def lines_of(codes: Iterable[MachineCode]) -> LineOf:
    """For the functions in ``codes``."""
    known_codes = {code.path: (code, TensorIR(code.text)) for code in codes if code.text}
    known: dict[tuple[str, int], dict[int, int]] = {}  # lines by address, of each function

    def line_of(library: Library, function: Function, address: int) -> Frame | None:
        if library.path not in known_codes:
            return None
        code, tensor_ir = known_codes[library.path]
        key = library.path, function.begin
        if key not in known:
            found = code.at(function.begin)
            steps = list_function(code, found, {}, tensor_ir).steps if found is not None else ()
            known[key] = {
                step.instruction.address: step.line for step in steps if step.line is not None
            }
        line = known[key].get(address)
        if line is None:
            return None
        return Frame(tensor_ir.text[line].strip(), "line", f"{library.path}.vmprof.tir", line)

    return line_of
