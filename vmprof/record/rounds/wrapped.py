"""TVM's own VM, with a window around each packed function that it calls: the second engine.

Its bytecode has wrapped functions in their places: :mod:`vmprof.vm.places`. An instrument would
be told of the calls too, but TVM's VM takes as long to call one as many a kernel takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from vmprof.errors import VmprofError, add_note
from vmprof.program.bytecode import FunctionKind
from vmprof.program.layers import straight_calls
from vmprof.record.collectors import Collector
from vmprof.record.recorder import Reading
from vmprof.record.rounds.engines import Collecting, Engine, collected
from vmprof.values import Row
from vmprof.vm import Site
from vmprof.vm.linker import UNRECORDED
from vmprof.vm.packed_call import PackedCall
from vmprof.vm.places import Place

_INVOKE_CLOSURE = "vm.builtin.invoke_closure"


class WrappedVm(Engine):
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
        return self._run(self._wrap)

    def _wrap(self, place: Place, function: Any) -> Any:
        site = self._by_name.get(place.name)
        if site is None:
            return function
        if place.is_operand:
            return self._recorder.wrap(site, function)
        return self._recorder.wrap(site, function, inside=self._by_name.get(_INVOKE_CLOSURE))

    def collecting(self, collector: Collector) -> Collecting:
        rows: list[Row] = []

        def wrap(place: Place, function: Any) -> Any:
            recorded = self._wrap(place, function)
            return function if recorded is function else collected(recorded, collector, rows)

        collected_run = self._run(wrap)

        def run() -> None:
            rows.clear()
            self._recorder.run(collected_run, Reading.TIME)

        return Collecting(run, lambda: (self._recorder.recording(Reading.TIME), rows.copy()))

    def layers(self, sites: Sequence[int]) -> Sequence[str]:
        """Of a site the nth call is the nth in the code, where that leaves no other way."""
        of_instruction = self._program.layers
        made: dict[str, list[str]] = {}
        for number, callee in straight_calls(self._program.bytecode, self._entry):
            made.setdefault(callee, []).append(of_instruction.get(number, ""))
        callees = [self.sites[site].callee for site in sites]
        times = Counter(callees)
        cells = {name: iter(each) for name, each in made.items() if len(each) == times[name]}
        return [next(cells[name]) if name in cells else "" for name in callees]

    def _run(self, wrap: Callable[[Place, Any], Any]) -> PackedCall:
        """A run in a VM of its own, with wrapped functions in their places."""
        vm = self._executable.vm(wrap)
        names = [site.callee for site in self.sites]

        def explain(error: Exception) -> None:
            raised = self._recorder.raised()
            where = "" if raised is None else f", in a call of {names[raised]}"
            add_note(error, f"in a recorded run of TVM's own VM{where}")

        return PackedCall(vm[self._entry], self._arguments, explain)
