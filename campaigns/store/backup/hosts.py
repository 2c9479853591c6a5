"""The hosts that workers have run on. Each remembers in its own home which fences it has seen.

The ID of a host is a file in CAMPAIGNS_HOME, so a machine with a new home is a new host.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, text, update

from campaigns.store.audit.events import Act
from campaigns.store.tables.backup import host
from campaigns.store.tables.columns import Instant

SEEN_AGAIN = timedelta(minutes=1)
"""The time at which a host was last seen is written again when it is older than this."""

# Two processes of one host may join at the same time.
_ADD = text(
    "INSERT INTO host (id, name, first_seen_at, last_seen_at) VALUES (:id, :name, :at, :at) ON CONFLICT DO NOTHING"
).bindparams(bindparam("at", type_=Instant))


@dataclass(frozen=True, slots=True)
class HostRow:
    """A host, and when it was last seen."""

    id: str
    name: str
    first_seen_at: datetime
    last_seen_at: datetime
    forgotten_at: datetime | None = None
    forgotten_by: str | None = None
    forget_reason: str | None = None


def every_host(connection: Connection) -> list[HostRow]:
    """All hosts that were ever seen, the newest first."""
    rows = connection.execute(select(host).order_by(host.c.last_seen_at.desc(), host.c.id))
    return [_host(row) for row in rows]


def known_hosts(connection: Connection) -> list[HostRow]:
    """The hosts that lanes wait for: those that are not forgotten."""
    return [_host(row) for row in connection.execute(select(host).where(host.c.forgotten_at.is_(None)))]


def add_host(connection: Connection, host_id: str, name: str, *, now: datetime) -> bool:
    """Make a host known, also one that was forgotten; False when it is known already."""
    if connection.execute(_ADD, {"id": host_id, "name": name, "at": now}).rowcount == 1:
        return True
    again = {"name": name, "last_seen_at": now, "forgotten_at": None, "forgotten_by": None, "forget_reason": None}
    returned = update(host).where(host.c.id == host_id, host.c.forgotten_at.is_not(None)).values(**again)
    return connection.scalar(returned.returning(host.c.id)) is not None


def was_seen_lately(known: HostRow, now: datetime) -> bool:
    """Whether a host was seen so lately that another write is not worth it."""
    return abs(now - known.last_seen_at) < SEEN_AGAIN


def see_host(connection: Connection, host_id: str, *, now: datetime) -> None:
    """Write that a known host was seen now."""
    connection.execute(update(host).where(host.c.id == host_id).values(last_seen_at=now))


def forget_host(act: Act, host_id: str, *, reason: str) -> bool:
    """Mark a host as forgotten, so that nobody waits for it; False when it is already, or there is no such host."""
    row = act.connection.scalar(
        update(host)
        .where(host.c.id == host_id, host.c.forgotten_at.is_(None))
        .values(forgotten_at=act.now, forgotten_by=act.actor, forget_reason=reason)
        .returning(host.c.id)
    )
    return row is not None


def _host(row: Row[Any]) -> HostRow:
    return HostRow(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
