"""The incarnations of the database: when it was made, and when each restore of it was recognised."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from campaigns.store.tables.backup import incarnation


@dataclass(frozen=True, slots=True)
class Incarnation:
    """One incarnation. Its value is not shown: what is remembered outside of the database names it."""

    number: int
    at: datetime
    actor: str
    reason: str


def incarnations(connection: Connection, *, limit: int) -> list[Incarnation]:
    """The newest incarnations; the first of them is in force."""
    rows = connection.execute(
        select(incarnation.c.number, incarnation.c.at, incarnation.c.actor, incarnation.c.reason)
        .order_by(incarnation.c.number.desc())
        .limit(limit)
    )
    return [Incarnation(row.number, row.at, row.actor, row.reason) for row in rows]
