"""A package of others that cannot be imported is one line, whatever it raises."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.commands import start

from vmprof.cli.imports import failed_import

NO_LIBRARY = "libx.so: cannot open shared object file"
NO_ROOM = "there is too little memory for it (ulimit -v, or the limit of a container)"


# As numpy does: what happened stands below pages of advice.
WRAPPED = """
try:
    raise ImportError("lib.so: failed to map segment from shared object")
except ImportError as error:
    raise ImportError("\\n\\nIMPORTANT\\n") from error
"""
ANEW = "; install it anew: pip install --force-reinstall"


@pytest.mark.parametrize(
    ("package", "code", "told"),
    [
        ("tvm", f"raise OSError({NO_LIBRARY!r})", f"OSError: {NO_LIBRARY}{ANEW} apache-tvm"),
        ("tvm_ffi", "raise RuntimeError('none')", f"RuntimeError: none{ANEW} apache-tvm-ffi"),
        # Which TVM imports.
        (
            "numpy",
            WRAPPED,
            f"ImportError: lib.so: failed to map segment from shared object; {NO_ROOM}",
        ),
        (
            "cffi",
            "import nobody_has_this",
            f"ModuleNotFoundError: No module named 'nobody_has_this'{ANEW} cffi",
        ),
    ],
)
def test_what_a_package_raises(tmp_path: Path, package: str, code: str, told: str) -> None:
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text(code)
    done = start("run", "mlp", env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    called = {"tvm": "apache-tvm", "tvm_ffi": "apache-tvm-ffi"}.get(package, package)
    said = f"vmprof: error: {called} cannot be imported: {told}\n"
    # What numpy does for extensions prints a traceback of its own before.
    assert done.stderr.endswith(said) if package == "numpy" else done.stderr == said


def test_too_little_memory_in_an_import(tmp_path: Path) -> None:
    (tmp_path / "tvm_ffi").mkdir()
    (tmp_path / "tvm_ffi" / "__init__.py").write_text("raise MemoryError")
    done = start("run", "mlp", env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert done.stderr == "vmprof: error: there is not enough memory\n"


def ours(code: str) -> Exception:
    """What ``code`` raises as a line of vmprof's."""
    import vmprof.cli.imports as module

    assert module.__file__ is not None
    with pytest.raises(Exception) as raised:  # noqa: PT011 # of any kind
        exec(compile(code, module.__file__, "exec"), {})
    return raised.value


def test_what_is_no_import_keeps_its_traceback() -> None:
    assert failed_import(ours("import json; json.loads('{')")) == ""
    assert failed_import(ours("1 / 0")) == ""
    assert failed_import(ours("import nobody_has_this")) == (
        "nobody_has_this cannot be imported: ModuleNotFoundError: No module named "
        "'nobody_has_this'; install it: pip install nobody_has_this"
    )


def test_a_library_that_the_loader_refuses_is_named() -> None:
    told = failed_import(ours("raise ImportError('/there/_cffi_backend.abi3.so: file too short')"))
    assert told == (
        "cffi cannot be imported: ImportError: /there/_cffi_backend.abi3.so: file too short; "
        "install it anew: pip install --force-reinstall cffi"
    )
