"""Two acts at the same moment, in an order that the test chooses, with real threads and real locks.

`overlapping` lets the first act do all its work, then starts the second one, which runs until it has read what it
reads and waits for the first one's locks; only then is the first one committed. That is the worst moment there is,
and it comes without sleeping. `together` starts threads at one barrier and lets the database order them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from unittest.mock import patch

from sqlalchemy import Connection, text

from campaigns.domain.errors import NotAllowed, TryLater
from campaigns.store.database import postgresql
from campaigns.store.database.engine import Store

DEADLINE_SECONDS = 30.0


@dataclass
class Inside:
    """A store whose every transaction is one that is open already; savepoints keep its own rollbacks apart."""

    connection: Connection
    real: Store

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self.connection.begin_nested():
            yield self.connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        yield self.connection

    def now(self, connection: Connection) -> datetime:
        return self.real.now(connection)


@dataclass
class Announcing:
    """A store that says when it is about to begin its first write."""

    real: Store
    arrived: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self.arrived.set()
        with self.real.write() as connection:
            yield connection

    def read(self) -> Any:
        return self.real.read()

    def now(self, connection: Connection) -> datetime:
        return self.real.now(connection)


Doing = Callable[[Store], Any]


def overlapping(store: Store, first: Doing, second: Doing, *, then: Doing | None = None) -> tuple[Any, Any]:
    """What both came to, refusals included. `then` goes on with the first one's work while the second one waits."""
    announcing = Announcing(store)
    with patient(), ThreadPoolExecutor(1) as pool:
        with store.write() as connection:
            inside = cast("Store", Inside(connection, store))
            done = outcome_of(first, inside)
            other = pool.submit(outcome_of, second, cast("Store", announcing))
            _until(lambda: announcing.arrived.is_set() or other.done())
            if connection.dialect.name == "postgresql":
                _until(lambda: other.done() or _somebody_waits(store))
            if then is not None:
                done = outcome_of(then, inside)
        return done, other.result(DEADLINE_SECONDS)


def together(*acts: Callable[[], Any]) -> list[Any]:
    """What each came to, all started at one barrier."""
    barrier = threading.Barrier(len(acts))

    def start(act: Callable[[], Any]) -> Any:
        barrier.wait(DEADLINE_SECONDS)
        return outcome_of(lambda _: act(), None)

    with patient(), ThreadPoolExecutor(len(acts)) as pool:
        futures: Sequence[Future[Any]] = [pool.submit(start, act) for act in acts]
        return [future.result(DEADLINE_SECONDS) for future in futures]


def patient() -> AbstractContextManager[Any]:
    """Nobody gives up a lock because this machine is slow."""
    return patch.object(postgresql, "BRIEF_SECONDS", DEADLINE_SECONDS)


def outcome_of(act: Callable[[Any], Any], store: Any) -> Any:
    """The answer of an act, or the refusal that it met."""
    try:
        return act(store)
    except (NotAllowed, TryLater) as refusal:
        return refusal


def _somebody_waits(store: Store) -> bool:
    statement = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with store.reader.connect() as connection:
        return bool(connection.scalar(statement))


def _until(happened: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + DEADLINE_SECONDS
    while not happened():
        assert time.monotonic() < give_up_at, "waited for nothing"
        time.sleep(0.001)  # polling, with a deadline
