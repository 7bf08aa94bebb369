"""Show what a sampled run did, as a flame graph or for other viewers.

FILE is a report that vmprof run --sample --json wrote, or what vmprof record
--sample saved. From the outside in: the run, or of a recording what was called
from outside; VM functions where there are several, the operator, the function of
a library, and the line of TIR that it was made from where the library says. What
was in no call (the loop, allocation between calls) is there under that name.

Examples:
  vmprof run resnet18 --sample --json report.json
  vmprof flame report.json --html flame.html --open
  vmprof flame report.json --pprof profile.pb.gz
  vmprof flame run.vmprof --html flame.html              # all functions of it
  vmprof flame run.vmprof --report decode --html decode.html
  vmprof flame report.json                # collapsed stacks, for flamegraph.pl

"""

from __future__ import annotations

import argparse
import webbrowser
from typing import TYPE_CHECKING

from vmprof.cli.results import ABOUT_FILES, Results
from vmprof.compare.readers import read_report
from vmprof.errors import VmprofError
from vmprof.recording.recognized import holds_recording
from vmprof.report.facts import title_of
from vmprof.report.render.stacks import collapsed, firefox, flame, pprof, speedscope, stacks_of
from vmprof.report.render.stacks.stacks import sampled_of

if TYPE_CHECKING:
    from vmprof.report.render.stacks import Stack
    from vmprof.sampling.model import Sampled

_FORMS = {
    "html": "write a page with the flame graph",
    "collapsed": "write collapsed stacks: flamegraph.pl, inferno",
    "speedscope": "write speedscope's JSON",
    "pprof": "write a gzipped protocol buffer: pprof; needs tvm-vmprof[pprof]",
    "firefox": "write what profiler.firefox.com loads",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help="a saved report with samples, a recording, or -"
    )
    parser.add_argument(
        "--report",
        metavar="NAME",
        help="the model, if the file has reports of several; of a recording, one function alone",
    )
    where = parser.add_argument_group("where it goes, besides the terminal", ABOUT_FILES)
    for form, text in _FORMS.items():
        where.add_argument(f"--{form}", metavar="FILE", help=text)
    where.add_argument("--open", action="store_true", help="show the --html FILE in a browser")
    where.add_argument("--force", action="store_true", help="overwrite files that exist")


def execute(options: argparse.Namespace) -> int:
    results = Results(options, tuple(_FORMS))
    page = results.files.get("html")
    if options.open and (page is None or not page.is_file):
        raise VmprofError("--open needs a page to show: --html FILE")
    sampled, stacks, title = _read(options.file, options.report)
    results.deliver(
        {
            "html": lambda: flame.render(stacks, title, sampled),
            "collapsed": lambda: collapsed.render(stacks),
            "speedscope": lambda: speedscope.render(stacks, title, sampled.unit),
            "pprof": lambda: pprof.render(stacks, title, sampled.event, sampled.unit),
            "firefox": lambda: firefox.render(stacks, title, sampled.event, sampled.unit),
        },
        lambda: "" if results.files else collapsed.render(stacks),
    )
    if options.open and page is not None:
        webbrowser.open(page.path.as_uri())
    return 0


def _read(file: str, name: str | None) -> tuple[Sampled, list[Stack], str]:
    """How ``file`` was sampled, its stacks, and what they are of."""
    if not holds_recording(file):
        report = read_report(file, name).report
        return sampled_of(report), stacks_of(report), title_of(report)
    from vmprof.cli.recorded import of_title
    from vmprof.recording.groups import groups_of
    from vmprof.recording.saved import load
    from vmprof.recording.stacks import stacks_of_recording

    recording = load(file)
    groups = groups_of(recording)
    if name is not None:
        groups = [of_title(groups, name)]
    stacks, sampled = stacks_of_recording(recording, groups)
    return sampled, stacks, name or "all functions"
