"""How much the compiled models that are kept may take, and which go when it is more."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Mapping
from contextlib import suppress

from vmprof.cache_folder import Kept, kept, remove
from vmprof.errors import VmprofError

VARIABLE = "VMPROF_CACHE_LIMIT"
GIGABYTE = 1e9
_DEFAULT_GB = 8.0
_NO_LIMIT = "none"
_UNUSED_DAYS, _SUPERSEDED_DAYS = 30, 1
_SECONDS_PER_DAY = 86_400
_LOGGER = logging.getLogger("vmprof")


def gigabytes(text: str) -> float:
    """``text`` as a limit, ``none`` as infinity; :class:`ValueError` if it is neither."""
    value = math.inf if text.strip() == _NO_LIMIT else float(text)
    if not value >= 0:
        raise ValueError(text)
    return value


def limit(environment: Mapping[str, str] = os.environ) -> float:
    """In bytes, infinity for none; :class:`VmprofError` if what the user set means nothing."""
    text = environment.get(VARIABLE) or str(_DEFAULT_GB)
    try:
        return gigabytes(text) * GIGABYTE
    except ValueError as error:
        raise VmprofError(
            f"VMPROF_CACHE_LIMIT is {text!r}; set it to a number of gigabytes, such as 8, or none"
        ) from error


def make_room(most: float, *, but: str = "", superseded: str = "") -> list[Kept]:
    """Remove models that were not used for a month; of more than ``most`` bytes the longest unused.

    Those whose libraries' names begin with ``superseded`` go after a day. The library ``but``
    stays, and so does whatever a process is using or making. Gives what was removed;
    :class:`OSError` if the cache cannot be read.
    """
    models = sorted((each for each in kept() if each.library), key=lambda each: each.used)
    taken = sum(each.bytes for each in models)
    removed = []
    now = time.time()
    for each in models:
        days = _UNUSED_DAYS
        if superseded and each.library.startswith(superseded):
            days = _SUPERSEDED_DAYS
        is_old = now - each.used > days * _SECONDS_PER_DAY
        if each.library == but or not (is_old or taken > most):
            continue
        with suppress(OSError):  # another user's
            if remove(each):
                _LOGGER.debug("removed from the cache: %s, %d bytes", each.library, each.bytes)
                removed.append(each)
                taken -= each.bytes
    return removed
