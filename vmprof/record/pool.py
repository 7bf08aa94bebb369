"""TVM's thread pool: how many threads, and on which CPUs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import tvm
import tvm_ffi

from vmprof.errors import VmprofError
from vmprof.values import Count, Metric

_VARIABLE = "TVM_NUM_THREADS"

# AffinityMode of src/runtime/threading_backend.h: TVM's default, and each worker on a CPU
# of its own.
_BIG, _ONE_CPU_PER_THREAD = 1, -2


@contextmanager
def configured_pool(
    number: int | None = None, pin: Sequence[int] = ()
) -> Iterator[dict[str, Metric]]:
    """The calling thread's pool with ``number`` threads, itself one, pinned to the CPUs ``pin``.

    The calling thread goes to the first of ``pin``, the workers to the others in
    turn; without ``pin`` TVM places them. Afterwards TVM's defaults are back,
    and so is the calling thread's affinity. Gives what the report says of it.
    """
    if number is None:
        number = len(pin)
        if not number:
            yield {}
            return
    if number < 1:
        raise VmprofError(f"num_threads is {number}; at least 1 is needed")
    if pin and len(pin) < number:
        raise VmprofError(f"{number} threads cannot be pinned to {len(pin)} CPUs; name {number}")
    cpus = tuple(pin[:number])
    affinity = os.sched_getaffinity(0)
    variable = os.environ.get(_VARIABLE)
    configure = tvm_ffi.get_global_func("runtime.config_threadpool")

    def restore() -> None:
        if variable is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = variable
        configure(_BIG, 0, [])
        os.sched_setaffinity(0, affinity)

    try:
        os.environ[_VARIABLE] = str(number)  # TVM looks at it at each launch
        if cpus:
            _move_to(cpus)
            configure(_ONE_CPU_PER_THREAD, number, [str(cpu) for cpu in cpus])
            _move_to(cpus[:1])
        else:
            configure(_BIG, number, [])
        _check(number)
        yield _describe(number, cpus)
    finally:
        # What an interrupt leaves undone is done when it has come.
        try:
            restore()
        except KeyboardInterrupt:
            restore()
            raise


def _move_to(cpus: Sequence[int]) -> None:
    """Pin the calling thread; the kernel takes what it may have of ``cpus`` and drops the rest."""
    try:
        os.sched_setaffinity(0, cpus)
        refused = set(cpus) - os.sched_getaffinity(0)
    except OSError:
        refused = set(cpus)
    if refused:
        raise VmprofError(
            f"this process may not run on CPU {', '.join(map(str, sorted(refused)))}; "
            "see Cpus_allowed_list in /proc/self/status"
        )


def _check(number: int) -> None:
    actual = tvm.runtime.num_threads()
    if actual != number:
        raise VmprofError(
            f"TVM uses {actual} threads, not {number}: its pool was made before, and cannot grow; "
            f"set {_VARIABLE}={number} before the first use of TVM in this process"
        )


def _describe(number: int, cpus: Sequence[int]) -> dict[str, Metric]:
    described: dict[str, Metric] = {"Threads asked for": Count(number)}
    if cpus:
        workers = ", ".join(map(str, cpus[1:])) or "none"
        described["Pinned"] = f"calling thread to CPU {cpus[0]}, workers to {workers}"
    available = os.cpu_count() or 1
    if number > available:
        described["Threads"] = (
            f"{number} threads on {available} CPUs take turns: times say little about the model"
        )
    return described
