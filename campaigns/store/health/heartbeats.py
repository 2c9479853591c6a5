"""When each part was last seen at work, and which vendor the workers serve."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, bindparam, func, select, text, update

from campaigns.store.tables.accounts import heartbeat
from campaigns.store.tables.columns import Instant

BEAT_SENDS = "beat sends"
"""Beat itself, when it has published a tick. `beat` and `worker` are written when a worker has taken one."""

WORKER = "worker"
"""Any worker, of this release or the one before. A worker of this release also writes a row of its vendor."""

QUIET = timedelta(seconds=15)
"""Beat and workers give a sign each second; after this they are missing."""


class Serves(StrEnum):
    """Whether a worker serves a vendor."""

    YES = "yes"
    NO = "no"
    NOT_KNOWN = "not_known"  # a worker of the previous release is there, which names no vendor


@dataclass(frozen=True, slots=True)
class Service:
    """Whether a worker serves a vendor, and when one last did."""

    upstream: str
    serves: Serves
    seen_at: datetime | None


def heartbeats(connection: Connection) -> dict[str, datetime]:
    """When each part was last seen at work."""
    return {row.component: row.at for row in connection.execute(select(heartbeat.c.component, heartbeat.c.at))}


def serving(connection: Connection, upstream: str, now: datetime) -> Service:
    """Whether a worker serves a vendor now."""
    seen_at = connection.scalar(select(heartbeat.c.at).where(heartbeat.c.upstream == upstream))
    if seen_at is not None and now - seen_at <= QUIET:
        return Service(upstream, Serves.YES, seen_at)
    newest_named = connection.scalar(select(func.max(heartbeat.c.at)).where(heartbeat.c.upstream.is_not(None)))
    any_worker = connection.scalar(select(heartbeat.c.at).where(heartbeat.c.component == WORKER))
    names_none = any_worker is not None and (newest_named is None or newest_named < any_worker)
    if any_worker is not None and names_none and now - any_worker <= QUIET:
        return Service(upstream, Serves.NOT_KNOWN, seen_at)
    return Service(upstream, Serves.NO, seen_at)


@dataclass(frozen=True, slots=True)
class ServedVendor:
    """A vendor, and when a worker that serves it was last seen."""

    upstream: str
    seen_at: datetime


def served_vendors(connection: Connection) -> list[ServedVendor]:
    """Every vendor that a worker of this release has ever served, the one that was seen last first."""
    rows = connection.execute(
        select(heartbeat.c.upstream, heartbeat.c.at)
        .where(heartbeat.c.upstream.is_not(None))
        .order_by(heartbeat.c.at.desc(), heartbeat.c.upstream)
    )
    return [ServedVendor(row.upstream, row.at) for row in rows]


_NEW = text(
    "INSERT INTO heartbeat (component, at, upstream) VALUES (:component, :at, :upstream)"
    " ON CONFLICT (component) DO NOTHING"
).bindparams(bindparam("at", type_=Instant))


def beat_heart(connection: Connection, component: str, *, now: datetime, upstream: str | None = None) -> None:
    """Record that a part is at work. Waits for nobody: whoever has the row locked records the same."""
    free = select(heartbeat.c.component).where(heartbeat.c.component == component).with_for_update(skip_locked=True)
    beaten = connection.execute(update(heartbeat).where(heartbeat.c.component.in_(free)).values(at=now))
    if not beaten.rowcount and component not in heartbeats(connection):
        connection.execute(_NEW, {"component": component, "at": now, "upstream": upstream})


def worker_serves(connection: Connection, upstream: str, *, now: datetime) -> None:
    """Record that a worker of a vendor is at work."""
    digest = hashlib.sha256(upstream.encode()).hexdigest()[:24]  # addresses are longer than the column
    beat_heart(connection, WORKER, now=now)
    beat_heart(connection, f"{WORKER} {digest}", now=now, upstream=upstream)
