"""How PostgreSQL is opened: what each connection asks for, and how long a transaction may wait or keep others waiting.

All of it works behind PgBouncer in transaction mode, where one connection of ours is many of the server's: nothing is
prepared on the server, and nothing is set for longer than a transaction.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from campaigns.store.database.faults import drop_spoilt_connections
from campaigns.store.database.postgresql_tls import tls_arguments

LOCK_SECONDS = 10.0
"""How long a statement waits for a lock that somebody else has."""

BRIEF_SECONDS = 0.5
"""How long one waits who has others to serve meanwhile."""

IDLE_SECONDS = 30.0
"""How long the server keeps a transaction, with all its locks, of which it hears nothing: its host may be gone."""

CONNECT_ARGS: dict[str, Any] = {
    "connect_timeout": 10,
    "client_encoding": "utf8",  # whatever the server keeps texts in
    # A server that is gone says nothing. Without these the system takes two hours to notice.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds, for what was sent and is not acknowledged
}
"""Seconds, as libpq names them; what the URL says itself stands. None applies to a local socket."""

AS_PYTHON_READS = " SET LOCAL DateStyle = 'ISO'"
"""A database, or a role, may be set up to write dates in another style, which the driver cannot read."""

BEGIN = (
    f"BEGIN ISOLATION LEVEL READ COMMITTED;{AS_PYTHON_READS};"
    f" SET LOCAL lock_timeout = {LOCK_SECONDS * 1000:.0f};"
    f" SET LOCAL idle_in_transaction_session_timeout = {IDLE_SECONDS * 1000:.0f}"
)
"""How a transaction that writes begins: one message, so that the time-outs cost no round trip.

SET LOCAL, since PgBouncer takes no start-up options and would hand a plain SET on to the next client.
"""


BEGIN_LOOK = f"BEGIN ISOLATION LEVEL REPEATABLE READ;{AS_PYTHON_READS}"
"""How a transaction that only asks begins: one snapshot for all of it, else each question would see another moment."""


def open_engines(url: URL, *, connections: int, prepare_threshold: int | None) -> tuple[Engine, Engine]:
    """The engine that writes and the one that only asks, on one pool; connects only when first asked.

    `prepare_threshold`: after how many uses psycopg prepares a statement on the server; None: never. A pooler in
    transaction mode that does not know prepared statements hands one client the rows of another.
    """
    arguments = {name: value for name, value in CONNECT_ARGS.items() if name not in url.query} | tls_arguments(url)
    pool = create_engine(
        url,
        pool_size=connections,
        max_overflow=4,
        pool_pre_ping=True,
        pool_timeout=30,
        connect_args={**arguments, "prepare_threshold": prepare_threshold},
        hide_parameters=True,  # texts of messages are among them, and errors go to logs
    )
    drop_spoilt_connections(pool)
    writer, reader = pool.execution_options(), pool.execution_options()
    event.listen(writer, "begin", lambda connection: _begin(connection, BEGIN))
    event.listen(reader, "begin", lambda connection: _begin(connection, BEGIN_LOOK))
    return writer, reader


def _begin(connection: Connection, how: str) -> None:
    """Begin on libpq itself: a cursor for these three commands costs four times as much, and every send begins two.

    The driver sees that a transaction is open, and sends no BEGIN of its own.
    """
    driver: Any = connection.connection.dbapi_connection
    psycopg: Any = connection.dialect.loaded_dbapi
    result = driver.pgconn.exec_(how.encode())
    if result.status == psycopg.pq.ExecStatus.COMMAND_OK:
        return
    error = psycopg.errors.error_from_result(result)
    gone = connection.dialect.is_disconnect(error, driver, None)
    if gone:
        connection.invalidate(error)
    raise DBAPIError.instance(
        "BEGIN", None, error, psycopg.Error, connection_invalidated=gone, dialect=connection.dialect
    ) from error


def wait_briefly(connection: Connection) -> None:
    """Wait for locks no longer than BRIEF_SECONDS until this transaction ends; who meets one gets DatabaseBusy."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = {BRIEF_SECONDS * 1000:.0f}"))


def wait_for_ever(connection: Connection) -> None:
    """Let this transaction take the time that it takes: a migration or an import.

    It waits for locks without an end, and the server keeps it however long we compute between two statements.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
