"""Try a wheel as a user has it: alone in a new environment, with each Python that is named.

python tests/try_wheel.py WHEEL PYTHON...
python tests/try_wheel.py --installed      what this Python has installed already
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import distributions
from pathlib import Path

try:
    import tomllib
except ImportError:  # Python 3.10: one of vmprof's own dependencies
    import tomli as tomllib

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
MODEL = "mlp"


def try_wheel(wheel: Path, python: str) -> None:
    """Raises an error if it cannot be installed or does not work."""
    inside = zipfile.ZipFile(wheel).namelist()
    strange = [name for name in inside if not name.startswith(("vmprof/", "tvm_vmprof-"))]
    assert not strange, f"{wheel} brings {', '.join(strange)}"
    with tempfile.TemporaryDirectory() as folder:
        _run(python, "-m", "venv", folder)
        mine = f"{folder}/bin/python"
        _run(mine, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", wheel)
        _run(mine, __file__, "--installed")


def try_installed() -> None:
    """The same of what this Python has."""
    tools = developers_tools() & {plain(found.name) for found in distributions()}
    assert not tools, f"a user's installation has developers' tools: {', '.join(sorted(tools))}"
    vmprof = Path(sys.executable).with_name("vmprof")
    with tempfile.TemporaryDirectory() as folder:
        # Not in the checkout, whose vmprof would be imported in place of the installed one.
        _run(vmprof, "run", MODEL, "--repeats", "2", "--json", "report.json", cwd=folder)
        _run(vmprof, "show", "report.json", "--html", "report.html", cwd=folder)
        code = "import vmprof._native as native; print(native.__file__)"
        _run(sys.executable, "-c", f"import vmprof.native; {code}", cwd=folder)


def developers_tools() -> set[str]:
    """What only developers need, by pyproject.toml."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    needed = {plain(one) for one in project["project"]["dependencies"]}
    # What older Pythons put into a new environment, and what rich brings.
    needed |= {"setuptools", "markdown-it-py"}
    groups = project["dependency-groups"].values()
    return {plain(one) for group in groups for one in group} - needed


def plain(requirement: str) -> str:
    """The name in a requirement, as packages are told apart by it."""
    return re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")


def _run(*command: object, cwd: str | None = None) -> None:
    print("$", *command, flush=True)
    subprocess.run([str(part) for part in command], cwd=cwd, check=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--installed"]:
        try_installed()
    else:
        for interpreter in sys.argv[2:]:
            try_wheel(Path(sys.argv[1]).absolute(), interpreter)
