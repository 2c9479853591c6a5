"""How PostgreSQL is opened: the options of a connection, and how long a transaction may wait or block others.

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
"""Seconds that a statement waits for a lock of somebody else."""

BRIEF_SECONDS = 0.5
"""Seconds that a transaction waits for a lock if other accounts can be served meanwhile."""

IDLE_SECONDS = 30.0
"""Seconds that the server keeps an idle transaction, with all its locks: its host may be gone."""

CONNECT_ARGS: dict[str, Any] = {
    "connect_timeout": 10,
    "client_encoding": "utf8",  # whatever encoding the server uses
    # A server that is gone sends nothing. Without these options the system needs two hours to notice.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds, for data that was sent and is not acknowledged
}
"""Options by libpq's names, in seconds. Options of the URL win. None of them applies to a local socket."""

AS_PYTHON_READS = " SET LOCAL DateStyle = 'ISO'"
"""The date style that the driver can read; a database or a role may have another one by default."""

BEGIN = (
    f"BEGIN ISOLATION LEVEL READ COMMITTED;{AS_PYTHON_READS};"
    f" SET LOCAL lock_timeout = {LOCK_SECONDS * 1000:.0f};"
    f" SET LOCAL idle_in_transaction_session_timeout = {IDLE_SECONDS * 1000:.0f}"
)
"""Begins a transaction that writes: one message, so that the time-outs cost no round trip.

SET LOCAL, because PgBouncer takes no start-up options and would pass a plain SET on to the next client.
"""


BEGIN_LOOK = f"BEGIN ISOLATION LEVEL REPEATABLE READ;{AS_PYTHON_READS}"
"""Begins a transaction that only reads: one snapshot for all its queries."""


def open_engines(url: URL, *, connections: int, prepare_threshold: int | None) -> tuple[Engine, Engine]:
    """The engine that writes and the one that only reads, on one pool. They connect only when they are first used.

    `prepare_threshold`: after how many uses psycopg prepares a statement on the server; None: never. A pooler in
    transaction mode that does not know prepared statements gives one client the rows of another.
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
    """Begin on libpq itself: a cursor costs four times as much, and every send begins two transactions.

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
    """Wait for each lock at most BRIEF_SECONDS until this transaction ends; then raise DatabaseBusy."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = {BRIEF_SECONDS * 1000:.0f}"))


def wait_for_ever(connection: Connection) -> None:
    """Take away the time limits of this transaction: it is a migration or an import.

    It waits for locks without a limit, and the server keeps it however long we compute between two statements.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
