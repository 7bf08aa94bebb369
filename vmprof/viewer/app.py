"""The viewer: a full screen of a terminal, by textual. It reads, and changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import App
from textual.screen import Screen

from vmprof.viewer.browser import Browser
from vmprof.viewer.sheet import Sheet


class Viewer(App[None]):
    """Shows ``sheets``, the first of them first."""

    ENABLE_COMMAND_PALETTE = False
    TITLE = "vmprof"
    CSS: ClassVar[str] = """
    DataTable { height: 1fr; background: $background; scrollbar-size-vertical: 1; }
    DataTable > .datatable--header { background: $background; text-style: none; }
    VerticalScroll { scrollbar-size-vertical: 1; }
    .told { padding: 0 1; height: auto; }
    .legend { padding: 0 1; height: 1; color: $text-muted; background: $surface; }
    .text { padding: 1 2; height: auto; }
    Input { display: none; border: none; height: 1; padding: 0 1; background: $surface; }
    Input.shown { display: block; }
    Tabs { height: 2; }
    TabbedContent { height: 1fr; }
    TabPane { padding: 0; }
    """

    def __init__(self, sheets: Sequence[Sheet]) -> None:
        super().__init__()
        self._sheets = sheets

    def get_default_screen(self) -> Screen[None]:
        return Browser(self._sheets)
