"""When each part was last seen at work."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, text

from campaigns.store.tables.accounts import heartbeat
from campaigns.store.tables.columns import Instant


def heartbeats(connection: Connection) -> dict[str, datetime]:
    """When each part was last seen at work."""
    return {row.component: row.at for row in connection.execute(select(heartbeat.c.component, heartbeat.c.at))}


BEAT_HEART = text(
    "INSERT INTO heartbeat (component, at) VALUES (:component, :at)"
    " ON CONFLICT (component) DO UPDATE SET at = excluded.at"
).bindparams(bindparam("at", type_=Instant))


def beat_heart(connection: Connection, component: str, *, now: datetime) -> None:
    """Say that a part is at work."""
    connection.execute(BEAT_HEART, {"component": component, "at": now})
