"""When each part was last seen at work."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, text, update

from campaigns.store.tables.accounts import heartbeat
from campaigns.store.tables.columns import Instant

BEAT_SENDS = "beat sends"
"""Beat itself, when it has published a tick. `beat` and `worker` are written when a worker has taken one."""


def heartbeats(connection: Connection) -> dict[str, datetime]:
    """When each part was last seen at work."""
    return {row.component: row.at for row in connection.execute(select(heartbeat.c.component, heartbeat.c.at))}


_NEW = text(
    "INSERT INTO heartbeat (component, at) VALUES (:component, :at) ON CONFLICT (component) DO NOTHING"
).bindparams(bindparam("at", type_=Instant))


def beat_heart(connection: Connection, component: str, *, now: datetime) -> None:
    """Say that a part is at work. Waits for nobody: who has the row locked says the same."""
    free = select(heartbeat.c.component).where(heartbeat.c.component == component).with_for_update(skip_locked=True)
    beaten = connection.execute(update(heartbeat).where(heartbeat.c.component.in_(free)).values(at=now))
    if not beaten.rowcount and component not in heartbeats(connection):
        connection.execute(_NEW, {"component": component, "at": now})
