"""Wrong usage: one line that says what is wrong, and what was probably meant."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Iterable, Sequence
from typing import NoReturn

from vmprof.visible import visible

# What argparse says, and what is said instead; the argument's name stands before it.
_NO_VALUE = re.compile(r"expected (?:one|at least one|\d+) arguments?$")
_NO_NUMBER = re.compile(r"invalid (int|float) value: (.*)$", re.DOTALL)
_SUPERFLUOUS = re.compile(r"ignored explicit argument (.*)$", re.DOTALL)
_NO_CHOICE = re.compile(r"invalid choice: (.*) \(choose from .*$", re.DOTALL)
_REQUIRED = re.compile(r"the following arguments are required: (.*)$")
_OF_ARGUMENT = re.compile(r"argument ([^:]+): (.*)$", re.DOTALL)
_NUMBERS = {"int": "no whole number", "float": "no number"}


class Parser(argparse.ArgumentParser):
    """As argparse's, but for what it says of wrong usage; the exit code is 2."""

    _words: Sequence[str] = ()  # those that are being parsed

    def parse_known_args(  # type: ignore[override] # of its overloads this is what is called
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """The options; what is left over, which argparse would tell of another parser, is wrong."""
        self._words = [*(sys.argv[1:] if args is None else args)]
        found, left = super().parse_known_args(args, namespace)
        if left:
            self.error(self._superfluous(left))
        return found, []

    def error(self, message: str) -> NoReturn:
        """Print ``message``, argparse's or ours, as one line, and exit."""
        line = " ".join(self._translated(message).split())
        self.exit(2, f"vmprof: error: {visible(line)}\n")

    def _superfluous(self, left: Sequence[str]) -> str:
        unknown = self._unknown_option(left)
        return unknown or f"{self.prog} has no place for {left[0]!r}; leave it out"

    def _unknown_option(self, words: Sequence[str]) -> str | None:
        known = {name for action in self._all() for name in action.option_strings}
        for word in words:
            name = word.partition("=")[0]
            if word == "--":
                break
            if name not in known and name.startswith("-") and name != "-":
                hint = _nearest(name, sorted(known)) or f"{self.prog} --help lists them"
                return f"{self.prog} has no option {name}; {hint}"
        return None

    def _translated(self, message: str) -> str:
        if match := _REQUIRED.match(message):
            return self._needs(match[1])
        if not (of_argument := _OF_ARGUMENT.match(message)):
            return message
        name, problem = of_argument.groups()
        action = self._named(name)
        if match := _NO_CHOICE.match(problem):
            return _no_choice(name, match[1], [*map(str, action.choices or ())] if action else [])
        if match := _NO_NUMBER.match(problem):
            return f"{name}: {match[2]} is {_NUMBERS[match[1]]}"
        if _NO_VALUE.match(problem):
            what = f": {action.metavar}" if action and isinstance(action.metavar, str) else ""
            return f"{name} needs a value{what}"
        if match := _SUPERFLUOUS.match(problem):
            return f"{name} takes no value, {match[1]} is one"
        return f"{name}: {problem}"

    def _needs(self, names: str) -> str:
        # What is missing may have been taken for the value of an option that there is not.
        if unknown := self._unknown_option(self._words):
            return unknown
        commands = self._named(names)
        if isinstance(commands, argparse._SubParsersAction):  # noqa: SLF001
            return f"name a command: {', '.join(commands.choices)}; {self.prog} --help has more"
        return f"{self.prog} needs {names}; {self.prog} --help says what that is"

    def _named(self, name: str) -> argparse.Action | None:
        for action in self._all():
            if name in ("/".join(action.option_strings), action.metavar, action.dest):
                return action
        return None

    def _all(self) -> list[argparse.Action]:
        return self._actions  # argparse has no public list of them


def _nearest(wrong: str, known: Iterable[str]) -> str:
    """``did you mean run?``; empty if nothing that is ``known`` is near."""
    near = difflib.get_close_matches(wrong, [*known], n=1)
    return f"did you mean {near[0]}?" if near else ""


def _no_choice(name: str, value: str, known: Sequence[str]) -> str:
    hint = _nearest(value.strip("'\""), known)
    there_are = f"there are: {', '.join(known)}"
    what = f"there is no command {value}" if name == "COMMAND" else f"{name} cannot be {value}"
    return f"{what}; {hint} {there_are}" if hint else f"{what}; {there_are}"
