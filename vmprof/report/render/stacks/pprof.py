"""pprof's format: a gzipped protocol buffer, ``perftools.profiles.Profile``.

Fields and their numbers are those of pprof's proto/profile.proto, as far as they are used here.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from functools import cache
from typing import Any

from vmprof.errors import VmprofError
from vmprof.report.render.stacks.frame import Frame
from vmprof.report.render.stacks.numbered import Numbered
from vmprof.report.render.stacks.stacks import Stack

_PACKAGE = "perftools.profiles"
_INTEGER, _UNSIGNED, _STRING_KIND, _MESSAGE = 3, 4, 9, 11  # FieldDescriptorProto.Type
_ONE, _REPEATED = 1, 3  # FieldDescriptorProto.Label
# Of each message its fields: name, number, type, and of which message if it is one.
_MESSAGES: dict[str, tuple[tuple[str, int, int, int, str], ...]] = {
    "ValueType": (("type", 1, _INTEGER, _ONE, ""), ("unit", 2, _INTEGER, _ONE, "")),
    "Label": (
        ("key", 1, _INTEGER, _ONE, ""),
        ("str", 2, _INTEGER, _ONE, ""),
        ("num", 3, _INTEGER, _ONE, ""),
    ),
    "Sample": (
        ("location_id", 1, _UNSIGNED, _REPEATED, ""),
        ("value", 2, _INTEGER, _REPEATED, ""),
        ("label", 3, _MESSAGE, _REPEATED, "Label"),
    ),
    "Line": (("function_id", 1, _UNSIGNED, _ONE, ""), ("line", 2, _INTEGER, _ONE, "")),
    "Location": (("id", 1, _UNSIGNED, _ONE, ""), ("line", 4, _MESSAGE, _REPEATED, "Line")),
    "Function": (
        ("id", 1, _UNSIGNED, _ONE, ""),
        ("name", 2, _INTEGER, _ONE, ""),
        ("system_name", 3, _INTEGER, _ONE, ""),
        ("filename", 4, _INTEGER, _ONE, ""),
    ),
    "Profile": (
        ("sample_type", 1, _MESSAGE, _REPEATED, "ValueType"),
        ("sample", 2, _MESSAGE, _REPEATED, "Sample"),
        ("location", 4, _MESSAGE, _REPEATED, "Location"),
        ("function", 5, _MESSAGE, _REPEATED, "Function"),
        ("string_table", 6, _STRING_KIND, _REPEATED, ""),
        ("period_type", 11, _MESSAGE, _ONE, "ValueType"),
        ("comment", 13, _INTEGER, _REPEATED, ""),
    ),
}


@cache
def profile_type() -> Any:
    """The class of ``perftools.profiles.Profile``; :class:`VmprofError` without protobuf."""
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError as error:
        raise VmprofError(
            "pprof's format needs the package protobuf; run: pip install 'tvm-vmprof[pprof]'"
        ) from error
    file = descriptor_pb2.FileDescriptorProto(
        name="vmprof/profile.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, label, of in fields:
            message.field.add(
                name=field,
                number=number,
                type=kind,
                label=label,
                type_name=f".{_PACKAGE}.{of}" if of else None,
            )
    # A pool of its own: others in the process may have pprof's own definitions.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Profile"))


def render(stacks: Sequence[Stack], title: str, event: str, unit: str) -> bytes:
    """Values are numbers of samples, and what they weigh in ``unit``; threads are labels."""
    profile = profile_type()()
    strings: Numbered[str] = Numbered()
    assert strings[""] == 0  # as the format wants it
    frames: Numbered[Frame] = Numbered(first=1)
    unit_name = "nanoseconds" if unit == "ns" else "count"
    profile.sample_type.add(type=strings["samples"], unit=strings["count"])
    profile.sample_type.add(type=strings[event], unit=strings[unit_name])
    profile.period_type.type, profile.period_type.unit = strings[event], strings[unit_name]
    profile.comment.append(strings[title])
    for stack in stacks:
        sample = profile.sample.add(
            # The innermost first.
            location_id=[frames[frame] for frame in reversed(stack.frames)],
            value=[stack.samples, stack.weight],
        )
        sample.label.add(key=strings["thread"], str=strings[stack.thread.name])
    for number, frame in enumerate(frames.values, start=1):
        name = strings[frame.name]
        profile.function.add(id=number, name=name, system_name=name, filename=strings[frame.file])
        location = profile.location.add(id=number)
        location.line.add(function_id=number, line=frame.line)
    profile.string_table.extend(strings.values)
    # The time of making it is no part of it: the same samples give the same bytes.
    return gzip.compress(profile.SerializeToString(deterministic=True), mtime=0)
