"""Print the completion script of a shell.

It knows commands, options and files; in bash, zsh and fish also the models, counter
sets and events, which it asks vmprof for, so that they are this machine's.

Examples:
  vmprof completion bash > ~/.local/share/bash-completion/completions/vmprof
  vmprof completion zsh > ~/.zfunc/_vmprof    # a folder in $fpath

"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import shtab

from vmprof.cli.output import print_out

# In bash the word is "$1", and "file" in a function's name has folders completed as such.
_BASH = """\
_vmprof_model_file() {
  compgen -W "$(vmprof models --names 2>/dev/null)" -- "$1"
  compgen -f -- "$1"
}
_vmprof_counters() {
  local before=""
  case $1 in *,*) before="${1%,*}," ;; esac
  compgen -P "$before" -W "none $(vmprof events --names 2>/dev/null)" -- "${1##*,}"
  compgen -f -X '!*.toml' -- "$1"
}
_vmprof_events() {
  compgen -W "$(vmprof events --names 2>/dev/null)" -- "$1"
}"""
_ZSH = """\
_vmprof_models() {
  compadd -- ${(f)"$(vmprof models --names 2>/dev/null)"}
  _files
}
_vmprof_counters() {
  _sequence compadd - none ${(f)"$(vmprof events --names 2>/dev/null)"}
  _files -g '*.toml'
}
_vmprof_events() {
  compadd -- ${(f)"$(vmprof events --names 2>/dev/null)"}
}"""
_PREAMBLE = {"bash": _BASH, "zsh": _ZSH}
_FISH_FILES = "(__fish_complete_path (commandline -ct))"

_Completion = Mapping[str, object]

_MODELS: _Completion = {
    **shtab.FILE,
    "bash": "_vmprof_model_file",
    "zsh": "_vmprof_models",
    "fish": f"(vmprof models --names) {_FISH_FILES}",  # without the blank, each before each
    "preamble": _PREAMBLE,
}
_COUNTERS: _Completion = {
    **shtab.FILE,
    "bash": "_vmprof_counters",
    "zsh": "_vmprof_counters",
    "fish": "(__fish_complete_list , 'vmprof events --names')",
    "preamble": _PREAMBLE,
}
_EVENTS: _Completion = {
    "bash": "_vmprof_events",
    "zsh": "_vmprof_events",
    "fish": "(vmprof events --names)",
    "preamble": _PREAMBLE,
}
# By how help calls an argument.
_COMPLETIONS: Mapping[str, _Completion] = {
    **dict.fromkeys(("FILE", "SCRIPT", "[NAME=]FILE", "COLLECTOR"), shtab.FILE),
    **dict.fromkeys(("MODEL", "BEFORE", "AFTER"), _MODELS),
    "WHAT": _COUNTERS,
    "PATTERN": _EVENTS,
}


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
    _complete(parser)
    print_out(f"{shtab.complete(parser, options.shell)}\n")


def _complete(parser: argparse.ArgumentParser) -> None:
    """Mark what is completed otherwise than by its choices."""
    # argparse has no public list of them.
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for command in action.choices.values():
                _complete(command)
        elif action.choices is None and isinstance(action.metavar, str):
            how = _COMPLETIONS.get(action.metavar)
            if how is not None:
                action.complete = how  # type: ignore[attr-defined]
