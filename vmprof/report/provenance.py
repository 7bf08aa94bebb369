"""Where a report comes from: machine, versions, command, library, as a flat list for people.

What cannot be told begins with :data:`UNKNOWN` and says why.
"""

from __future__ import annotations

UNKNOWN = "unknown: "
