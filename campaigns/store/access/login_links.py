"""Login links: each lets one person choose a password, once, within a quarter of an hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from campaigns.store.audit.events import Act
from campaigns.store.tables.desk import desk_operator, login_link

LINK_LASTS = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A login link that is in force."""

    id: int
    operator: str | None  # the name; None: it is for the first operator, who chooses one


def add_link(act: Act, operator_id: int | None, sha256: str) -> datetime:
    """Write a link, and return when it expires. Earlier links of the same operator no longer work."""
    same = login_link.c.operator_id.is_not_distinct_from(operator_id)
    act.connection.execute(delete(login_link).where(same, login_link.c.used_at.is_(None)))
    expires_at = act.now + LINK_LASTS
    act.connection.execute(
        insert(login_link).values(
            sha256=sha256, operator_id=operator_id, created_at=act.now, created_by=act.actor, expires_at=expires_at
        )
    )
    return expires_at


def find_link(connection: Connection, sha256: str, *, now: datetime) -> LinkRow | None:
    """The link with this digest, if it was not used, is not expired, and is of an operator who is not disabled."""
    row = connection.execute(
        select(login_link.c.id, login_link.c.operator_id, desk_operator.c.name, desk_operator.c.disabled_at)
        .join(desk_operator, desk_operator.c.id == login_link.c.operator_id, isouter=True)
        .where(login_link.c.sha256 == sha256, login_link.c.used_at.is_(None), login_link.c.expires_at > now)
    ).one_or_none()
    return None if row is None or row.disabled_at is not None else LinkRow(row.id, row.name)


def take_link(act: Act, link_id: int) -> bool:
    """Use a link up; False when somebody else was first."""
    taken = update(login_link).where(login_link.c.id == link_id, login_link.c.used_at.is_(None)).values(used_at=act.now)
    return act.connection.execute(taken).rowcount > 0
