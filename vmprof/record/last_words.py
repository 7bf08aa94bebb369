"""What a process says when something that a model calls ends it: native/last_words.c.

Whoever waits for it is told beforehand what these words will mean.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from vmprof.native import ffi, lib
from vmprof.sampling.last_words import NO_SITE, WORDS, Calling, Known
from vmprof.sampling.memory import mappings
from vmprof.vm import Site

assert WORDS.size == ffi.sizeof("vmprof_words")
assert lib.VMPROF_NO_SITE == NO_SITE

_listeners: list[Callable[[Known], None]] = []


def tell(descriptor: int, listener: Callable[[Known], None]) -> None:
    """From now on a signal that ends this process writes `WORDS` to ``descriptor``.

    Of what the calling thread runs. ``listener`` is given what they mean before anything runs.
    """
    code = lib.vmprof_last_words(descriptor)
    if code != 0:
        raise OSError(-code, os.strerror(-code))
    _listeners.append(listener)


def will_run(sites: Sequence[Site]) -> None:
    """Calls will be recorded of ``sites``, and all libraries are loaded."""
    for listener in _listeners:
        calling = [Calling(site.callee, site.function, site.instruction) for site in sites]
        code = [each for each in mappings() if each.has_code and each.path.startswith("/")]
        listener(Known(calling, code))
