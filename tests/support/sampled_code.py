"""A report whose samples are in code that it keeps."""

from __future__ import annotations

from vmprof.inside.code import Function, MachineCode
from vmprof.report import Report
from vmprof.sampling.model import IN_NO_CALL, Hit, Library, Sampled
from vmprof.sampling.model import Function as SampledFunction
from vmprof.values import Duration

TEXT = {
    2: "# kernel",
    3: "y = T.decl_buffer((64,))",
    4: "for i in range(4):",
    5: "    y[i] = T.float32(0)",
    6: "    for k in range(64):",
    7: "        y[i] = y[i] + x[k]",
    8: "y[0] = T.float32(1)",
    # Of another kernel, which has no samples.
    10: "# other",
    11: "z[0] = T.float32(1)",
}
# xor eax, eax; [vaddss xmm0, xmm0, [rdi]; add rdi, 4; dec eax; jne back]; ret
CODE = MachineCode(
    "/models/m.so",
    "abcd",
    "x86_64",
    (
        Function(
            "kernel_compute_",
            0x1000,
            bytes.fromhex("31c0c5fa58074883c704ffc875f4c3"),
            ((0x1000, 5), (0x1002, 7), (0x1006, 0), (0x100E, 8)),
        ),
    ),
    TEXT,
)


def sampled_report(code: MachineCode = CODE, name: str = "kernel") -> Report:
    """One call, sampled in ``code``'s only function; and a sample in no call."""
    function = code.functions[0]
    at = function.address
    return Report(
        calls=({"Name": name, "Duration (us)": Duration(1.0)},),
        device_metrics={"cpu0": {"Duration (us)": Duration(2.0)}},
        configuration={"Model": "model.so"},
        samples=Sampled(
            event="cpu-clock",
            unit="ns",
            rate=5000,
            runs=1,
            libraries=(Library(code.path, "file", code.build_id),),
            functions=(SampledFunction(0, function.name, at, len(function.content)),),
            hits=(
                Hit(0, 0, at, 0, 10, 10),
                Hit(0, 0, at + 2, 0, 30, 30),
                Hit(IN_NO_CALL, 0, at, 0, 10, 10),
            ),
        ),
        code=(code,),
    )
