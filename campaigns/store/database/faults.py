"""Faults of the database, judged by what the server itself calls them: SQLSTATE, and never by the driver's classes.

psycopg files the refusal of a demoted primary (25006) under internal errors and a deadlock under operational ones, so
its classes say nothing about who is to blame. SQLite has no such codes; there the driver's class has to do.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from campaigns.domain.errors import DatabaseAway, DatabaseBusy

BUSY = "55P03"
"""Somebody else had the lock for longer than we wait (`lock_timeout`, NOWAIT)."""

AWAY_CLASSES = ("08", "28", "53", "57", "58")
"""Connections, sign-in, resources (disk, memory, places), an operator's intervention, the server's own system."""

AWAY_STATES = frozenset(
    {
        BUSY,
        "25006",  # a standby, or a primary that was demoted under our open sockets: it takes no writes
        "25P03",  # we were idle in a transaction for too long, and the server ended the session
        "40001",  # rolled back by the server; the same work done again may pass
        "40P01",  # chosen to end a deadlock
    }
)
"""What is wrong with the server, or passes by itself; the request itself may be good."""

TLS_WORDS = ("SSL was required", "certificate verify failed", "server certificate", "root certificate")
"""What libpq says when the other end cannot prove who it is."""

SPOILING_CLASSES = ("08", "53", "57", "58")
SPOILING_STATES = frozenset({"25006", "25P03"})
"""After these a connection is not worth keeping: it leads to a server that cannot or must not do the work."""


def sqlstate(fault: BaseException | None) -> str | None:
    """What PostgreSQL calls a driver's error; None for SQLite, and for what failed before the server spoke."""
    found = getattr(fault, "sqlstate", None)
    return found if isinstance(found, str) else None


def spoils_connection(fault: BaseException | None) -> bool:
    """Whether the connection that met this fault must not be used again."""
    state = sqlstate(fault)
    return state is not None and (state in SPOILING_STATES or state.startswith(SPOILING_CLASSES))


def drop_spoilt_connections(engine: Engine) -> None:
    """Let no connection go back to the pool that met such a fault, and none that was opened before it either.

    After a failover every open socket of the pool leads to the old primary.
    """

    @event.listens_for(engine, "handle_error")
    def judge(context: Any) -> None:
        if spoils_connection(context.original_exception):
            context.is_disconnect = True


@contextmanager
def named_faults() -> Iterator[None]:
    """Raise DatabaseAway, or DatabaseBusy, where the database is the trouble; other faults pass unchanged."""
    try:
        yield
    except PoolTimeoutError as error:
        raise _away(error) from error
    except DBAPIError as error:
        if sqlstate(error.orig) == BUSY:
            raise DatabaseBusy(
                "Somebody else keeps locked what this needs (an import, or a host that vanished); nothing was changed, "
                "try again in a minute."
            ) from error
        if not _is_away(error):
            raise
        raise _away(error.orig or error) from error


def _is_away(error: DBAPIError) -> bool:
    """Whether the database is the trouble, not what was asked of it."""
    state = sqlstate(error.orig)
    if error.connection_invalidated:
        return True
    if state is not None:
        return state in AWAY_STATES or state.startswith(AWAY_CLASSES)
    # Without a code: no connection was made, or it is SQLite, whose plain error means a broken file.
    return isinstance(error, OperationalError) or type(error.orig) is sqlite3.DatabaseError


def _away(fault: BaseException) -> DatabaseAway:
    said = str(fault).strip() or type(fault).__name__
    cause = said.splitlines()[0]
    if any(word in said for word in TLS_WORDS):
        return DatabaseAway(
            f"The database cannot be used now ({cause}): a server on another machine has to show a certificate of a CA "
            "that we know. Name its CA with sslrootcert=FILE in DATABASE_URL, or write sslmode=disable there for a "
            "network that you trust. Nothing was changed."
        )
    return DatabaseAway(f"The database cannot be used now ({cause}); nothing was changed, try again.")
