"""Armed schedules of all accounts, and the runs of a period: what schedules and the calendar show."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, select

from campaigns.domain.schedules.timing import Timing, timing_from_json
from campaigns.domain.schedules.words import words
from campaigns.domain.states import RunKind, RunState
from campaigns.store.tables.accounts import account
from campaigns.store.tables.campaigns import campaign, revision
from campaigns.store.tables.runs import run


@dataclass(frozen=True, slots=True)
class ArmedSchedule:
    """An armed campaign and what it waits for."""

    campaign_id: int
    name: str
    account: str
    zone: str | None  # whose clocks it follows
    schedule: str  # in words
    next_at: datetime
    timing: Timing
    starts_at: datetime | None
    occurrences: int  # runs that the schedule opened to send
    paused: str | None  # the reason
    paused_at: datetime | None
    paused_by: str | None


@dataclass(frozen=True, slots=True)
class DatedRun:
    """A run and the time it belongs to: that of its occurrence, else that of its opening."""

    run_id: int
    campaign_id: int
    campaign: str
    account: str
    zone: str | None
    at: datetime
    kind: RunKind
    state: RunState
    reason: str | None


def armed_schedules(
    connection: Connection, accounts: Collection[str] | None, *, limit: int, account_id: str | None = None
) -> list[ArmedSchedule]:
    """Armed campaigns, the soonest first, at most `limit`. `accounts`: of these alone; None: of all."""
    next_at = func.coalesce(campaign.c.due_for, campaign.c.due_at)
    statement = (
        select(
            *(campaign.c.id, campaign.c.name, campaign.c.account_id, campaign.c.occurrences),
            *(campaign.c.pause_reason, campaign.c.paused_at, campaign.c.paused_by),
            *(revision.c.timing, revision.c.starts_at, next_at.label("next_at")),
            func.coalesce(revision.c.zone, account.c.zone).label("zone"),
        )
        .join(revision, and_(revision.c.campaign_id == campaign.c.id, revision.c.number == campaign.c.revision))
        .join(account, account.c.id == campaign.c.account_id)
        .where(campaign.c.due_at.is_not(None))
        .order_by(campaign.c.due_at, campaign.c.id)
        .limit(limit)
    )
    if accounts is not None:
        statement = statement.where(campaign.c.account_id.in_(sorted(accounts)))
    if account_id is not None:
        statement = statement.where(campaign.c.account_id == account_id)
    return [
        ArmedSchedule(
            campaign_id=row.id,
            name=row.name,
            account=row.account_id,
            zone=row.zone,
            schedule=words(timing_from_json(row.timing), row.starts_at, zone=row.zone),
            next_at=row.next_at,
            timing=timing_from_json(row.timing),
            starts_at=row.starts_at,
            occurrences=row.occurrences,
            paused=row.pause_reason,
            paused_at=row.paused_at,
            paused_by=row.paused_by,
        )
        for row in connection.execute(statement)
    ]


def runs_between(
    connection: Connection,
    start: datetime,
    end: datetime,
    accounts: Collection[str] | None,
    *,
    limit: int,
    account_id: str | None = None,
) -> Sequence[DatedRun]:
    """The runs of a period by the time they belong to, the newest first, at most `limit`; probes are left out."""
    at = func.coalesce(run.c.scheduled_for, run.c.created_at)
    statement = (
        select(
            *(run.c.id, run.c.campaign_id, run.c.account_id, run.c.kind, run.c.state, run.c.reason),
            *(campaign.c.name, at.label("at"), func.coalesce(revision.c.zone, account.c.zone).label("zone")),
        )
        .join(campaign, campaign.c.id == run.c.campaign_id)
        .join(revision, and_(revision.c.campaign_id == run.c.campaign_id, revision.c.number == run.c.revision))
        .join(account, account.c.id == run.c.account_id)
        .where(campaign.c.kind == "campaign", at >= start, at < end)
        .order_by(at.desc(), run.c.id.desc())
        .limit(limit)
    )
    if accounts is not None:
        statement = statement.where(run.c.account_id.in_(sorted(accounts)))
    if account_id is not None:
        statement = statement.where(run.c.account_id == account_id)
    return [
        DatedRun(
            run_id=row.id,
            campaign_id=row.campaign_id,
            campaign=row.name,
            account=row.account_id,
            zone=row.zone,
            at=row.at,
            kind=RunKind(row.kind),
            state=RunState(row.state),
            reason=row.reason,
        )
        for row in connection.execute(statement)
    ]
