"""Writes reference/commands/: a page for each command, out of the parser of the command line.

python docs/scripts/make_commands.py [--check]
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pages import DOCS, write_all

from vmprof.cli.parser import make_parser

FOLDER = DOCS / "reference/commands"
# Those that every command has: the page of all of them says what they do.
_EVERYWHERE = ("--help", "--debug")
_BESIDES = (
    "",
    "[vmprof record](record.md) ends as the program does that it runs. Files that exist are not",
    "overwritten without `--force`; what cannot be written where it should be is kept elsewhere,",
    "and the error says where.",
)
_SPECIAL = re.compile(r"([\\`*_<>\[\]|~])")
# What is set in the font of code within a sentence.
_PAGE = r"docs/(?P<page>[\w/-]+\.md)"
_OPTION = r"(?<![\w-])--?[a-z][\w-]*(?:=\S*[\w/])?"


def pages() -> dict[Path, str]:
    """All of them, by their files."""
    parser = make_parser()
    commands = _commands(parser)
    found = {FOLDER / "index.md": _overview(parser, commands)}
    for name, command in commands.items():
        found[FOLDER / f"{name}.md"] = "\n".join(_page(command, _marked([*commands])))
    return found


def _commands(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    # argparse has no public list of them, nor of groups of options.
    (commands,) = (
        action
        for action in parser._actions  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction)  # noqa: SLF001
    )
    return commands.choices


def _overview(
    parser: argparse.ArgumentParser, commands: Mapping[str, argparse.ArgumentParser]
) -> str:
    mark = _marked([*commands])
    lines = [
        "# Commands",
        "",
        mark(parser.description or ""),
        "",
        "    vmprof COMMAND [options] ...",
        "    vmprof COMMAND --help",
        "",
        "These pages are what `--help` says, made from the parser of the command line by",
        "docs/scripts/make_commands.py.",
        "",
        "| command | |",
        "|---|---|",
    ]
    for name, command in commands.items():
        summary = (command.description or "").splitlines()[0]
        lines.append(f"| [{name}]({name}.md) | {mark(summary)} |")
    lines += ["", "## Options of all commands", "", *_table(_options(parser), mark)]
    heading, table = (parser.epilog or "").split("\n\n")[0].split("\n", 1)
    lines += ["", f"## {heading.capitalize().rstrip(':')}", "", "| | |", "|---|---|"]
    for code, meaning in re.findall(r"^  (\d+) +(.*(?:\n {6,}.*)*)", table, re.MULTILINE):
        lines.append(f"| `{code}` | {mark(' '.join(meaning.split()))} |")
    return "\n".join([*lines, *_BESIDES, ""])


def _page(command: argparse.ArgumentParser, mark: Callable[[str], str]) -> Iterator[str]:
    text, _, examples = (command.description or "").partition("\nExamples:\n")
    summary, *paragraphs = text.strip().split("\n\n")
    yield from (f"# {command.prog}", "", mark(summary), "")
    yield from (f"    {_usage(command)}", "")
    for paragraph in paragraphs:
        yield from (mark(paragraph), "")
    yield from ("## Examples", "")
    yield from (f"    {line.strip()}" for line in examples.strip().splitlines())
    for group in command._action_groups:  # noqa: SLF001
        options = _options(group)
        if options:
            title, _, page = (group.title or "").partition(" (docs/")
            title = {"positional arguments": "arguments"}.get(title, title)
            yield from ("", f"## {title[0].upper()}{title[1:]}", "")
            if page:
                yield from (mark(f"docs/{page.rstrip(')')} has more."), "")
            if group.description:
                yield from (mark(group.description), "")
            yield from _table(options, mark)
    yield ""


def _usage(command: argparse.ArgumentParser) -> str:
    places = " ".join(
        _value(action)
        for action in command._actions  # noqa: SLF001
        if not action.option_strings and action.help is not argparse.SUPPRESS
    )
    return f"{command.prog} [options] {places}".rstrip()


def _options(group: argparse._ActionsContainer) -> list[argparse.Action]:
    top = isinstance(group, argparse.ArgumentParser) and group.prog == "vmprof"
    return [
        action
        for action in (group._actions if top else group._group_actions)  # noqa: SLF001
        if action.help is not argparse.SUPPRESS
        and not isinstance(action, argparse._SubParsersAction)  # noqa: SLF001
        and (top or not {*_EVERYWHERE} & {*action.option_strings})
    ]


def _table(options: list[argparse.Action], mark: Callable[[str], str]) -> Iterator[str]:
    yield from ("| | |", "|---|---|")
    for action in options:
        names = [f"{name} {_value(action)}".rstrip() for name in action.option_strings]
        shown = ", ".join(f"`{name}`" for name in names or [_value(action)]).replace("|", r"\|")
        # What argparse makes of it.
        text = (action.help or "") % vars(action)
        yield f"| {shown} | {mark(text)} |"


def _value(action: argparse.Action) -> str:
    """What stands behind an option, or in its place: ``FILE ...``, ``[N]``, ``{a,b}``."""
    if action.nargs == 0:
        return ""
    choices = f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest.upper()
    name = choices if action.metavar is None else str(action.metavar)
    if action.nargs == argparse.OPTIONAL:
        return f"[{name}]"
    if action.nargs == argparse.ZERO_OR_MORE:
        return f"[{name} ...]"
    if action.nargs == argparse.ONE_OR_MORE:
        return f"{name} [{name} ...]"
    if action.nargs == argparse.REMAINDER:
        return f"{name} ..." if action.metavar else "..."
    return name


def _marked(commands: list[str]) -> Callable[[str], str]:
    """What makes Markdown of help: pages become links, options and commands code."""
    command = rf"vmprof (?:{'|'.join(map(re.escape, commands))})\b"
    token = re.compile(rf"{_PAGE}|(?P<code>{command}(?: {_OPTION})*|{_OPTION}|\w+\(\))")

    def mark(text: str) -> str:
        parts: list[str] = []
        end = 0
        for match in token.finditer(text):
            parts.append(_SPECIAL.sub(r"\\\1", text[end : match.start()]))
            page, code = match["page"], " ".join((match["code"] or "").split())
            parts.append(f"[{Path(page).name}](../../{page})" if page else f"`{code}`")
            end = match.end()
        return "".join([*parts, _SPECIAL.sub(r"\\\1", text[end:])])

    return mark


if __name__ == "__main__":
    sys.exit(write_all(pages(), FOLDER))
