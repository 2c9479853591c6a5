"""The hosts that workers have run on: each remembers in its own home which fences it has seen.

A host is its home: the ID stands in a file of CAMPAIGNS_HOME, so that a machine with a new home is a new host.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, text, update

from campaigns.store.tables.backup import host
from campaigns.store.tables.columns import Instant

SEEN_AGAIN = timedelta(minutes=1)
"""So old the time may be at which a host was last seen, before it is written anew."""

# Two processes of one host may come at the same time.
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
    """All that were ever seen, the one seen last first."""
    rows = connection.execute(select(host).order_by(host.c.last_seen_at.desc(), host.c.id))
    return [_host(row) for row in rows]


def known_hosts(connection: Connection) -> list[HostRow]:
    """Those whose memory is waited for."""
    return [_host(row) for row in connection.execute(select(host).where(host.c.forgotten_at.is_(None)))]


def add_host(connection: Connection, host_id: str, name: str, *, now: datetime) -> bool:
    """Make a host known, or one that was forgotten known again; False when it is known already."""
    if connection.execute(_ADD, {"id": host_id, "name": name, "at": now}).rowcount == 1:
        return True
    again = {"name": name, "last_seen_at": now, "forgotten_at": None, "forgotten_by": None, "forget_reason": None}
    came_back = update(host).where(host.c.id == host_id, host.c.forgotten_at.is_not(None)).values(**again)
    return connection.scalar(came_back.returning(host.c.id)) is not None


def was_seen_lately(known: HostRow, now: datetime) -> bool:
    """Whether it is not worth a write to say that it was seen again."""
    return abs(now - known.last_seen_at) < SEEN_AGAIN


def see_host(connection: Connection, host_id: str, *, now: datetime) -> None:
    """Write that a known host was seen."""
    connection.execute(update(host).where(host.c.id == host_id).values(last_seen_at=now))


def forget_host(connection: Connection, host_id: str, *, reason: str, actor: str, now: datetime) -> bool:
    """Let nobody wait for a host any more; False when it is forgotten already, or there is none."""
    row = connection.scalar(
        update(host)
        .where(host.c.id == host_id, host.c.forgotten_at.is_(None))
        .values(forgotten_at=now, forgotten_by=actor, forget_reason=reason)
        .returning(host.c.id)
    )
    return row is not None


def _host(row: Row[Any]) -> HostRow:
    return HostRow(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
