"""The line of a magic: options, which ``vmprof record`` has too, and maybe a statement."""

from __future__ import annotations

import argparse
import io
import shlex
from collections.abc import Iterator
from contextlib import suppress
from typing import NoReturn

from IPython.core.error import UsageError

from vmprof.cli import recorded
from vmprof.cli.usage import Parser


class Helped(Exception):  # noqa: N818 # all that was asked for was help, which is printed
    pass


class MagicParser(Parser):
    """Wrong usage is IPython's ``UsageError``, which it shows as a line."""

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:  # noqa: ARG002
        if message is None:
            raise Helped
        raise UsageError(message.removeprefix("vmprof: error: ").rstrip())


def parser(magic: str) -> MagicParser:
    """Of ``%%vmprof`` or ``%vmprof``."""
    made = MagicParser(
        prog=magic,
        usage=f"{magic.replace('%', '%%')} [OPTIONS]{'' if magic == '%%vmprof' else ' STATEMENT'}",
        description="Record every call of functions of TVM's VMs.",
    )
    recorded.add_arguments(made, "below the cell")
    made.add_argument(
        "-o", "--out", metavar="NAME", type=_name, help="the variable that gets the recording"
    )
    return made


def options_of(line: str) -> argparse.Namespace:
    """What stands behind ``%%vmprof``."""
    return parser("%%vmprof").parse_args([word for word, _ in _words(line)])


def options_and_statement(line: str) -> tuple[argparse.Namespace, str]:
    """What stands behind ``%vmprof``: the statement begins where no option can go on."""
    of_line = parser("%vmprof")
    before: list[str] = []
    for word, begin in _words(line):
        if not word.startswith("-"):
            with suppress(UsageError):  # else the word may be the value of an option
                return of_line.parse_args(before), line[begin:].lstrip()
        before.append(word)
    of_line.parse_args(before)
    raise UsageError("%vmprof has nothing to record; name a statement, or record a cell: %%vmprof")


def _words(line: str) -> Iterator[tuple[str, int]]:
    """As a shell has them, and where each begins."""
    stream = io.StringIO(line)
    lexer = shlex.shlex(stream, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    while True:
        begin = stream.tell()
        try:
            word = lexer.get_token()
        except ValueError:
            raise UsageError(f"there is no end to the quotation in {line[begin:]}") from None
        if word is None:
            return
        yield word, begin


def _name(text: str) -> str:
    if not text.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a variable")
    return text
