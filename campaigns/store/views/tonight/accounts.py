"""The accounts with their lanes, and the next occurrence of every armed campaign."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from campaigns.store.tables.accounts import account, lane
from campaigns.store.tables.campaigns import campaign


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account and its lane."""

    id: str
    upstream: str
    is_sending: bool
    available_at: datetime | None
    waits_for: str | None
    failures: int  # requests in a row that did not get through
    is_removed: bool  # it may still have runs that ended lately


@dataclass(frozen=True, slots=True)
class NextRun:
    """The next occurrence of a campaign whose schedule is armed."""

    campaign_id: int
    campaign: str
    account: str
    at: datetime
    paused: str | None  # why its schedule is paused


def accounts_of_tonight(connection: Connection) -> list[AccountRow]:
    """Every account, in the order of their IDs."""
    rows = connection.execute(
        select(
            account.c.id,
            account.c.upstream,
            lane.c.owner,
            lane.c.available_at,
            lane.c.waits_for,
            lane.c.failures,
            account.c.removed_at,
        )
        .join(lane, lane.c.account_id == account.c.id)
        .order_by(account.c.id)
    )
    return [
        AccountRow(
            id=row.id,
            upstream=row.upstream,
            is_sending=row.owner is not None,
            available_at=row.available_at,
            waits_for=row.waits_for,
            failures=row.failures,
            is_removed=row.removed_at is not None,
        )
        for row in rows
    ]


def next_runs(connection: Connection) -> list[NextRun]:
    """The next occurrence of every armed campaign, the earliest first."""
    at = func.coalesce(campaign.c.due_for, campaign.c.due_at)
    rows = connection.execute(
        select(campaign.c.id, campaign.c.name, campaign.c.account_id, at.label("at"), campaign.c.pause_reason)
        .where(campaign.c.due_at.is_not(None), campaign.c.kind == "campaign")
        .order_by(at, campaign.c.id)
    )
    return [
        NextRun(campaign_id=row.id, campaign=row.name, account=row.account_id, at=row.at, paused=row.pause_reason)
        for row in rows
    ]


def zones_of_accounts(connection: Connection) -> dict[str, str | None]:
    """The zone of each account."""
    return {row.id: row.zone for row in connection.execute(select(account.c.id, account.c.zone))}
