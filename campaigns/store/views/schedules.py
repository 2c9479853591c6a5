"""Read-only questions about schedules: when campaigns are sent, what they wait for, and what was skipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select

from campaigns.domain.schedules.timing import timing_from_json
from campaigns.domain.schedules.words import words
from campaigns.domain.states import RunState
from campaigns.store.database.engine import ROWS_AT_ONCE
from campaigns.store.tables.accounts import account
from campaigns.store.tables.campaigns import campaign, revision
from campaigns.store.tables.runs import run


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """The schedule of a campaign: in words, its next occurrence, its pause, and its runs so far."""

    schedule: str
    next_at: datetime | None
    paused: str | None  # the reason
    paused_at: datetime | None
    paused_by: str | None
    occurrences: int  # opened to send
    skipped: int


def schedules(connection: Connection, campaign_ids: Sequence[int]) -> dict[int, ScheduleView]:
    """The schedule of each of these campaigns."""
    skipped: dict[int, int] = {}
    views: dict[int, ScheduleView] = {}
    for ids in (campaign_ids[start : start + ROWS_AT_ONCE] for start in range(0, len(campaign_ids), ROWS_AT_ONCE)):
        skipped |= _skipped(connection, ids)
        rows = connection.execute(_SCHEDULES.where(campaign.c.id.in_(ids)))
        views |= {row.id: _view(row, skipped.get(row.id, 0)) for row in rows}
    return views


def zones(connection: Connection, campaign_ids: Sequence[int]) -> dict[int, str | None]:
    """The zone whose clocks each of these campaigns follows."""
    rows = connection.execute(
        _SCHEDULES.with_only_columns(campaign.c.id, _ZONE.label("zone"), maintain_column_froms=True).where(
            campaign.c.id.in_(campaign_ids)
        )
    )
    return {row.id: row.zone for row in rows}


_ZONE = func.coalesce(revision.c.zone, account.c.zone)

_SCHEDULES = (
    select(
        campaign.c.id,
        func.coalesce(campaign.c.due_for, campaign.c.due_at).label("next_at"),
        campaign.c.occurrences,
        campaign.c.pause_reason,
        campaign.c.paused_at,
        campaign.c.paused_by,
        revision.c.timing,
        revision.c.starts_at,
        _ZONE.label("zone"),
    )
    .join(revision, and_(revision.c.campaign_id == campaign.c.id, revision.c.number == campaign.c.revision))
    .join(account, account.c.id == campaign.c.account_id)
)


def _skipped(connection: Connection, campaign_ids: Sequence[int]) -> dict[int, int]:
    statement = (
        select(run.c.campaign_id, func.count().label("runs"))
        .where(run.c.state == RunState.SKIPPED.value, run.c.campaign_id.in_(campaign_ids))
        .group_by(run.c.campaign_id)
    )
    return {row.campaign_id: row.runs for row in connection.execute(statement)}


def _view(row: Any, skipped: int) -> ScheduleView:
    return ScheduleView(
        schedule=words(timing_from_json(row.timing), row.starts_at, zone=row.zone),
        next_at=row.next_at,
        paused=row.pause_reason,
        paused_at=row.paused_at,
        paused_by=row.paused_by,
        occurrences=row.occurrences,
        skipped=skipped,
    )
