"""Does something last before a program ends, also if os._exit or a signal ends it.

When a signal arrives, the main thread may hold any lock. So the handler only starts a thread, which
does what is to be done last and then lets the process die of the same signal. Handlers that the
program sets are left alone.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import NoReturn

# What service managers, terminals that are closed and `kill` send.
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)

_Handler = Callable[[int, FrameType | None], None]
_handlers: dict[int, _Handler] = {}  # ours, by signal


def _restore() -> None:
    """Put back the default for signals that still have our handler."""
    for number, handler in _handlers.items():
        if signal.getsignal(number) is handler:
            signal.signal(number, signal.SIG_DFL)


# A forked child has nothing to do last.
os.register_at_fork(after_in_child=_restore)


class Ending:
    """Inside the ``with``, ``last`` is called once before this process ends.

    It is not called in forked children, nor if SIGKILL or a crash ends the process. Use it in the
    main thread.
    """

    def __init__(self, last: Callable[[], None]) -> None:
        self._last = last
        self._pid = os.getpid()
        self._lock = threading.RLock()  # a handler of the program may call os._exit meanwhile
        self._called = False
        self._dying: threading.Thread | None = None
        self._leave = os._exit
        self._stderr = sys.stderr  # the program may put something else in its place

    def __enter__(self) -> Ending:  # noqa: PYI034 # Python 3.10 has no Self
        try:
            os._exit = self._exit
            for number in _SIGNALS:
                if signal.getsignal(number) is signal.SIG_DFL:
                    _handlers[number] = self._die
                    signal.signal(number, self._die)
        except BaseException:
            self._disarm()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._await_death()
        finally:
            self._disarm()

    def _disarm(self) -> None:
        os._exit = self._leave
        _restore()
        _handlers.clear()

    def finish(self) -> None:
        """Call ``last`` unless it was called; if another thread is calling it, wait for that."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            if not self._called:
                self._called = True
                self._last()

    def _finish_or_tell(self) -> None:
        try:
            self.finish()
        except Exception as error:  # noqa: BLE001 # it ends, come what may
            self._stderr.write(f"vmprof: error: {error}\n")
        self._stderr.flush()

    def _exit(self, status: int) -> NoReturn:
        """Takes the place of ``os._exit``."""
        self._finish_or_tell()
        self._await_death()
        self._leave(status)

    def _die(self, number: int, _: FrameType | None) -> None:
        # A second one ends it at once.
        signal.signal(number, signal.SIG_DFL)
        if os.getpid() != self._pid or self._dying is not None:
            os.kill(os.getpid(), number)
            return
        self._dying = threading.Thread(target=self._finish_and_die, args=[number], daemon=True)
        self._dying.start()

    def _finish_and_die(self, number: int) -> None:
        self._finish_or_tell()
        os.kill(os.getpid(), number)

    def _await_death(self) -> None:
        """If a signal has come, wait until it ends this process."""
        if self._dying is not None and os.getpid() == self._pid:
            self._dying.join()
