"""Writes what formats.md says of the keys of files, out of the code that reads and writes them.

    python docs/scripts/make_formats.py [--check]

Which keys there are is read from the code: from the dictionaries that a function makes, the keys
that a reader of TOML takes, the fields of tables and dataclasses. What they mean stands in
formats.toml, by the form and the key: as kind and meaning, or as the meaning alone where the
code tells the kind. One that is missing there, or is there for nothing, is an error.
"""

from __future__ import annotations

import ast
import dataclasses
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pages import DOCS, rewrite, with_parts

from vmprof.program.kernels import Flow, Kernel
from vmprof.program.layers import KernelCall
from vmprof.recording import tables
from vmprof.runs.storages import ALLOCATION
from vmprof.sampling.model import Hit
from vmprof.toml_file import tomllib

PAGE = DOCS / "reference/formats.md"
MEANINGS = Path(__file__).with_name("formats.toml")
CODE = DOCS.parent / "vmprof"
_KINDS = {"str": "text", "float": "number", "int": "whole number", "dict": "table", "list": "list"}


@dataclasses.dataclass(frozen=True)
class Key:
    """A key of a file; ``kind`` and ``note`` are what the code tells of it."""

    name: str
    kind: str | None = None
    note: str = ""


def written(path: str, function: str, variable: str = "") -> Iterator[Key]:
    """Of the dictionaries that ``function`` makes, in ``variable`` if that is named."""
    functions = dict(_functions(path))

    def inside(node: ast.AST, place: str) -> Iterator[Key]:
        match node:
            case ast.Dict(keys, values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant):
                        name = f"{place}.{key.value}".lstrip(".")
                        yield Key(name)
                        yield from inside(value, name)
                    else:
                        yield from inside(value, place)
            case ast.DictComp(key, value):
                name = key.id.upper() if isinstance(key, ast.Name) else "NAME"
                yield from inside(value, f"{place}.{name}")
            case ast.ListComp(each):
                yield from inside(each, f"{place}[]")
            case ast.Call(ast.Name(called)) if called in functions:
                yield from inside(functions.pop(called), place)  # once: then it is known
            case _:
                for child in ast.iter_child_nodes(node):
                    yield from inside(child, place)

    body: ast.AST = functions.pop(function)
    if variable:
        body = next(
            node.value
            for node in ast.walk(body)
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == variable
        )
    yield from inside(body, "")


def named(path: str, constant: str) -> Iterator[Key]:
    """The texts of the tuple that ``constant`` is."""
    for node in _tree(path).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == constant:
            yield from map(Key, ast.literal_eval(node.value))


def taken(path: str, *functions: str) -> Iterator[Key]:
    """The keys that a reader of TOML takes out of its table."""
    for name in functions:
        for node in ast.walk(_functions(path)[name]):
            match node:
                case ast.Call(
                    ast.Attribute(attr="take"), [ast.Constant(key), ast.Name(kind), *default]
                ):
                    yield Key(str(key), _KINDS[kind], "" if default else "has to be there")
                case ast.Call(ast.Attribute(attr="tables"), [ast.Constant(key)]):
                    yield Key(str(key), "tables", "")


def columns(dtype: np.dtype[Any]) -> Iterator[Key]:
    """Those of an array."""
    for name in dtype.names or ():
        yield Key(name, str(dtype[name]))


def fields(kind: type[Any]) -> Iterator[Key]:
    """Those of a dataclass that is written as its fields are."""
    for field in dataclasses.fields(kind):
        yield Key(field.name)


FORMS: Mapping[str, Callable[[], Iterable[Key]]] = {
    "samples": lambda: [
        *written("sampling/text.py", "dumps"),
        *named("sampling/text.py", "_NUMBERS"),
    ],
    "hit": lambda: map(Key, Hit._fields),
    "csv": lambda: written("report/render/csv.py", "_extras"),
    "recording": lambda: written("recording/saved.py", "dumps", "document"),
    "invocations": lambda: columns(tables.INVOCATION),
    "calls": lambda: columns(tables.CALL),
    "totals": lambda: columns(tables.TOTAL),
    "allocations": lambda: columns(ALLOCATION),
    "samples_table": lambda: columns(tables.SAMPLE),
    "counter_set": lambda: taken("counters/sets/file.py", "read", "_read_counters"),
    "variant": lambda: taken("counters/sets/file.py", "_read_variant", "_read_counters"),
    "metric": lambda: taken("counters/sets/file.py", "_read_metric"),
    "rule": lambda: taken("report/advice/rule.py", "read", "_figures", "_thresholds"),
    "kernel_info": lambda: written("program/info.py", "write_info"),
    "kernel": lambda: fields(Kernel),
    "flow": lambda: fields(Flow),
    "kernel_call": lambda: fields(KernelCall),
    "study": lambda: written("compare/study/folder.py", "_write"),
    "fleet": lambda: written("compare/study/document.py", "render"),
    "diff": lambda: written("compare/diff/data.py", "to_document"),
    "audit": lambda: written("compare/audit/data.py", "to_json"),
    "validate": lambda: written("compare/validate/data.py", "to_json"),
    "advise": lambda: written("report/render/advice.py", "to_json"),
    "annotate": lambda: written("report/render/inside/json.py", "render"),
}


def _tree(path: str) -> ast.Module:
    return ast.parse((CODE / path).read_text(encoding="utf-8"))


def _functions(path: str) -> Mapping[str, ast.FunctionDef]:
    return {node.name: node for node in ast.walk(_tree(path)) if isinstance(node, ast.FunctionDef)}


def meanings() -> Mapping[str, Mapping[str, str | list[str]]]:
    """What formats.toml has."""
    return tomllib.loads(MEANINGS.read_text(encoding="utf-8"))


def table(form: str) -> str:
    """The keys of ``form``, a line each."""
    known = meanings()[form]
    keys = [*FORMS[form]()]
    names = [key.name for key in keys]
    if wrong := set(names) ^ known.keys():
        raise SystemExit(f"{MEANINGS.name}: [{form}] and the code differ in {sorted(wrong)}")
    lines = ["| | | |", "|---|---|---|"]
    for key in keys:
        meaning = known[key.name]
        kind, text = (key.kind, meaning) if isinstance(meaning, str) else meaning
        note = f" ({key.note})" if key.note else ""
        lines.append(f"| `{key.name}` | {kind} | {text}{note} |")
    return "\n".join(lines) + "\n"


def configuration() -> str:
    """The lines of a report's configuration, which come from many places."""
    lines = ["| | | |", "|---|---|---|"]
    for name, meaning in meanings()["configuration"].items():
        kind, text = meaning
        lines.append(f"| `{name}` | {kind} | {text} |")
    return "\n".join(lines) + "\n"


def renew(page: str) -> str:
    """``page`` with the keys as they are."""
    parts = {form: lambda form=form: table(form) for form in FORMS}
    return with_parts(page, {**parts, "configuration": configuration})


if __name__ == "__main__":
    sys.exit(rewrite([PAGE], renew))
