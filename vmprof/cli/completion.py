"""Print the completion script of a shell.

Examples:
  vmprof completion bash > ~/.local/share/bash-completion/completions/vmprof
  vmprof completion zsh > ~/.zfunc/_vmprof    # a folder in $fpath

"""

from __future__ import annotations

import argparse

import shtab

from vmprof.cli.output import print_out

# Arguments that are files, by how their help calls them.
_FILES = ("FILE", "BEFORE", "AFTER", "MODEL", "[NAME=]FILE", "COLLECTOR")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "shell",
        choices=shtab.SUPPORTED_SHELLS,
        metavar="SHELL",
        help=", ".join(shtab.SUPPORTED_SHELLS),
    )


def execute(options: argparse.Namespace) -> None:
    from vmprof.cli.parser import make_parser  # which imports this module

    parser = make_parser()
    _mark_files(parser)
    print_out(f"{shtab.complete(parser, options.shell)}\n")


def _mark_files(parser: argparse.ArgumentParser) -> None:
    # argparse has no public list of them.
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for command in action.choices.values():
                _mark_files(command)
        elif action.metavar in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
