"""The ``VirtualMachine*`` that builtins such as ``vm.builtin.alloc_storage`` take first.

Only a TVM VM can provide one. A program of a single instruction, ``ret %vm``,
makes TVM's own hand it out; no pointer arithmetic is involved.
"""

from __future__ import annotations

import struct
from typing import Any

import tvm_ffi
from tvm.runtime import Device
from tvm.runtime.vm import VirtualMachine as TvmVirtualMachine

from vmprof.program.bytecode import VM_REGISTER, FunctionKind
from vmprof.program.reader import MAGIC, VERSION


class VMContext:
    """Owns a TVM VM on ``device`` and the pointer to it.

    ``pointer`` is valid as long as this object lives. Storage that builtins
    allocate through it comes from the VM's allocator.
    """

    def __init__(self, device: Device, memory_cfg: str | None = None) -> None:
        load = tvm_ffi.get_global_func("ffi.Module.load_from_bytes.relax.VMExecutable")
        self._vm = TvmVirtualMachine(load(_return_vm()), device, memory_cfg)
        self.pointer: Any = self._vm["main"]()


def _return_vm() -> bytes:
    """An executable whose function ``main`` is ``ret %vm``."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    ret = 2
    return b"".join(
        [
            struct.pack("<Q", MAGIC),
            text(VERSION),
            struct.pack("<Q", 1),  # functions
            struct.pack("<i", FunctionKind.VM) + text("main"),
            struct.pack("<qqqqQ", 0, 1, 0, 1, 0),  # from 0 to 1, no parameters, one register
            struct.pack("<Q", 0),  # constants
            struct.pack("<Qq", 1, 0),  # one instruction, at word 0
            struct.pack("<Qqq", 2, ret, VM_REGISTER),
        ]
    )
