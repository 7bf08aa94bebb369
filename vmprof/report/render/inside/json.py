"""The inside of operators as JSON: everything that the other forms show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vmprof import json_text
from vmprof.inside.annotation import Annotation
from vmprof.inside.listing import Listing, LoopShare, Step
from vmprof.inside.mix import width_name
from vmprof.report.annotated import Annotated, Operator


def render(annotated: Annotated, operators: Sequence[Operator]) -> str:
    """``operators`` of ``annotated``; all numbers are samples, if nothing else is said."""
    return json_text.dumps(
        {
            "model": annotated.title,
            "event": annotated.event,
            "rate": annotated.rate,
            "samples": annotated.samples,
            "unread": dict(annotated.unread),
            "operators": [
                {"name": each.name, "share": each.share, **_annotation(each.annotation)}
                for each in operators
            ],
        },
        compact=True,
    )


def _annotation(annotation: Annotation) -> dict[str, Any]:
    return {
        "samples": annotation.samples,
        "vector_width_bits": annotation.widths.mean,
        "widths": dict(annotation.widths.by_name),
        "of_known_code": annotation.known,
        "of_no_line": annotation.unlined,
        "functions": [
            {"name": share.name, "library": share.path, "samples": share.samples}
            for share in annotation.functions
        ],
        "lines": [
            {
                "line": line.number,
                "text": line.text,
                "samples": line.samples,
                **({} if line.inside is None else {"in_loop": line.inside}),
            }
            for line in annotation.lines
        ],
        "loops": [_loop(loop) for loop in annotation.loops],
        "code": [_listing(listing) for listing in annotation.listings],
    }


def _loop(share: LoopShare) -> dict[str, Any]:
    mix = share.mix
    return {
        "function": share.function,
        "begins_at": share.loop.begin,
        "depth": share.loop.depth,
        "samples": share.samples,
        "samples_in_no_inner_loop": share.own,
        "line": share.line,
        "instructions": mix.instructions,
        "widths": dict(mix.widths),
        "loads": mix.loads,
        "stores": mix.stores,
        "fmas": mix.fmas,
    }


def _listing(listing: Listing) -> dict[str, Any]:
    return {
        "function": listing.name,
        "library": listing.path,
        "samples": listing.samples,
        "instructions": [_step(step) for step in listing.steps],
    }


def _step(step: Step) -> dict[str, Any]:
    instruction = step.instruction
    return {
        "address": instruction.address,
        "text": instruction.text,
        "samples": step.samples,
        "line": step.line,
        "loop_depth": step.depth,
        "width": width_name(instruction.traits),
    }
