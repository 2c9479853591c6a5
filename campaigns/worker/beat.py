"""Beat: a scheduler for Celery that stores nothing on disk, and a heartbeat in the database that shows its ticks.

Celery's usual scheduler stores a pickle in the home: anybody who can write that file can make beat run code. There is
one entry, and nothing to remember.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery.beat import Scheduler

from campaigns.domain.errors import CampaignsError
from campaigns.store.database.engine import Store
from campaigns.store.health.heartbeats import BEAT_SENDS, beat_heart

log = logging.getLogger(__name__)

SIGN_SECONDS = 5.0
"""Beat writes at most one heartbeat to the database in this many seconds."""


class Ticker(Scheduler):
    """Publishes the ticks, and notifies the heart of each."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._heart: Heart | None = None

    def apply_async(self, *arguments: Any, **options: Any) -> Any:
        """Publish a tick. Raises Celery's error when the broker is away."""
        published = super().apply_async(*arguments, **options)
        if self._heart is None:
            from campaigns.worker.tasks import parts

            self._heart = Heart(parts().store)
            threading.Thread(target=self._heart.run, name="heart", daemon=True).start()
        self._heart.ticked.set()
        return published


class Heart:
    """Writes the heartbeat of beat in a thread of its own: a database that does not respond must not stop the ticks."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.ticked = threading.Event()
        self.stopped = threading.Event()

    def run(self) -> None:
        """Write a heartbeat after a tick, at most one in SIGN_SECONDS, until `stopped` is set."""
        while not self.stopped.is_set():
            self.ticked.wait()
            self.ticked.clear()
            self.write()
            self.stopped.wait(SIGN_SECONDS)

    def write(self) -> None:
        """Write one heartbeat. One that cannot be written is lost; the next tick writes another."""
        try:
            with self._store.write() as connection:
                beat_heart(connection, BEAT_SENDS, now=self._store.now(connection))
        except CampaignsError as fault:
            log.warning("The heartbeat of beat was not written: %s", fault)
        except Exception:  # the ticks go on, whatever is wrong with the database
            log.exception("The heartbeat of beat was not written.")
