"""Connections: SQLite and PostgreSQL are opened so that a commit is durable and nobody waits for long.

SQLite: write-ahead log, `synchronous=FULL` (an attempt that was committed must survive a power cut, or its fans may be
messaged twice), and writers that begin IMMEDIATE with a retry of our own: SQLite's own back-off sleeps up to 100 ms and
starves the unlucky. Readers use a second engine that never writes and never waits.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError

from campaigns.domain.errors import DatabaseAway
from campaigns.private_files import close_file
from campaigns.store.database.faults import named_faults
from campaigns.store.database.postgresql import open_engines

WRITE_LOCK_SECONDS = 30.0
"""Seconds that a writer tries to get SQLite's one write lock before it reports that the database is locked."""


@dataclass(frozen=True, slots=True)
class Store:
    """The database: one engine that writes and one that only reads."""

    writer: Engine
    reader: Engine
    clock: Callable[[Connection], datetime]
    # SQLite allows one writer at a time. Sixteen threads that poll for it use as much CPU as their sending.
    turn: AbstractContextManager[object] = field(default_factory=nullcontext)

    def now(self, connection: Connection) -> datetime:
        """Now, by the clock that all hosts share: the database's."""
        return self.clock(connection)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed at the end, rolled back by an exception.

        Raises DatabaseAway, DatabaseBusy, RoleTooWeak.
        """
        with self.turn, named_faults(self.writer.url), self.writer.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent snapshot that blocks nobody. Raises DatabaseAway, RoleTooWeak."""
        with named_faults(self.reader.url), self.reader.connect() as connection:
            yield connection

    def close(self) -> None:
        """Close every pooled connection."""
        self.writer.dispose()
        self.reader.dispose()


def open_store(
    url: str,
    *,
    connections: int = 20,
    clock: Callable[[Connection], datetime] | None = None,
    prepare_threshold: int | None = None,
) -> Store:
    """The store at a SQLAlchemy URL. It connects only when it is first used. Tests may pass a clock."""
    clock = clock or database_now
    if make_url(url).get_backend_name() == "sqlite":
        reader = _sqlite(url, connections, writes=False)
        return Store(_sqlite(url, connections, writes=True), reader, clock, _Turn())
    writer, reader = open_engines(make_url(url), connections=connections, prepare_threshold=prepare_threshold)
    return Store(writer, reader, clock)


class _Turn:
    """Lets one thread of this process write at a time; others sleep. SQLite's own lock is for other processes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=WRITE_LOCK_SECONDS):
            raise DatabaseAway(
                f"The database cannot be used now (another thread has been writing for {WRITE_LOCK_SECONDS:g} s); "
                "nothing was changed, try again."
            )

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def database_now(connection: Connection) -> datetime:
    """The database's clock, which all hosts share. For SQLite it is the clock of its only host."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    now: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return now.astimezone(UTC)


def _sqlite(url: str, connections: int, *, writes: bool) -> Engine:
    path = make_url(url).database
    makes_file = writes and bool(path) and path != ":memory:"
    if makes_file:
        Path(str(path)).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=4,
        connect_args={"check_same_thread": False},
        hide_parameters=True,  # texts of messages are among them, and errors go to logs
    )
    begins = "BEGIN IMMEDIATE" if writes else "BEGIN"

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        if makes_file:
            _close_to_others(str(path))
        connection.isolation_level = None  # transactions begin below, and not by the driver itself
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout = 0" if writes else "PRAGMA busy_timeout = 5000")
        if writes:
            _retry(lambda: cursor.execute("PRAGMA journal_mode = WAL"))
            cursor.execute("PRAGMA synchronous = FULL")
        else:
            cursor.execute("PRAGMA query_only = ON")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA cache_size = -32000")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # On the driver itself: every send begins two transactions, and SQLAlchemy's way costs ten times as much.
        driver: Any = connection.connection.dbapi_connection
        try:
            _retry(lambda: driver.execute(begins))
        except sqlite3.Error as error:
            raise DBAPIError.instance("BEGIN", None, error, sqlite3.Error, dialect=engine.dialect) from error

    return engine


def _close_to_others(path: str) -> None:
    """Makes the file before its first row: SQLite gives later files the rights of the first."""
    for end in ("", "-wal", "-shm"):
        close_file(Path(f"{path}{end}"))


def _retry(take_lock: Callable[[], object]) -> None:
    """Try to get the write lock every few milliseconds, at random, so that all writers have the same chance."""
    give_up_at = time.monotonic() + WRITE_LOCK_SECONDS
    while True:
        try:
            take_lock()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up_at:
                raise
            time.sleep(random.uniform(0.0005, 0.004))  # noqa: S311 - fairness, not secrecy
        else:
            return


ROWS_AT_ONCE = 1000
