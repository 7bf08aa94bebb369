"""``vmprof.profile`` of a library: ``profile_model.py LIBRARY EVENTS REPEATS`` prints the report's JSON."""

from __future__ import annotations

import sys

import vmprof

library, events, repeats = sys.argv[1:]
print(vmprof.profile(library, counters=events, repeats=int(repeats)).json())
