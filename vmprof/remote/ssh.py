"""Another host, as the system's ssh reaches it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from vmprof.errors import VmprofError
from vmprof.owned import temporary_folder

# What ssh itself ends with, and shells where there is no such command, or none that runs.
_OF_SSH, _NO_COMMAND = 255, (126, 127)
_SECONDS = 20
_LONG = 300  # characters of what the host said


class CommandError(VmprofError):
    """A command on the host that ended with ``status``, and what it ``said``."""

    def __init__(self, message: str, status: int, said: str) -> None:
        super().__init__(message)
        self.status, self.said = status, said


class Ssh:
    """Commands on ``host`` (``USER@HOST``, or a name of ssh's configuration), in its home folder.

    While the ``with`` lasts there is one connection, so that a password is asked for once.
    ``options`` are as for ``ssh -o``. All that goes wrong raises :class:`VmprofError`.
    """

    def __init__(self, host: str, options: Sequence[str] = ()) -> None:
        if shutil.which("ssh") is None:
            raise VmprofError(
                "to deploy takes ssh, which is not there; on Debian or Ubuntu run: "
                "sudo apt install openssh-client"
            )
        if host.startswith("-") or not host.strip():
            raise VmprofError(f"{host!r} is no host; write USER@HOST")
        self.host = host
        self._options = list(options)

    def __enter__(self) -> Ssh:  # noqa: PYI034 # Python 3.10 has no Self
        self._stack = ExitStack()
        shared = self._stack.enter_context(temporary_folder()) / "connection"
        self._shared = [
            *("-o", "ControlMaster=auto", "-o", f"ControlPath={shared}"),
            *("-o", "ControlPersist=60", "-o", f"ConnectTimeout={_SECONDS}"),
        ]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        end = ["ssh", *self._shared, "-O", "exit", "--", self.host]
        subprocess.run(end, capture_output=True, check=False)  # noqa: S603
        self._stack.close()

    def run(self, *command: str, given: Path | None = None, fails: str = "") -> str:
        """What ``command`` printed, which read the file ``given``.

        If it failed, ``fails`` says what that means.
        """
        with (given or Path("/dev/null")).open("rb") as file:
            done = subprocess.run(  # noqa: S603 # what is not the user's is quoted
                self.command(*command, more=self._shared),
                stdin=file,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
        if done.returncode == 0:
            return done.stdout
        said = done.stderr.strip() or done.stdout.strip()
        last = (said.splitlines() or ["it says nothing"])[-1][:_LONG]
        if done.returncode == _OF_SSH:
            raise VmprofError(f"ssh cannot reach {self.host}: {last}")
        if done.returncode in _NO_COMMAND:
            fails = f"{self.host} has no command {command[0]}"
        raise CommandError(f"{fails or f'{command[0]} failed'}: {last}", done.returncode, said)

    def command(self, *command: str, more: Sequence[str] = ()) -> list[str]:
        """The command here that runs ``command`` there; ``more`` are options of ssh's."""
        options = [part for each in self._options for part in ("-o", each)]
        # ssh hands one text to the shell of the host's user.
        return ["ssh", *options, *more, "--", self.host, shlex.join(command)]
