"""The newest IDs with a word about each, for a shell that completes them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from campaigns.store.tables.accounts import account
from campaigns.store.tables.campaigns import campaign
from campaigns.store.tables.runs import run

MOST = 200
"""At most this many IDs are offered."""


@dataclass(frozen=True, slots=True)
class RecentId:
    """An ID as it is typed, and what helps to choose it."""

    id: str
    name: str


def account_ids(connection: Connection) -> list[RecentId]:
    """Accounts, by their ID."""
    rows = connection.execute(
        select(account.c.id, account.c.name).where(account.c.removed_at.is_(None)).order_by(account.c.id).limit(MOST)
    )
    return [RecentId(row.id, row.name or "") for row in rows]


def campaign_ids(connection: Connection) -> list[RecentId]:
    """Campaigns that people wrote, the newest first."""
    rows = connection.execute(
        select(campaign.c.id, campaign.c.name)
        .where(campaign.c.kind == "campaign")
        .order_by(campaign.c.id.desc())
        .limit(MOST)
    )
    return [RecentId(str(row.id), row.name) for row in rows]


def run_ids(connection: Connection) -> list[RecentId]:
    """Runs, the newest first."""
    rows = connection.execute(
        select(run.c.id, run.c.state, campaign.c.name)
        .join(campaign, campaign.c.id == run.c.campaign_id)
        .order_by(run.c.id.desc())
        .limit(MOST)
    )
    return [RecentId(str(row.id), f"{row.name}, {row.state}") for row in rows]
