"""TVM's own VM with the recorder as its instrument (native/hook.c): the second engine.

What the VM does not report, kernels that are operands, is wrapped: :mod:`vmprof.vm.operands`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vmprof.errors import VmprofError, add_note
from vmprof.program.bytecode import FunctionKind
from vmprof.record.collectors import Collector
from vmprof.record.recorder import Reading
from vmprof.record.rounds.engines import Collecting, Engine, collected
from vmprof.values import Row
from vmprof.vm import Site
from vmprof.vm.linker import UNRECORDED
from vmprof.vm.packed_call import PackedCall


class HookedVm(Engine):
    """TVM's VM. A site is a packed function here, not a place that calls it."""

    def _recorded_run(self) -> Callable[[], Any]:
        table = self._program.bytecode.functions
        native = [each.name for each in table if each.kind is FunctionKind.VMTIR]
        if native:
            raise VmprofError(
                f"function {native[0]!r} of {self._program.name} was compiled with "
                'exec_mode="compiled": TVM\'s VM does not tell of the calls inside; '
                "profile it with the engine vmprof"
            )
        names = [each.name for each in table if each.kind is FunctionKind.PACKED]
        recorded = dict.fromkeys(name for name in names if name not in UNRECORDED)
        self.sites = [Site(i, "", 0, name) for i, name in enumerate(recorded)]
        self._by_name = {site.callee: site for site in self.sites}
        return self._hooked(self._wrap)

    def _wrap(self, name: str, kernel: Any) -> Any:
        """An operand, which something calls that the VM does not tell of."""
        return self._recorder.wrap(self._by_name[name], kernel) if name in self._by_name else kernel

    def collecting(self, collector: Collector) -> Collecting:
        rows: list[Row] = []
        begun: list[int] = []

        def around(before: bool) -> None:  # noqa: FBT001 # native code gives no names
            if before:
                begun.append(len(rows))
                rows.append({})
                collector.start()
            else:
                rows[begun.pop()] = dict(collector.stop())

        def wrap(name: str, kernel: Any) -> Any:
            recorded = self._wrap(name, kernel)
            return kernel if recorded is kernel else collected(recorded, collector, rows)

        collected_run = self._hooked(wrap, around)

        def run() -> None:
            rows.clear()
            begun.clear()
            self._recorder.run(collected_run, Reading.TIME)

        return Collecting(run, lambda: (self._recorder.recording(Reading.TIME), rows.copy()))

    def _hooked(
        self, wrap: Callable[[str, Any], Any], around: Callable[[bool], None] | None = None
    ) -> PackedCall:
        """A run in a VM of its own, with wrapped kernels where they are operands."""
        machine = self._executable.machine(wrap)
        names = [site.callee for site in self.sites]
        machine.set_instrument(self._recorder.hook(names, around))

        def explain(error: Exception) -> None:
            raised = self._recorder.raised()
            where = "" if raised is None else f", in a call of {names[raised]}"
            add_note(error, f"in a run of TVM's own VM, with vmprof's hook{where}")

        return PackedCall(machine[self._entry], self._arguments, explain)
