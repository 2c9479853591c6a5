"""Faults of the database, classified by the server's SQLSTATE, never by the driver's classes.

psycopg calls the refusal of a demoted primary (25006) an internal error and a deadlock an operational one, so its
classes do not show the cause. SQLite has no such codes; for it the driver's class is used.
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
"""SQLSTATE: somebody else had the lock for longer than we wait (`lock_timeout`, NOWAIT)."""

FORBIDDEN = frozenset({"42501", "3F000"})
"""SQLSTATEs: our role may not do it, or sees no schema in which it may make a table."""

GRANTS = {
    "schema": "USAGE, CREATE ON SCHEMA public",
    "table": "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public",
    "sequence": "USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public",
    "function": "EXECUTE ON ALL FUNCTIONS IN SCHEMA public",
    "database": "CONNECT ON DATABASE",
}
"""The GRANT that helps, by the kind of object that the server's refusal names. Only English refusals match."""

AWAY_CLASSES = ("08", "28", "53", "57", "58")
"""SQLSTATE classes: connections, sign-in, resources (disk, memory, slots), an operator's intervention, the system."""

AWAY_STATES = frozenset(
    {
        BUSY,
        "25006",  # a standby, or a primary that was demoted while we were connected: it accepts no writes
        "25P03",  # we were idle in a transaction for too long, and the server ended the session
        "40001",  # rolled back by the server; the same work done again may pass
        "40P01",  # chosen to end a deadlock
    }
)
"""SQLSTATEs of a fault of the server, or one that passes by itself; the request itself may be correct."""

TLS_WORDS = ("SSL was required", "certificate verify failed", "server certificate", "root certificate")
"""libpq's messages when the server cannot prove who it is."""

FULL = ("disk is full", "No space left", "could not extend", "could not write")
"""Messages of SQLite and PostgreSQL when the disk is full."""

MAYBE_FULL = ("disk I/O error", "unable to open database file")
"""Messages of SQLite for many faults, also when it has no room for a journal or an index."""

NO_ROOM_BYTES = 100_000
"""Bytes that SQLite's journal and its index need when they are opened."""

SPOILING_CLASSES = ("08", "53", "57", "58")
SPOILING_STATES = frozenset({"25006", "25P03"})
"""SQLSTATEs after which a connection is closed: its server cannot or must not do the work."""


def sqlstate(fault: BaseException | None) -> str | None:
    """The SQLSTATE of an error; None for SQLite, and for an error without a reply of the server."""
    found = getattr(fault, "sqlstate", None)
    return found if isinstance(found, str) else None


def spoils_connection(fault: BaseException | None) -> bool:
    """Whether the connection that met this fault must not be used again."""
    state = sqlstate(fault)
    return state is not None and (state in SPOILING_STATES or state.startswith(SPOILING_CLASSES))


def drop_spoilt_connections(engine: Engine) -> None:
    """Close a connection that met such a fault, and all that were opened before it: none returns to the pool.

    After a failover every open socket of the pool leads to the old primary.
    """

    @event.listens_for(engine, "handle_error")
    def judge(context: Any) -> None:
        if spoils_connection(context.original_exception):
            context.is_disconnect = True
        if forget_row(context.original_exception) and context.sqlalchemy_exception is not None:
            context.sqlalchemy_exception.args = (str(context.original_exception),)


def forget_row(fault: BaseException | None) -> bool:
    """Remove the server's DETAIL from an error, because it repeats the row with its texts; False: there is none."""
    diagnosis = getattr(fault, "diag", None)
    if fault is None or diagnosis is None or not diagnosis.message_detail:
        return False
    fault.args = (str(diagnosis.message_primary),)
    return True


@contextmanager
def named_faults(url: URL) -> Iterator[None]:
    """Raise DatabaseAway, DatabaseBusy or RoleTooWeak if the database at `url` is the cause.

    Other errors are not changed.
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
    """Whether the database is the cause, and not the request."""
    state = sqlstate(error.orig)
    if error.connection_invalidated:
        return True
    if state is not None:
        return state in AWAY_STATES or state.startswith(AWAY_CLASSES)
    # No code: there was no connection, or it is SQLite, whose plain error means a broken file.
    return isinstance(error, OperationalError) or type(error.orig) is sqlite3.DatabaseError


def too_weak(url: URL, message: str) -> RoleTooWeak:
    """The error for a role that may not do something, with the GRANT that helps; `message`: the server's."""
    words = " ".join(message.splitlines()[:1])
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
    """Whether the message of a fault says that a disk is full."""
    return any(each in words for each in FULL)


def _is_without_room(message: str, url: URL) -> bool:
    if says_full(message):
        return True
    if not url.database or not any(each in message for each in MAYBE_FULL):
        return False
    try:
        figures = os.statvfs(Path(url.database).parent)
    except OSError:
        return False
    return figures.f_bavail * figures.f_frsize < NO_ROOM_BYTES


def _away(fault: BaseException, url: URL) -> DatabaseAway:
    message = str(fault).strip() or type(fault).__name__
    cause = message.splitlines()[0]
    if any(word in message for word in TLS_WORDS):
        return DatabaseAway(
            f"The database cannot be used now ({cause}): a server on another machine has to show a certificate of a CA "
            "that we know. Name its CA with sslrootcert=FILE in DATABASE_URL, or write sslmode=disable there for a "
            "network that you trust. Nothing was changed."
        )
    if _is_without_room(message, url):
        place = f"'{url.database}'" if url.get_backend_name() == "sqlite" else "the database server"
        return DatabaseAway(
            f"The database cannot be used now ({cause}), as its disk is full; nothing was changed. Make room on the "
            f"disk of {place}, then try again."
        )
    return DatabaseAway(f"The database cannot be used now ({cause}); nothing was changed, try again.")
