"""Writes what advice.md says of each rule, out of the rules' own files.

python docs/scripts/make_advice.py [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from pages import DOCS, rewrite, with_parts

from vmprof.report.advice import SHIPPED, Rule

PAGE = DOCS / "how-to/advice.md"


def rules() -> str:
    """All that vmprof brings."""
    return (
        "\n".join(line for path in sorted(SHIPPED.glob("*.toml")) for line in section(path)) + "\n"
    )


def renew(page: str) -> str:
    """``page`` with the rules as they are."""
    return with_parts(page, {"rules": rules})


def section(path: Path) -> Iterator[str]:
    """The lines about one rule."""
    rule = Rule.read(path)
    yield from (f"### {rule.name}", "", f"**{rule.title}.** {rule.description}", "")
    yield f"- Holds if `{rule.when.text}`"
    for name, formula in rule.figures.items():
        yield f"- `{name}` is `{formula.text}`"
    if rule.thresholds:
        yield "- Thresholds: " + ", ".join(f"`{n}` = {v:g}" for n, v in rule.thresholds.items())
    if rule.operators:
        yield f"- Operators: `{rule.operators.pattern}`"
    yield f"- Needs {f'`{rule.needs}`' if rule.needs.startswith('vmprof') else rule.needs}"
    yield f"- What to do: {rule.remedy}"
    yield ""


if __name__ == "__main__":
    sys.exit(rewrite([PAGE], renew))
