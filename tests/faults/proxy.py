"""A TCP proxy that misbehaves as networks do: resets, silence, dead connections, slowness."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

RESET_AT_CLOSE = struct.pack("ii", 1, 0)
SLICE_BYTES = 64
CONNECT_SECONDS = 5.0
CHUNK = 1 << 16


class _Connection:
    """One client's connection and ours to the server behind it."""

    def __init__(self, writers: list[asyncio.StreamWriter]) -> None:
        self.writers = writers
        self.alive = asyncio.Event()
        self.alive.set()

    def reset(self) -> None:
        for writer in self.writers:
            line = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
            writer.transport.abort()


class FaultProxy:
    """Listens on a port of loopback and hands on to `target`: (host, port), or the path of a socket.

    Its modes: pass; cut (reset everything, and whoever connects); black hole (nothing moves in either direction until
    it passes again, then all of it arrives); slow. `half_open` makes the connections that are open now silent for good,
    while new ones work. Runs in a thread of its own.
    """

    def __init__(self, target: tuple[str, int] | str) -> None:
        self._target = target
        self._mode = "pass"
        self._latency = 0.0
        self._connections: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = self._do(self._listen())

    def set_mode(self, mode: str) -> None:
        """One of pass, cut, black hole, slow; in force when this returns."""
        self._do(self._set_mode(mode))

    def set_target(self, target: tuple[str, int] | str) -> None:
        """Hand new connections on to another server; those that are open stay with theirs."""
        self._target = target

    def half_open(self) -> None:
        """The connections of this moment carry nothing any more, and neither side is told."""
        self._do(self._deaden())

    def reset_all(self) -> None:
        """Reset the connections of this moment, the dead ones too; new ones work."""
        self._do(self._reset())

    def close(self) -> None:
        """Reset what is open and stop listening."""
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _listen(self) -> int:
        self._moving = asyncio.Event()
        self._moving.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _set_mode(self, mode: str) -> None:
        self._mode = mode
        self._latency = 0.15 if mode == "slow" else 0.0
        if mode == "black hole":
            self._moving.clear()
        else:
            self._moving.set()
        if mode == "cut":
            await self._reset()

    async def _deaden(self) -> None:
        for connection in self._connections:
            connection.alive.clear()

    async def _reset(self) -> None:
        for connection in list(self._connections):
            connection.reset()
            connection.alive.set()

    async def _stop(self) -> None:
        self._server.close()
        await self._reset()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        connection = _Connection([writer])
        self._connections.add(connection)
        try:
            await self._serve(connection, reader, writer)
        except (OSError, TimeoutError, asyncio.CancelledError):
            connection.reset()
        finally:
            self._connections.discard(connection)
            self._tasks.discard(task)

    async def _serve(self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._moving.wait()
        if self._mode == "cut":
            connection.reset()
            return
        there, to_there = await asyncio.wait_for(self._connect(), CONNECT_SECONDS)
        connection.writers.append(to_there)
        ways = [
            asyncio.ensure_future(self._carry(connection, reader, to_there)),
            asyncio.ensure_future(self._carry(connection, there, writer)),
        ]
        try:
            # Either side's end is both sides' end: neither HTTP nor Redis nor PostgreSQL half-closes.
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in done:
                way.result()
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        for each in connection.writers:
            each.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, str):
            return await asyncio.open_unix_connection(self._target)
        return await asyncio.open_connection(*self._target)

    async def _carry(self, connection: _Connection, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while True:
            read = await source.read(CHUNK)
            await self._moving.wait()
            await connection.alive.wait()
            if not read:
                return
            if self._latency:
                await asyncio.sleep(self._latency)
                for start in range(0, len(read), SLICE_BYTES):
                    target.write(read[start : start + SLICE_BYTES])
                    await target.drain()
            else:
                target.write(read)
                await target.drain()
