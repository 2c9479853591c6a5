"""Faults of the database, judged by what the server itself calls them: SQLSTATE, and never by the driver's classes.

psycopg files the refusal of a demoted primary (25006) under internal errors and a deadlock under operational ones, so
its classes say nothing about who is to blame. SQLite has no such codes; there the driver's class has to do.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from campaigns.domain.errors import DatabaseAway, DatabaseBusy, RoleTooWeak

BUSY = "55P03"
"""Somebody else had the lock for longer than we wait (`lock_timeout`, NOWAIT)."""

FORBIDDEN = frozenset({"42501", "3F000"})
"""Our role may not do it; or it sees no schema where it might make a table."""

GRANTS = {
    "schema": "USAGE, CREATE ON SCHEMA public",
    "table": "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public",
    "sequence": "USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public",
    "function": "EXECUTE ON ALL FUNCTIONS IN SCHEMA public",
    "database": "CONNECT ON DATABASE",
}
"""What helps, by the word that the server's refusal names. Another language of the server's matches none of them."""

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

FULL = ("disk is full", "No space left", "could not extend", "could not write")
"""How SQLite and PostgreSQL say that there is no room."""

MAYBE_FULL = ("disk I/O error", "unable to open database file")
"""What SQLite says of many a fault, and of a journal or an index that it has no room for."""

NO_ROOM_BYTES = 100_000
"""SQLite's journal and its index need as much to be opened."""

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
        if forget_row(context.original_exception) and context.sqlalchemy_exception is not None:
            context.sqlalchemy_exception.args = (str(context.original_exception),)


def forget_row(fault: BaseException | None) -> bool:
    """Take the server's DETAIL out of a driver's error, as it repeats the row with its texts; False: there is none."""
    told = getattr(fault, "diag", None)
    if fault is None or told is None or not told.message_detail:
        return False
    fault.args = (str(told.message_primary),)
    return True


@contextmanager
def named_faults(url: URL) -> Iterator[None]:
    """Raise DatabaseAway, DatabaseBusy or RoleTooWeak where the database at `url` is the trouble.

    Other faults pass unchanged.
    """
    try:
        yield
    except PoolTimeoutError as error:
        raise _away(error, url) from error
    except DBAPIError as error:
        if sqlstate(error.orig) == BUSY:
            raise DatabaseBusy(
                "Somebody else keeps locked what this needs (an import, or a host that vanished); nothing was changed, "
                "try again in a minute."
            ) from error
        if sqlstate(error.orig) in FORBIDDEN or "permission denied for database" in str(error.orig):
            raise too_weak(url, str(error.orig)) from error
        if not _is_away(error):
            raise
        raise _away(error.orig or error, url) from error


def _is_away(error: DBAPIError) -> bool:
    """Whether the database is the trouble, not what was asked of it."""
    state = sqlstate(error.orig)
    if error.connection_invalidated:
        return True
    if state is not None:
        return state in AWAY_STATES or state.startswith(AWAY_CLASSES)
    # Without a code: no connection was made, or it is SQLite, whose plain error means a broken file.
    return isinstance(error, OperationalError) or type(error.orig) is sqlite3.DatabaseError


def too_weak(url: URL, told: str) -> RoleTooWeak:
    """The refusal for a role that may not do something, with the GRANT that helps; `told`: the server's words."""
    words = " ".join(told.splitlines()[:1])
    role = url.username or "ROLE"
    named = role if re.fullmatch("[a-z_][a-z0-9_]*", role) else f'"{role}"'
    if "must be owner" in words:
        cure = "run it as the role that owns the tables"
    else:
        kind = re.search(rf"\b(?:for|no|the) ({'|'.join(GRANTS)})\b", words)
        grant = GRANTS[kind[1]] if kind else ""
        where = f"{grant} {url.database}" if grant == GRANTS["database"] else grant
        cure = f"let its owner run: GRANT {where} TO {named}" if grant else "grant it what it needs"
    return RoleTooWeak(
        f"The database does not let the role {role} do this ({words}); nothing was changed. "
        f"{cure[0].upper()}{cure[1:]} (docs/operating.md, Two roles)."
    )


def says_full(words: str) -> bool:
    """Whether the words of a fault say that a disk has no room."""
    return any(each in words for each in FULL)


def _is_without_room(said: str, url: URL) -> bool:
    if says_full(said):
        return True
    if not url.database or not any(each in said for each in MAYBE_FULL):
        return False
    try:
        figures = os.statvfs(Path(url.database).parent)
    except OSError:
        return False
    return figures.f_bavail * figures.f_frsize < NO_ROOM_BYTES


def _away(fault: BaseException, url: URL) -> DatabaseAway:
    said = str(fault).strip() or type(fault).__name__
    cause = said.splitlines()[0]
    if any(word in said for word in TLS_WORDS):
        return DatabaseAway(
            f"The database cannot be used now ({cause}): a server on another machine has to show a certificate of a CA "
            "that we know. Name its CA with sslrootcert=FILE in DATABASE_URL, or write sslmode=disable there for a "
            "network that you trust. Nothing was changed."
        )
    if _is_without_room(said, url):
        place = f"'{url.database}'" if url.get_backend_name() == "sqlite" else "the database server"
        return DatabaseAway(
            f"The database cannot be used now ({cause}), as its disk is full; nothing was changed. Make room on the "
            f"disk of {place}, then try again."
        )
    return DatabaseAway(f"The database cannot be used now ({cause}); nothing was changed, try again.")
