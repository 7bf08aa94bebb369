"""Where the results of a command go: the files that its options name, and standard output."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from vmprof.cli.interrupts import interrupts
from vmprof.cli.output import OutputFile, check_distinct, keep_in_temporary, print_out
from vmprof.errors import VmprofError

# The description of a group of options that name files.
ABOUT_FILES = (
    "FILE may be a pipe, such as >(gzip > r.gz), or -, standard output, which then\n"
    "gets nothing else. What exists is replaced with --force alone."
)


def add_json_flag(parser: argparse.ArgumentParser) -> None:
    """``--json`` of a command that prints nothing else; ``--json -`` as with the others."""
    parser.add_argument(
        "--json", nargs="?", const="-", choices=("-",), metavar="-", help="print JSON"
    )


# Made when it is written: making it may fail as writing it may.
Text = Callable[[], str]
Content = Callable[[], str | bytes]


class Results:
    """The files that the options ``forms`` name, each checked at once: no work is lost for them.

    A file named ``-`` is standard output, which then gets nothing else.
    """

    def __init__(self, options: argparse.Namespace, forms: Sequence[str]) -> None:
        self.files = {
            form: OutputFile(path, force=options.force)
            for form in forms
            if (path := getattr(options, form)) is not None
        }
        check_distinct(self.files.values())

    def deliver(self, texts: Mapping[str, Content], shown: Text) -> None:
        """Write ``texts`` of the forms that were asked for, and print what is ``shown``.

        Every one is tried, whatever becomes of the others. Raises :class:`VmprofError` for what
        could not be written.
        """

        def to_stdout() -> None:
            if not any(file.is_stdout for file in self.files.values()):
                print_out(shown())

        self.write(texts, to_stdout)

    def write(self, texts: Mapping[str, Content], show: Callable[[], None]) -> None:
        """The same, where ``show`` itself puts what is to be read before the user."""
        failures: list[Exception] = []
        for form, file in self.files.items():
            try:
                file.write(texts[form]())
            except Exception as error:  # noqa: BLE001 # the others are still written
                failures.append(error)
        try:
            show()
        except Exception as error:  # noqa: BLE001
            failures.append(error)
        for failure in failures:
            if not isinstance(failure, VmprofError):
                raise failure  # a defect of vmprof's keeps its traceback
        if failures:
            raise VmprofError("; ".join(map(str, failures))) from failures[0]


@contextmanager
def kept_if_lost(measured: Sequence[Text]) -> Iterator[None]:
    """Around all that is done with what took time to measure.

    If that fails or is interrupted, ``measured``, as JSON, is kept in private files in the
    temporary folder, and what is said of it names them.
    """
    try:
        yield
    except BaseException as error:
        if not measured or isinstance(error, SystemExit):
            raise
        if interrupts.seen or isinstance(error, KeyboardInterrupt):
            armed, interrupts.armed = interrupts.armed, False
            interrupts.told.append(_keep(measured))
            interrupts.armed = armed
            raise
        kept = _keep(measured)
        if isinstance(error, VmprofError):
            told = VmprofError(f"{error}; {kept}")
            told.exit_code = error.exit_code
            raise told from error
        print(f"vmprof: {kept}", file=sys.stderr)
        raise


def _keep(measured: Sequence[Text]) -> str:
    try:
        paths = [str(keep_in_temporary(text(), ".json")) for text in measured]
    except OSError as error:
        return f"what was measured cannot be kept in the temporary folder: {error.strerror}"
    return f"what was measured is kept in {' and '.join(paths)}"
