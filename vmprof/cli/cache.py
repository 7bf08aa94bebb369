"""List what vmprof keeps: compiled models, measured peaks; or remove it.

The models of vmprof models are compiled once for this processor and this version
of vmprof. By itself is removed what was not used for a month, and what was not used
for longest when a new one makes more than 8 GB of all: VMPROF_CACHE_LIMIT is another
number of gigabytes, or none. What a process is using stays. Peaks are what vmprof peaks
measured. Both are in $XDG_CACHE_HOME/vmprof, else ~/.cache/vmprof,
where --clear removes them and nothing else; links are left alone.

Examples:
  vmprof cache
  vmprof cache --clear models
  vmprof cache --limit 2

"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence

from tabulate import tabulate

from vmprof import cache_folder, cache_limit, json_text
from vmprof.cache_folder import Kept
from vmprof.cli.output import print_out
from vmprof.cli.results import add_json_flag
from vmprof.errors import VmprofError
from vmprof.visible import visible

_ALL, _MODELS, _PEAKS = "all", "models", "peaks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    removing = parser.add_mutually_exclusive_group()
    removing.add_argument(
        "--clear",
        nargs="?",
        const=_ALL,
        choices=(_ALL, _MODELS, _PEAKS),
        metavar="WHAT",
        help="remove all of it, or models or peaks alone",
    )
    removing.add_argument(
        "--limit",
        type=_gigabytes,
        metavar="GB",
        help="remove models, those first that were not used for longest, until the others take no "
        f"more; {cache_limit.VARIABLE} sets what they may take always",
    )
    add_json_flag(parser)


def _gigabytes(text: str) -> float:
    try:
        return cache_limit.gigabytes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of gigabytes") from error


def execute(options: argparse.Namespace) -> None:
    most = cache_limit.limit()
    busy: list[Kept] = []
    try:
        folder = cache_folder.cache_folder()
        shown = kept = cache_folder.kept()
        if options.limit is not None:
            shown = cache_limit.make_room(options.limit * cache_limit.GIGABYTE)
    except OSError as error:
        raise VmprofError(f"the cache cannot be read: {error.strerror}") from error
    if options.clear is not None:
        of_kind = {_ALL: (True, False), _MODELS: (True,), _PEAKS: (False,)}[options.clear]
        shown, busy = _remove([each for each in kept if each.is_model in of_kind])
    removes = options.clear is not None or options.limit is not None
    if options.json:
        data = {
            "folder": str(folder),
            "limit": most if math.isfinite(most) else None,
            "removed" if removes else "kept": [*map(_data, shown)],
        }
        print_out(json_text.dumps(data, indent=2) + "\n")
        return
    for each in busy:
        print_out(f"left alone, a process is using it: {visible(each.name)}\n")
    if removes:
        print_out(f"removed from {visible(str(folder))}: {_sum(shown)}\n")
        return
    text = f"at most {_size(most)}" if math.isfinite(most) else "no limit"
    print_out(f"{_table(kept)}\n{visible(str(folder))}: {_sum(kept)}\n")
    print_out(f"models: {text} ({cache_limit.VARIABLE})\n")


def _remove(kept: Sequence[Kept]) -> tuple[list[Kept], list[Kept]]:
    """What was removed, and what processes are using or making."""
    removed: list[Kept] = []
    busy: list[Kept] = []
    for each in kept:
        try:
            (removed if cache_folder.remove(each) else busy).append(each)
        except OSError as error:
            raise VmprofError(
                f"cannot remove {each.name} from {each.folder}: {error.strerror}"
            ) from error
    return removed, busy


def _table(kept: Sequence[Kept]) -> str:
    rows = [
        (visible(each.name), each.schedule, _size(each.bytes), _day(each.used)) for each in kept
    ]
    headers = ("Kept", "Schedule", "Size", "Last used")
    alignment = ("left", "left", "right", "left")
    return tabulate(rows, headers, "plain", disable_numparse=True, colalign=alignment)


def _sum(kept: Sequence[Kept]) -> str:
    models = sum(each.is_model for each in kept)
    peaks = "peaks" if models < len(kept) else "no peaks"
    return f"models: {models}, {peaks}, {_size(sum(each.bytes for each in kept))}"


def _size(size: float) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(seconds))


def _data(kept: Kept) -> dict[str, object]:
    return {
        "name": kept.name,
        "schedule": kept.schedule or None,
        "bytes": kept.bytes,
        "used": kept.used,
        "files": [str(kept.folder / name) for name in kept.files],
    }
