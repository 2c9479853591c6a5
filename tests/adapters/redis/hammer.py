"""Processes that send as fast as the pacer lets them, as lanes do: permit, row, request, answer."""

from __future__ import annotations

import random
import socket
import socketserver
import sqlite3
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any, Self

from campaigns.adapters.redis.pacer import RedisPacer
from campaigns.domain.errors import PacerAway
from campaigns.ports import RecentUse, Recovery

HOLD_SECONDS = 1.0


@dataclass(frozen=True)
class Order:
    """What one hammering process needs to know; it is sent to a new interpreter."""

    redis_url: str
    vendor: tuple[str, int]
    database: str
    limit: int
    window_seconds: float
    seed: int


def connect(database: str) -> sqlite3.Connection:
    connection = sqlite3.connect(database, timeout=30, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS request (key TEXT PRIMARY KEY, started REAL, answered REAL, reserved INTEGER)"
    )
    return connection


def hammer(order: Order) -> None:
    """Send until the vendor says that it has seen enough."""
    rows = connect(order.database)

    def recover() -> Recovery:
        now = time.monotonic()
        found = rows.execute(
            "SELECT key, started, answered, reserved FROM request WHERE started > ?",
            (now - HOLD_SECONDS - 2 * order.window_seconds,),
        )
        uses = [RecentUse(k, k, now - started, None if a is None else now - a, bool(q)) for k, started, a, q in found]
        return Recovery(uses, {})

    pacer = RedisPacer(
        order.redis_url,
        upstream="hammered",
        rate_per_minute=order.limit,
        reserve=0.1,
        account_gap_seconds=0,
        recover=recover,
        window_seconds=order.window_seconds,
        longest_hold_seconds=HOLD_SECONDS,
    )
    pacer._settle = 100_000
    chance = random.Random(order.seed)
    while True:
        try:
            if not _send_one(pacer, rows, order, reserved=chance.random() < 0.05):
                break
        except PacerAway:
            time.sleep(0.01)  # Redis is being restarted
    pacer.close()
    rows.close()


def _send_one(pacer: RedisPacer, rows: sqlite3.Connection, order: Order, *, reserved: bool) -> bool:
    """Whether there is more to do."""
    key = str(uuid.uuid4())
    if not pacer.acquire(key, key, hold_seconds=HOLD_SECONDS, reserved=reserved).granted:
        return _post(order.vendor, b"?") != b"enough"
    rows.execute("INSERT INTO request VALUES (?, ?, NULL, ?)", (key, time.monotonic(), reserved))
    answer = _post(order.vendor, b"!")
    if answer:
        rows.execute("UPDATE request SET answered = ? WHERE key = ?", (time.monotonic(), key))
        pacer.answered(key)
    return answer != b"enough"


def _post(vendor: tuple[str, int], request: bytes) -> bytes:
    with socket.create_connection(vendor, timeout=10) as line:
        line.sendall(request)
        return line.recv(64)


class CountingVendor:
    """A server in the test's process that notes when each request arrives, answers late, and loses some answers."""

    def __init__(self, enough: int) -> None:
        self.arrivals: list[float] = []
        self.enough = enough
        self._chance = random.Random(1)
        self._lock = threading.Lock()
        vendor = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                vendor._answer(self.request)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.address: Any = self._server.server_address
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def most_in_any(self, window_seconds: float) -> int:
        moments = sorted(self.arrivals)
        most = first = 0
        for last, moment in enumerate(moments):
            while moments[first] <= moment - window_seconds:
                first += 1
            most = max(most, last - first + 1)
        return most

    def _answer(self, line: socket.socket) -> None:
        request = line.recv(1)
        with self._lock:
            if request == b"!":
                self.arrivals.append(time.monotonic())
            word = b"enough" if len(self.arrivals) >= self.enough else b"go on"
            lost, late = self._chance.random() < 0.05, self._chance.uniform(0, 0.02)
        if request == b"!":
            time.sleep(late)  # the vendor's latency
            if lost and word != b"enough":
                return
        line.sendall(word)
