"""TVM's own log is kept out of the way, what others say is not, and errors are one line."""

from __future__ import annotations

import logging
import os
import sys

import pytest

from vmprof.native_log import LOGGER, kept_quiet, reason_of

_LOG = "[21:28:13] /project/x.cc:61: Warning: something\n    more of it\n"


def test_tvm_is_quiet_and_others_are_heard(capfd: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    with kept_quiet("importing", said):
        os.write(2, f"{_LOG}somebody else\n".encode())
        sys.stdout.write("Error converting operator MatMul\nanother thread\n")
    assert capfd.readouterr() == ("another thread\n", "somebody else\n")
    assert said == ["Error converting operator MatMul\nanother thread\n"]


def test_everything_is_logged_for_whoever_asks(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.DEBUG, LOGGER.name),
        pytest.raises(ValueError, match="why"),
        kept_quiet("compiling"),
    ):
        os.write(2, _LOG.encode())
        raise ValueError("why")
    assert caplog.messages == [f"while compiling:\n{_LOG}"]
    assert capfd.readouterr() == ("", "")


def test_without_a_stderr() -> None:
    before = os.dup(2)
    os.close(2)
    try:
        with kept_quiet("importing"):
            pass
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(2)
    finally:
        os.dup2(before, 2)
        os.close(before)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "ValueError"),
        ("one\ntwo", "one"),
        ("Check failed: (a == b) is false: they differ", "they differ"),
        ("Check failed: (a == b) is false: \n they differ", "they differ"),
        ("Check failed: (a == b) is false: ", "Check failed: (a == b) is false:"),
        ("cannot\nOffending call:\nR.add(x)", "cannot (R.add(x))"),
        ("x" * 5000, "x" * 300),
    ],
)
def test_reasons(text: str, reason: str) -> None:
    assert reason_of(ValueError(text)) == reason
