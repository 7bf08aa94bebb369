"""What TVM still had in 0.23: ``vm.profile(name, *args)`` and the report that it gave.

from vmprof.compat import VirtualMachine
vm = VirtualMachine(executable, tvm.cpu(), profile=True)
print(vm.profile("main", x))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import tvm
import tvm_ffi
from tvm import relax
from tvm.runtime import Device

from vmprof.drivers.profile import profile
from vmprof.errors import VmprofError
from vmprof.program import Program
from vmprof.record.sessions.session import Session
from vmprof.recording.reports import reports
from vmprof.report import Report as AnyReport
from vmprof.report.render import csv
from vmprof.subject.load import load_program

__all__ = ["Report", "VirtualMachine", "profile_vm"]

_SHAPES = "Argument Shapes"
# The texts in the rows of TVM's VM.
_TEXTS = ("Name", "Device", _SHAPES)
_NO_COUNTERS = "none"  # TVM's VM read the clock alone


class Report(AnyReport):
    """A report as TVM's was: calls that take tensors, in TVM's columns and counters asked for.

    All that a :class:`vmprof.Report` can do it can do too.
    """

    def csv(self) -> str:
        """As TVM's was: without a column of what CSV cannot say otherwise."""
        return csv.render(self, extras=False)


class VirtualMachine(relax.VirtualMachine):  # type: ignore[misc] # TVM has no types
    """``tvm.relax.VirtualMachine`` as it was: with ``profile``, as an argument and a method.

    ``profile=True`` is taken and not needed: a VM that was made without it is no faster.
    """

    def __init__(
        self,
        rt_mod: Any,
        device: Device | Sequence[Device],
        memory_cfg: str | Mapping[Device, str] | None = None,
        profile: bool = False,  # noqa: ARG002, FBT001, FBT002 # as TVM
    ) -> None:
        super().__init__(rt_mod, device, memory_cfg)
        self._made_of = rt_mod
        self._device = device if isinstance(device, Device) else next(iter(device))
        self._program: Program | None = None
        self._set_inputs: dict[str, list[Any]] = {}

    def set_input(self, func_name: str, *args: Any, **kwargs: Any) -> None:
        """As TVM's; :meth:`profile` without arguments takes these."""
        ordered = self._convert_func_named_args(func_name, args, **kwargs) if kwargs else [*args]
        super().set_input(func_name, *ordered)
        self._set_inputs[func_name] = ordered

    def profile(self, func_name: str, *args: Any, **options: Any) -> Report:
        """What each call of ``vm[func_name](*args)`` that takes tensors costs.

        Without ``args``, those of :meth:`set_input`. ``options`` are keywords of
        :func:`vmprof.profile`, such as ``counters="ipc"`` or ``repeats=30``. Where TVM called the
        function twice, and told of the second call, it is called more often here, as
        :func:`vmprof.profile` does; but once, by :func:`profile_vm`, if one of ``args`` is an
        object that may change, as a KV cache does. Raises :class:`vmprof.VmprofError` for
        what the user can mend.
        """
        values = [*args] or self._set_inputs.get(func_name, [])
        if _may_change(values):
            if args:
                return profile_vm(self, func_name, *args, **options)
            return _recorded(self, lambda vm: vm.invoke_stateful(func_name), func_name, options)
        if self._program is None:
            self._program = load_program(self._made_of)
        options.setdefault("counters", _NO_COUNTERS)
        given: Any = values or None
        return _as_tvm(
            profile(self._program, given, entry=func_name, device=self._device, **options)
        )


def profile_vm(vm: Any, func_name: str, *args: Any, **options: Any) -> Report:
    """What the calls of one ``vm[func_name](*args)`` cost, of any VM, TVM's or vmprof's.

    It is called once. ``options`` are those of :class:`vmprof.Session`. Raises
    :class:`vmprof.VmprofError` if nothing could be recorded, and what the function raises.
    """
    return _recorded(vm, lambda attached: attached[func_name](*args), func_name, options)


def _recorded(
    vm: Any, call: Callable[[Any], object], func_name: str, options: dict[str, Any]
) -> Report:
    """The report of what ``call`` does, once, with ``vm``."""
    options.setdefault("counters", _NO_COUNTERS)
    try:
        session = Session(**options)
    except TypeError as error:
        raise VmprofError(
            f"{error}: a function that is called once takes the options of vmprof.Session alone"
        ) from None
    with session:
        call(session.attach(vm))
    found = [*reports(session.recording()).values()]
    if not found:
        told = "; ".join(session.recording().problems) or "the session saw no call of it"
        raise VmprofError(f"nothing was recorded of {func_name}: {told}")
    return _as_tvm(found[0])


def _may_change(values: Iterable[Any]) -> bool:
    """Whether one of ``values`` is, or holds, an object of which nothing is known."""
    for value in values:
        if isinstance(value, tuple | list | tvm_ffi.Array):
            if _may_change(value):
                return True
        elif isinstance(value, tvm.runtime.Object) and not isinstance(
            value, tvm_ffi.Tensor | tvm_ffi.Shape | str
        ):
            return True
    return False


def _as_tvm(report: AnyReport) -> Report:
    calls = tuple(
        {
            name: metric
            for name, metric in call.items()
            if name in _TEXTS or not isinstance(metric, str)
        }
        for call in report.calls
        if call.get(_SHAPES)
    )
    own = {entry.name: getattr(report, entry.name) for entry in fields(report)}
    return Report(**{**own, "calls": calls})
