"""Schedules of all accounts: what each waits for, and the runs of a period, those that were and those to come."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from sqlalchemy import Connection

from campaigns.domain.errors import UsageError
from campaigns.domain.schedules.occurrences import INSTANT, occurrences
from campaigns.domain.states import RunKind, RunState
from campaigns.flow.planning.upcoming import occurrences_ahead
from campaigns.store.campaigns.campaigns import find_campaign, find_revision
from campaigns.store.database.engine import Store
from campaigns.store.views.campaigns import CampaignLine, Wanted, campaigns
from campaigns.store.views.desk.armed import ArmedSchedule, DatedRun, armed_schedules, runs_between

LONGEST = timedelta(days=62)
"""The longest period of a calendar: two months."""

MOST = 1000
"""The most entries of a calendar, and the most armed schedules that are looked at."""


@dataclass(frozen=True, slots=True)
class ScheduleAhead:
    """An armed campaign with its next runs."""

    campaign: CampaignLine
    zone: str | None  # whose clocks it follows
    next_runs: Sequence[datetime]


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """A run, or an occurrence to come."""

    at: datetime
    campaign_id: int
    campaign: str
    account: str
    zone: str | None  # whose clocks it follows
    run_id: int | None  # null: it is to come
    kind: RunKind
    state: RunState | None  # null: it is to come
    paused: bool  # the schedule is paused: it would be skipped


@dataclass(frozen=True, slots=True)
class Calendar:
    """The runs of a period in the order of time."""

    from_: datetime
    to: datetime
    entries: Sequence[CalendarEntry]
    is_complete: bool  # false: there are more than are listed; ask for a shorter period


def schedules_ahead(store: Store, wanted: Wanted) -> list[ScheduleAhead]:
    """Armed campaigns with their next runs."""
    with store.read() as connection:
        now = store.now(connection)
        return [_ahead(connection, line, now) for line in campaigns(connection, wanted)]


def calendar(
    store: Store, start: datetime, end: datetime, accounts: Collection[str] | None, *, account_id: str | None = None
) -> Calendar:
    """The runs of a period, its start included and its end not. `accounts`: of these alone; None: of all.

    Raises UsageError for a period that ends before it begins, or is longer than 62 days.
    """
    if not timedelta(0) < end - start <= LONGEST:
        raise UsageError(f"A calendar shows at least one moment and at most {LONGEST.days} days; give another period.")
    with store.read() as connection:
        now = store.now(connection)
        were = runs_between(connection, start, end, accounts, limit=MOST + 1, account_id=account_id)
        armed = armed_schedules(connection, accounts, limit=MOST + 1, account_id=account_id)
    entries = [_that_was(run) for run in were]
    taken = {(entry.campaign_id, entry.at) for entry in entries}
    # The earliest first: of a thousand schedules that run each minute, no more is computed than is shown.
    to_come = heapq.merge(
        *(_to_come(schedule, max(start, now), end) for schedule in armed[:MOST]), key=lambda entry: entry.at
    )
    entries += islice((one for one in to_come if (one.campaign_id, one.at) not in taken), MOST + 1)
    entries.sort(key=lambda entry: (entry.at, entry.campaign_id, entry.run_id or 0))
    is_complete = len(entries) <= MOST and len(armed) <= MOST
    return Calendar(start, end, entries[:MOST], is_complete)


def _ahead(connection: Connection, line: CampaignLine, now: datetime) -> ScheduleAhead:
    campaign = find_campaign(connection, line.id)
    revision = find_revision(connection, line.id, campaign.revision)
    return ScheduleAhead(line, revision.times.zone or revision.zone, occurrences_ahead(campaign, revision, now))


def _that_was(run: DatedRun) -> CalendarEntry:
    return CalendarEntry(
        run.at,
        run.campaign_id,
        run.campaign,
        run.account,
        run.zone,
        run.run_id,
        run.kind,
        run.state,
        paused=False,
    )


def _to_come(schedule: ArmedSchedule, start: datetime, end: datetime) -> Iterator[CalendarEntry]:
    """The occurrences of a schedule from the one that it waits for, as many as it may still have."""
    first, left = max(schedule.next_at, start), MOST + 1
    if schedule.timing.max_runs is not None:
        may_have = max(0, schedule.timing.max_runs - schedule.occurrences)
        if may_have <= MOST:  # cheap to count from the next one on
            first, left = schedule.next_at, may_have
    coming = occurrences(schedule.timing, first - INSTANT, end - INSTANT, starts_at=schedule.starts_at)
    for at in islice(coming, left):
        if at >= start:
            yield CalendarEntry(
                at.astimezone(UTC),
                schedule.campaign_id,
                schedule.name,
                schedule.account,
                schedule.zone,
                None,
                RunKind.SCHEDULE,
                None,
                paused=schedule.paused is not None,
            )
