"""Writes what `make bench` measured into performance.md and how-it-measures.md anew.

    python docs/scripts/make_performance.py            rewrite what has changed
    python docs/scripts/make_performance.py --check    say whether something would change

Such a part stands between two lines ``<!-- performance: NAME -->`` and
``<!-- performance: end -->``; NAME is among the parts of benchmarks/performance.py. They are
made of docs/data/performance.json, which `make bench` writes on a machine that does nothing else.
"""

from __future__ import annotations

import importlib
import json
import re
import sys

from pages import DOCS, rewrite

ROOT = DOCS.parent
PAGES = (DOCS / "explanation/performance.md", DOCS / "explanation/how-it-measures.md")
MEASURED = DOCS / "data/performance.json"

sys.path.append(str(ROOT / "benchmarks"))
performance = importlib.import_module("performance")


def renew(page: str) -> str:
    """``page`` with its parts made anew."""
    document = json.loads(MEASURED.read_text(encoding="utf-8"))
    return re.sub(
        r"(<!-- performance: (\w+) -->\n).*?(<!-- performance: end -->)",
        lambda match: f"{match[1]}{performance.PARTS[match[2]](document)}{match[3]}",
        page,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    sys.exit(rewrite(PAGES, renew))
