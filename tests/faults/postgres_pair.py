"""A PostgreSQL and the replica that follows it, behind one address: what a failover is, on one machine."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from sqlalchemy import Connection, create_engine, text

from tests.faults.lost import Lost, read_lost
from tests.faults.proxy import FaultProxy
from tests.servers import NoServer, PostgresFolder

DEMOTED_SECONDS = 10.0
"""How long a primary that was demoted stays up, with the connections that were open then."""

CATCHES_UP_SECONDS = 20.0


class Promotion(StrEnum):
    """What becomes of the old primary, and of what the replica did not have yet."""

    STOPPED = "promoted, the old primary stopped"
    DEMOTED = "promoted, the old primary read-only under open connections"
    BEHIND = "promoted, the newest commits lost"


class PostgresPair:
    """The two servers. `url` is their one address: it leads to whichever is the primary."""

    def __init__(self) -> None:
        self._primary = _first()
        self._relay = FaultProxy(self._primary.socket)
        self._replica: PostgresFolder | None = None
        self._coming: tuple[PostgresFolder, subprocess.Popen[bytes]] | None = None
        self._demoted: list[tuple[float, PostgresFolder]] = []
        self._follow()

    @property
    def url(self) -> str:
        """As SQLAlchemy spells it."""
        return f"postgresql+psycopg://campaigns@127.0.0.1:{self._relay.port}/postgres"

    def tend(self) -> None:
        """Start a replica whose copy is ready, and stop old primaries whose time is over."""
        if self._coming is not None and self._coming[1].poll() is not None:
            replica, copy = self._coming
            if copy.returncode != 0:
                raise NoServer(f"pg_basebackup failed: {(replica.folder / 'copy.log').read_text()}")
            replica.start()
            self._replica, self._coming = replica, None
        over = [server for until, server in self._demoted if until <= time.monotonic()]
        self._demoted = [(until, server) for until, server in self._demoted if until > time.monotonic()]
        for server in over:
            server.close()

    @property
    def has_replica(self) -> bool:
        """Whether there is one to promote."""
        return self._replica is not None

    def fall_behind(self) -> None:
        """From now on the replica gets nothing more; it has everything from before."""
        assert self._replica is not None
        _catch_up(self._replica, self._primary)
        _configure(self._replica, "primary_conninfo = ''")

    def promote(self, how: Promotion, database: str) -> Lost:
        """Make the replica the primary; returns the requests of that database that were committed before.

        Nothing is committed on the old primary after those were read. Another replica is begun.
        """
        assert self._replica is not None
        old, new = self._primary, self._replica
        if how is Promotion.DEMOTED:
            committed = self._demote(old, new, database)
            self._demoted.append((time.monotonic() + DEMOTED_SECONDS, old))
        else:
            self._relay.set_mode("cut")
            committed = read_lost(old.url(database))
            old.stop(at_once=how is Promotion.BEHIND)
        new.promote()
        self._relay.set_target(new.socket)
        self._relay.set_mode("pass")
        if how is not Promotion.DEMOTED:
            old.close()
        self._primary, self._replica = new, None
        self._follow()
        return committed

    def close(self) -> None:
        """Stop everything."""
        self._relay.close()
        if self._coming is not None:
            self._coming[1].kill()
            self._coming[1].wait()
            self._coming[0].close()
        for server in [*(server for _, server in self._demoted), self._replica, self._primary]:
            if server is not None:
                server.close()

    def _demote(self, old: PostgresFolder, new: PostgresFolder, database: str) -> Lost:
        """Let it commit no more, and wait until the replica has what it did commit."""
        _configure(old, "default_transaction_read_only = on")
        with _asked(old) as connection:
            _wait_for_writers(connection)
        committed = read_lost(old.url(database))
        _catch_up(new, old)
        return committed

    def _follow(self) -> None:
        replica = PostgresFolder()
        self._coming = replica, replica.copy_of(self._primary)


def _first() -> PostgresFolder:
    server = PostgresFolder()
    server.initialise()
    server.start()
    return server


@contextmanager
def _asked(server: PostgresFolder) -> Iterator[Connection]:
    engine = create_engine(server.url(), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _configure(server: PostgresFolder, setting: str) -> None:
    with _asked(server) as connection:
        connection.execute(text(f"ALTER SYSTEM SET {setting}"))
        connection.execute(text("SELECT pg_reload_conf()"))


def _catch_up(replica: PostgresFolder, primary: PostgresFolder) -> None:
    """Wait until a replica has everything that its primary has committed by now."""
    with _asked(primary) as connection:
        newest = connection.execute(text("SELECT pg_current_wal_flush_lsn()::text")).scalar_one()
    replayed = text("SELECT pg_last_wal_replay_lsn() >= CAST(:newest AS pg_lsn)")
    give_up_at = time.monotonic() + CATCHES_UP_SECONDS
    with _asked(replica) as connection:
        while not connection.execute(replayed, {"newest": newest}).scalar_one():
            if time.monotonic() > give_up_at:
                raise NoServer("The replica did not catch up with its primary.")
            time.sleep(0.02)  # polling, with a deadline


def _wait_for_writers(connection: Connection) -> None:
    """Transactions that began before may still write: give them a moment, then end them."""
    before = connection.execute(text("SELECT clock_timestamp() + interval '0.2 seconds'")).scalar_one()
    others = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND xact_start < :before"
    others += " AND pid <> pg_backend_pid()"
    give_up_at = time.monotonic() + 2.0
    time.sleep(0.3)  # a server reads its settings again at its next statement; this is longer than it takes
    while connection.execute(text(f"SELECT count(*) {others}"), {"before": before}).scalar_one():
        if time.monotonic() > give_up_at:
            connection.execute(text(f"SELECT pg_terminate_backend(pid) {others}"), {"before": before})
        time.sleep(0.02)  # polling, with a deadline


@contextmanager
def postgres_pair() -> Iterator[PostgresPair]:
    """A pair that lives as long as this is open. Raises NoServer."""
    pair = PostgresPair()
    try:
        yield pair
    finally:
        pair.close()
