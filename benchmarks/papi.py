"""PAPI, where it is installed: its shared library alone, without its headers."""

from __future__ import annotations

import ctypes
import ctypes.util
import re
from collections.abc import Sequence

_OK, _NULL = 0, -1


class PapiError(Exception):
    """Says why PAPI does not count; fit to be shown in a table."""


class EventSet:
    """``names`` as PAPI counts them for the calling thread, from now on to the process's end.

    ``read`` is the address of ``int PAPI_read(int, long long *)`` and ``number`` its first
    argument.
    """

    def __init__(self, names: Sequence[str]) -> None:
        found = ctypes.util.find_library("papi")
        version = re.search(r"\.so\.(\d+)\.(\d+)", found or "")
        if found is None or version is None:
            raise PapiError("not installed")
        self._papi = ctypes.CDLL(found)
        self._papi.PAPI_strerror.restype = ctypes.c_char_p
        expected = int(version[1]) << 24 | int(version[2]) << 16
        code = self._papi.PAPI_library_init(expected)
        if code != expected:
            self._check(code if code < 0 else -1)
        number = ctypes.c_int(_NULL)
        self._check(self._papi.PAPI_create_eventset(ctypes.byref(number)))
        for name in names:
            self._check(self._papi.PAPI_add_named_event(number, name.encode()), f"{name}: ")
        self._check(self._papi.PAPI_start(number))
        self.number = number.value
        address = ctypes.cast(self._papi.PAPI_read, ctypes.c_void_p).value
        assert address is not None
        self.read = address

    def _check(self, code: int, what: str = "") -> None:
        if code != _OK:
            why = self._papi.PAPI_strerror(code).decode()
            raise PapiError(f"does not count here: {what}{why}")
