"""What docstrings refer to: each name has to be there, though not each has a page.

Docstrings name modules and classes of vmprof's that are no part of its interface. Where one has
no place on the site, its name is shown as code, if it can be imported; else Sphinx warns, and a
warning is an error. Names of other packages' are shown as code.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

# A function that is a default, and an alias of a type, as autodoc writes them.
_NAMED = re.compile(r"<function (\w+)(?: at \w+)?>|TypeAliasForwardRef\('(\w+)'\)")


def is_there(name: str) -> bool:
    """Whether ``name`` is that of a module, or of something in one."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        try:
            for part in parts[count:]:
                found = getattr(found, part)
        except AttributeError:
            # Of a dataclass without a default only its annotations know.
            return part in getattr(found, "__annotations__", {})
        return True
    return False


def _as_code(
    _application: Sphinx,
    _environment: BuildEnvironment,
    node: addnodes.pending_xref,
    content: nodes.Element,
) -> nodes.Element | None:
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    if target.split(".")[0] == "vmprof" and not is_there(target):
        return None
    return content


def _signature(
    _application: Sphinx,
    _kind: str,
    _name: str,
    documented: Any,
    _options: Any,
    signature: str | None,
    returned: str | None,
) -> tuple[str, str | None] | None:
    """A dataclass has its fields below it; a function, or an alias of a type, is its name."""
    if isinstance(documented, type) and dataclasses.is_dataclass(documented):
        return "", None
    if signature is None:
        return None
    return _NAMED.sub(r"\1\2", signature), returned


def setup(application: Sphinx) -> dict[str, Any]:
    """As Sphinx calls it."""
    application.connect("missing-reference", _as_code)
    application.connect("autodoc-process-signature", _signature)
    return {"parallel_read_safe": True}
