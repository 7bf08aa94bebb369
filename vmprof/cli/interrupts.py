"""What becomes of the signals by which a command is ended: one line, and an exit code.

Imported before anything else, and imports next to nothing: until it is armed, an interrupt is
Python's, which shows a traceback.
"""

from __future__ import annotations

import signal
import sys

TYPE_CHECKING = False  # what typing.TYPE_CHECKING is, which takes time to load
if TYPE_CHECKING:
    from types import FrameType

# What the terminal, `kill` and service managers, and a terminal that is closed send.
_WORDS = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "terminated",
    signal.SIGHUP: "hung up",
}
_SOON = 0.01  # seconds


class Interrupts:
    """Each such signal raises ``KeyboardInterrupt`` while it is armed; none is lost, nor an error.

    ``seen`` is the first that came, 0 if none did. ``told`` is what is to be said besides: what
    became of the work that was done.
    """

    def __init__(self) -> None:
        self.seen = 0
        self.told: list[str] = []
        # A store, and no call: nothing comes between.
        self.armed = False

    def arm(self) -> None:
        """From now on. What a shell has ignored, as it has for what runs behind, stays ignored."""
        self.armed = True
        for number in _WORDS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._come)
        sys.unraisablehook = self._again

    def hand_over(self) -> None:
        """They are a user's program's from now on, as Python has them."""
        for number in _WORDS:
            if signal.getsignal(number) == self._come:
                as_python = (
                    signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
                )
                signal.signal(number, as_python)
        sys.unraisablehook = sys.__unraisablehook__

    def came_as(self, error: BaseException) -> None:
        """One arrived at the end of the program as ``error``, whose notes are to be told."""
        self.seen = self.seen or signal.SIGINT
        self.told += getattr(error, "__notes__", ())

    def ignore(self) -> None:
        """For good: nothing is left to do that could be interrupted."""
        for number in _WORDS:
            signal.signal(number, signal.SIG_IGN)
        # One that came while text was executed, as dataclasses do, Python takes for one that
        # nobody caught, until it executes some other: its process would die of SIGINT at the end.
        try:  # noqa: SIM105 # contextlib takes time to load
            exec("")  # noqa: S102
        except MemoryError:  # and none came then
            pass

    @property
    def line(self) -> str:
        """What is said of the signal that was seen."""
        word = _WORDS[signal.Signals(self.seen)]
        return "; ".join([f"vmprof: {word}", *self.told])

    @property
    def exit_code(self) -> int:
        """As a shell reports a program that the signal ended."""
        return 128 + self.seen

    def _come(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self.armed:
            self.seen = self.seen or (number if number in _WORDS else signal.SIGINT)
            raise KeyboardInterrupt

    def _again(self, unraisable: sys.UnraisableHookArgs) -> None:
        """What came up in a finalizer, where Python would print it and go on."""
        if self.seen:
            # Not here: what is raised here is ignored too.
            signal.signal(signal.SIGALRM, self._come)
            signal.setitimer(signal.ITIMER_REAL, _SOON)
        else:
            sys.__unraisablehook__(unraisable)


interrupts = Interrupts()
