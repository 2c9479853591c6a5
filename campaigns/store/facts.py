"""Read-only questions about the installation itself: who gave a sign of life, what the vendor last said of credits."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, text

from campaigns.store.records import attempt_outcome
from campaigns.store.tables import heartbeat


def heartbeats(connection: Connection) -> dict[str, datetime]:
    """When each component, such as `beat` or `worker`, last gave a sign."""
    return {row.component: row.at for row in connection.execute(select(heartbeat.c.component, heartbeat.c.at))}


def credits_last_seen(connection: Connection) -> tuple[int, datetime] | None:
    """The balance that the vendor named in its latest answer that named one, and when; None before the first."""
    row = connection.execute(
        select(attempt_outcome.c.credits_balance, attempt_outcome.c.finished_at)
        .where(attempt_outcome.c.credits_balance.is_not(None))
        .order_by(attempt_outcome.c.batch_id.desc(), attempt_outcome.c.number.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else (row.credits_balance, row.finished_at)


def commits_are_durable(connection: Connection) -> bool:
    """Whether a confirmed commit survives a power cut; on SQLite our own connections see to that."""
    if connection.dialect.name == "sqlite":
        return True
    return str(connection.execute(text("SHOW synchronous_commit")).scalar_one()) != "off"
