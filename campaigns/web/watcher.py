"""Tells open pages that something has changed: one question to the database each half second, however many listen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator

from starlette.concurrency import run_in_threadpool

from campaigns.domain.errors import CampaignsError
from campaigns.store.database.engine import Store
from campaigns.store.health.changes import Marks, marks

log = logging.getLogger(__name__)

EVERY_SECONDS = 0.5
"""How often the database is asked while somebody listens. With no listener nothing is asked."""

REST_ROUNDS = 60
"""After this many rounds without a change listeners are called anyway: pages show how long ago things were."""


class Watcher:
    """The one that watches in this process. All methods belong to the thread of the event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._listeners: set[asyncio.Event] = set()
        self._watching: asyncio.Task[None] | None = None
        self._is_closed = False

    async def changes(self) -> AsyncGenerator[None, None]:
        """Yields once after each change, until the desk stops. Changes that come fast are one."""
        called = asyncio.Event()
        self._listeners.add(called)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        try:
            while not self._is_closed:
                await called.wait()
                called.clear()
                if not self._is_closed:
                    yield
        finally:
            self._listeners.discard(called)
            if not self._listeners and self._watching is not None:
                self._watching.cancel()
                self._watching = None

    def close(self) -> None:
        """End every listener's wait, for good: a server that stops waits for its open streams."""
        self._is_closed = True
        self._call()

    async def _watch(self) -> None:
        seen, rounds = await run_in_threadpool(self._read), 0
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            found = await run_in_threadpool(self._read)
            rounds += 1
            if found != seen or rounds >= REST_ROUNDS:
                seen, rounds = found, 0
                self._call()

    def _call(self) -> None:
        for called in self._listeners:
            called.set()

    def _read(self) -> Marks | None:
        """The marks, or None while the database cannot be asked: that it is away, or back, is a change too."""
        try:
            with self._store.read() as connection:
                return marks(connection, self._store.now(connection))
        except CampaignsError as refusal:
            log.debug("The watcher cannot ask the database: %s", refusal)
            return None
