"""A vendor that costs next to nothing: it answers every send at once, in the vendor's shape, and counts what came.

Run as `python -m benchmarks.vendor URL_FILE LATENCY_MS DELAY_MS`: a request is counted a random part of DELAY_MS after
it came, as behind a network, and answered LATENCY_MS later. GET /counts answers and forgets what was counted.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from collections import Counter
from pathlib import Path

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)
USERS = b'"userIds":'
TEAM = b'{"team":{"slug":"benchmark","name":"Benchmark"}}'


def message(number: int) -> bytes:
    """What the vendor answers to a send."""
    return (
        b'{"data":{"id":%d,"date":"2026-11-02T10:00:00+00:00","isReady":true,"isDone":false,"total":-1,"pending":0,'
        b'"canUnsend":true,"unsendSeconds":86400,"hasError":false},"_meta":{"_credits":{"used":1,"balance":99999,'
        b'"note":"Always"},"_cache":{"is_cached":false,"note":"Cache disabled for this endpoint"},"_rate_limits":'
        b'{"limit_minute":1000000,"remaining_minute":999999,"limit_day":null,"remaining_day":null}}}'
    ) % number


class Counts:
    """What arrived since somebody last asked."""

    def __init__(self) -> None:
        self.batches: Counter[int] = Counter()
        self.users = 0
        self.at: list[float] = []
        self.number = 1_000_000

    def take(self, body: bytes) -> bytes:
        """Count one send; answers the reply's body."""
        start = body.find(USERS)
        users = body[start : body.find(b"]", start)]
        self.batches[hash(users)] += 1
        self.users += users.count(b",") + 1
        self.at.append(time.monotonic())
        self.number += 1
        return message(self.number)

    def tell(self) -> bytes:
        """What was counted; begins anew."""
        told = {
            "requests": len(self.at),
            "batches": len(self.batches),
            "most_often": max(self.batches.values(), default=0),
            "users": self.users,
            "at": self.at,
        }
        self.batches, self.users, self.at = Counter(), 0, []
        return json.dumps(told).encode()


class Vendor(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, no more of it than the benchmarks' clients speak."""

    def __init__(self, counts: Counts, latency: float, delay: float) -> None:
        self._counts = counts
        self._latency = latency
        self._delay = delay
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        length = CONTENT_LENGTH.search(self._received, 0, head + 2)
        ends = head + 4 + (int(length[1]) if length else 0)
        if len(self._received) < ends:
            return
        path = bytes(self._received[: self._received.find(b" HTTP")])
        body = bytes(self._received[head + 4 : ends])
        del self._received[:ends]
        if self._delay or self._latency:
            loop = asyncio.get_running_loop()
            loop.call_later(random.uniform(0, self._delay), self._count_late, path, body)
        else:
            self._reply(self._answer(path, body))

    def _count_late(self, path: bytes, body: bytes) -> None:
        content = self._answer(path, body)
        asyncio.get_running_loop().call_later(self._latency, self._reply, content)

    def _answer(self, path: bytes, body: bytes) -> bytes:
        if path.startswith(b"POST"):
            return self._counts.take(body)
        return self._counts.tell() if path.endswith(b"/counts") else TEAM

    def _reply(self, content: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(head % len(content) + content)


async def serve(url_file: Path, latency: float, delay: float) -> None:
    """Listen on a free port of loopback, write the address down, and go on until killed."""
    counts = Counts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Vendor(counts, latency, delay), "127.0.0.1", 0)
    half = url_file.with_suffix(".half")
    half.write_text(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    half.rename(url_file)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2]) / 1000, float(sys.argv[3]) / 1000))
