"""The emulated Arm machine: a QEMU process, and programs run in it one by one."""

from __future__ import annotations

import shlex
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pmu_guest.commands import run
from pmu_guest.machine import Outcome
from pmu_guest.system import System

# One CPU, on which an instruction takes 2 ns (shift=1), and a PMU that counts cycles at 1 GHz:
# cycles are twice the instructions, so that neither can be taken for the other.
_MACHINE = (
    *("-machine", "virt", "-cpu", "neoverse-n1", "-smp", "1", "-m", "2048"),
    *("-accel", "tcg,tb-size=512", "-icount", "shift=1"),
    *("-display", "none", "-monitor", "none", "-no-reboot"),
)
# Nothing outside can be reached from it.
_NETWORK = "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{}-10.0.2.15:{}"
_NETWORK_CARD = "virtio-net-pci,netdev=net,romfile="
_SERVER_PORT = 9090
_KERNEL_OPTIONS = "console=ttyAMA0 quiet panic=-1"
_BOOT_SECONDS, _SERVER_SECONDS = 120, 600
_POLL_SECONDS = 0.02
_USER = 1000
_AS_USER = ["/usr/bin/setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"]


class Guest:
    """A machine that is up, with ``share`` mounted as /mnt: payload, jobs and the console's text.

    It counts exactly: the same instructions give the same number every time.
    """

    exact = True

    def __init__(self, process: subprocess.Popen[bytes], share: Path, port: int) -> None:
        self._process = process
        self._port = port
        self._jobs = share / "jobs"
        self._console = share / "console"
        self._jobs_begun = 0
        self._wait(lambda: "vmprof: ready" in self._console_text(), "starting", _BOOT_SECONDS)

    def run(
        self,
        *arguments: str,
        root: bool = False,
        paranoid: int = 2,
        user_access: bool = False,
        compiler: bool = False,
        timeout_s: float = 600,
    ) -> Outcome:
        """Run Python with ``arguments`` in the payload's folder.

        Unless told otherwise, as an ordinary user where
        kernel.perf_event_paranoid is 2, so that counters see user space alone,
        and without kernel.perf_user_access, so that they are read by system
        call. TVM is its runtime library; with the ``compiler``, importing it
        takes thrice as long.
        """
        command = ["env", "PYTHONPATH=.", f"TVM_USE_RUNTIME_LIB={int(not compiler)}", "python3"]
        return self._do(
            f"echo {paranoid} >/proc/sys/kernel/perf_event_paranoid\n"
            f"echo {int(user_access)} >/proc/sys/kernel/perf_user_access\n"
            f"exec {shlex.join([*([] if root else _AS_USER), *command, *arguments])}\n",
            timeout_s,
        )

    @contextmanager
    def serving(self) -> Iterator[str]:
        """``vmprof rpc-server`` in the machine, as an ordinary user; where this one reaches it.

        What the machine has of TVM is the runtime library.
        """
        command = [
            *_AS_USER,
            *("env", "PYTHONPATH=.", "TVM_USE_RUNTIME_LIB=1", "python3", "-m", "vmprof"),
            *("rpc-server", "--host", "10.0.2.15", "--port", str(_SERVER_PORT)),
        ]
        log = "/mnt/jobs/server"
        begun = self._do(
            "echo 2 >/proc/sys/kernel/perf_event_paranoid\n"
            f"{shlex.join(command)} >{log}.said 2>&1 &\n"
            "echo $!\n",
            60,
        )
        said = self._jobs / "server.said"
        try:
            self._wait(
                lambda: "listening" in said.read_text(), "starting the server", _SERVER_SECONDS
            )
            yield f"127.0.0.1:{self._port}"
        finally:
            self._do(f"kill {int(begun.out)}\n", 60)

    def _do(self, script: str, timeout_s: float) -> Outcome:
        self._jobs_begun += 1
        job = self._jobs / str(self._jobs_begun)
        # Under its final name only when it is whole: the guest may look at any time.
        job.with_suffix(".new").write_text(script)
        job.with_suffix(".new").rename(job.with_suffix(".sh"))
        status = job.with_suffix(".status")
        self._wait(lambda: status.exists() and status.read_text().endswith("\n"), script, timeout_s)
        return Outcome(
            int(status.read_text()),
            job.with_suffix(".out").read_text(),
            job.with_suffix(".err").read_text(),
        )

    def _wait(self, is_done: Callable[[], bool], what: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not is_done():
            ended = self._process.poll()
            if ended is not None or time.monotonic() > deadline:
                happened = f"took more than {seconds} s" if ended is None else "ended QEMU"
                raise RuntimeError(
                    f"the emulated machine: {what}: {happened}\n{self._console_text()}"
                )
            time.sleep(_POLL_SECONDS)

    def _console_text(self) -> str:
        """What kernel and QEMU said."""
        return self._console.read_text(errors="replace")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def boot(system: System, share: Path) -> Iterator[Guest]:
    """Start the machine; ``share`` holds the folder payload, and gets the rest."""
    (share / "jobs").mkdir()
    (share / "serve").write_bytes((Path(__file__).parent / "serve").read_bytes())
    run(["chmod", "-R", "a+rX", share])  # the guest's user is nobody here
    port = _free_port()
    command = [
        *("setpriv", "--pdeathsig=KILL"),  # it ends with the tests, however they end
        *("qemu-system-aarch64", *_MACHINE, "-serial", "stdio"),
        *("-kernel", system.kernel, "-initrd", system.initrd, "-append", _KERNEL_OPTIONS),
        *_shared_folder("system", system.root, ",readonly=on"),
        *_shared_folder("share", share),
        *("-netdev", _NETWORK.format(port, _SERVER_PORT), "-device", _NETWORK_CARD),
    ]
    with (
        (share / "console").open("wb") as console,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            yield Guest(process, share, port)
        finally:
            process.kill()


def _shared_folder(tag: str, folder: Path, options: str = "") -> tuple[str, str]:
    # A comma in QEMU's options is written twice.
    path = str(folder).replace(",", ",,")
    return "-virtfs", f"local,path={path},mount_tag={tag},security_model=none{options}"
