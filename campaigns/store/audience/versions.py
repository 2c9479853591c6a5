"""Audience versions: whom an imported list names, stored as it was read."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select

from campaigns.domain.audience.user_sets import UserSet
from campaigns.store.tables.audience import audience_version
from campaigns.store.tables.columns import user_columns


def add_audience(
    connection: Connection,
    campaign_id: int,
    users: UserSet,
    *,
    source: str,
    lines: int,
    duplicates: int,
    skipped_bad: int,
    now: datetime,
) -> tuple[int, str, int]:
    """Store an imported audience; returns its reference: ID, SHA-256 of its users, size."""
    made = connection.scalar(
        insert(audience_version)
        .values(
            campaign_id=campaign_id,
            source=source,
            lines=lines,
            duplicates=duplicates,
            skipped_bad=skipped_bad,
            created_at=now,
            **user_columns(users),
        )
        .returning(audience_version.c.id)
    )
    assert isinstance(made, int)
    return made, users.sha256, users.size


def audience_users(connection: Connection, audience_version_id: int) -> tuple[bytes, str]:
    """The packed users of an audience version and their SHA-256."""
    row = connection.execute(
        select(audience_version.c.users, audience_version.c.users_sha256).where(
            audience_version.c.id == audience_version_id
        )
    ).one()
    return row.users, row.users_sha256


def audience_reference(connection: Connection, audience_version_id: int | None) -> tuple[int, str, int] | None:
    """An audience version's ID, SHA-256 and size, without reading its users; None for none."""
    if audience_version_id is None:
        return None
    row = connection.execute(
        select(audience_version.c.id, audience_version.c.users_sha256, audience_version.c.size).where(
            audience_version.c.id == audience_version_id
        )
    ).one()
    return row.id, row.users_sha256, row.size
