"""Advice as text, and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from vmprof import json_text
from vmprof.report.advice import Advice, Advised, Case, Rule
from vmprof.report.render.figures import short_time
from vmprof.visible import visible

_INDENT = "   "


def text(advised: Advised, width: int, top: int | None = None) -> str:
    """In lines of ``width`` characters; of each rule the ``top`` cases (None: all)."""
    lines: list[str] = []
    for number, advice in enumerate(advised.given, start=1):
        lines += [*_advice(advice, number, width, top), ""]
    if not advised.given:
        lines += ["Nothing to advise.", ""]
    if advised.silent:
        lines += [*_wrapped(f"Not so: {_titles(advised.silent)}", width, ""), ""]
    for name, why in advised.untold.items():
        lines += _wrapped(f"Cannot tell: {name}: {why}", width, "", _INDENT)
    return "\n".join(lines).rstrip("\n") + "\n"


def to_json(advised: Advised) -> str:
    """``advice``, a list; ``silent``, the names of rules that do not hold; ``untold``, why not."""
    document = {
        "advice": [_document(advice) for advice in advised.given],
        "silent": [rule.name for rule in advised.silent],
        "untold": dict(advised.untold),
    }
    return f"{json_text.dumps(document, indent=1)}\n"


def listing(rules: Sequence[Rule], width: int) -> str:
    """The rules: what each says, when, and what it needs."""
    blocks = []
    for rule in rules:
        limits = ", ".join(f"{name} = {value:g}" for name, value in rule.thresholds.items())
        blocks.append(
            "\n".join(
                [
                    visible(f"{rule.name}: {rule.title}"),
                    *_wrapped(rule.description, width, _INDENT),
                    *_wrapped(f"holds if {' '.join(rule.when.text.split())}", width, _INDENT),
                    *(_wrapped(f"with {limits}", width, _INDENT) if limits else ()),
                    *_wrapped(f"needs {rule.needs}", width, _INDENT),
                ]
            )
        )
    return "\n\n".join(blocks) + "\n"


def _advice(advice: Advice, number: int, width: int, top: int | None) -> Iterator[str]:
    rule = advice.rule
    yield visible(f"{number}. {rule.title} [{rule.name}]")
    cases = advice.cases if top is None else advice.cases[:top]
    for case in cases:
        yield from _wrapped(_said(case), width, _INDENT, _INDENT * 2)
    if more := len(advice.cases) - len(cases):
        yield f"{_INDENT}and {more} more"
    yield from _wrapped(f"-> {rule.remedy}", width, _INDENT, _INDENT * 2)
    yield f"{_INDENT}{visible(rule.page)}"


def _said(case: Case) -> str:
    won = f" (at most {short_time(case.gain_us)} to win)" if case.gain_us else ""
    return f"{case.name}: {case.text}{won}" if case.name else f"{case.text}{won}"


def _titles(rules: Sequence[Rule]) -> str:
    return "; ".join(rule.title[:1].lower() + rule.title[1:] for rule in rules)


def _wrapped(text: str, width: int, first: str, following: str | None = None) -> list[str]:
    return textwrap.wrap(
        visible(" ".join(text.split())),
        width,
        initial_indent=first,
        subsequent_indent=first if following is None else following,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _document(advice: Advice) -> dict[str, Any]:
    rule = advice.rule
    return {
        "rule": rule.name,
        "title": rule.title,
        "remedy": rule.remedy,
        "page": rule.page,
        "thresholds": dict(rule.thresholds),
        "cases": [
            {
                "name": case.name,
                "shapes": case.shapes,
                "found": case.text,
                "figures": dict(case.figures),
                "gain_us": case.gain_us,
            }
            for case in advice.cases
        ],
    }
