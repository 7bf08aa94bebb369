"""Many servers of TVM's kind that do nothing: for each client a report that lies on disk.

    python benchmarks/fake_servers.py TRACKER_PORT KEY FIRST COUNT FOLDER

Each listens at an address of its own, 127.0.0.0/8 having enough of them, and is registered at the
tracker as TVM's own servers are. After the key of the match, which a client sends as a line, it
answers with the size of its report as a line, and the report. Prints a line when all are
registered, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import struct
import sys
from pathlib import Path

from tvm.rpc import base
from tvm.rpc.base import RPC_TRACKER_MAGIC, TrackerCode

PORT = 9090


def address_of(number: int) -> str:
    """Of the server of that number."""
    return f"127.{1 + number // 62_500}.{1 + number // 250 % 250}.{1 + number % 250}"


class FakeServer:
    def __init__(self, number: int, tracker: int, key: str, report: Path) -> None:
        self._address = address_of(number)
        self._tracker, self._key = tracker, key
        self._report = report
        self._match = ""

    async def start(self) -> None:
        await asyncio.start_server(self._serve, self._address, PORT)
        self._from, self._to = await asyncio.open_connection("127.0.0.1", self._tracker)
        self._to.write(struct.pack("<i", RPC_TRACKER_MAGIC))
        await self._from.readexactly(4)
        who = {"key": f"server:{self._key}", "addr": [self._address, PORT]}
        await self._ask([TrackerCode.UPDATE_INFO, who])
        await self._register()

    async def _register(self) -> None:
        self._match = base.random_key(self._key)
        await self._ask([TrackerCode.PUT, self._key, (PORT, self._match), self._address])

    async def _ask(self, message: list[object]) -> None:
        text = base.json.dumps(message).encode()
        self._to.write(struct.pack("<i", len(text)) + text)
        (size,) = struct.unpack("<i", await self._from.readexactly(4))
        await self._from.readexactly(size)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        if line.decode().strip() == self._match:
            report = self._report.read_bytes()
            writer.write(f"{len(report)}\n".encode() + report)
            await writer.drain()
        writer.close()
        await self._register()


async def serve(tracker: int, key: str, numbers: range, reports: list[Path]) -> None:
    for number in numbers:
        await FakeServer(number, tracker, key, reports[number % len(reports)]).start()
    print("registered", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    tracker, key, first, count, folder = sys.argv[1:]
    begin = int(first)
    numbers = range(begin, begin + int(count))
    asyncio.run(serve(int(tracker), key, numbers, sorted(Path(folder).iterdir())))
