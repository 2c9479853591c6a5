"""The open runs, and those that ended lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, or_, select

from campaigns.domain.schedules.sending_hours import Window, windows_of
from campaigns.domain.schedules.timing import timing_from_json
from campaigns.domain.states import BATCH_WAITS, RUN_OPEN, BatchState, RunState
from campaigns.store.handoff.handed_over import still_with_vendor
from campaigns.store.recall.unsend_requests import is_unsent
from campaigns.store.runs.times import OpenHours
from campaigns.store.tables.accounts import account
from campaigns.store.tables.batches import batch
from campaigns.store.tables.campaigns import campaign, revision
from campaigns.store.tables.recalls import recall
from campaigns.store.tables.runs import run

MOST_ENDED = 1000
"""At most this many ended runs are read, the newest."""


@dataclass(frozen=True, slots=True)
class RunOfTonight:
    """A run that is open, or ended lately. Counts are recipients unless their name says batches."""

    id: int
    campaign_id: int
    campaign: str
    account: str
    upstream: str
    state: RunState
    scheduled_for: datetime | None
    whole_list: bool
    planned: int
    accepted: int
    saved: int
    rejected: int
    unknown: int
    cancelled: int
    waiting: int
    batches: dict[BatchState, int]  # by state
    batches_rejected: int
    rejection: str | None  # why the vendor rejected one of the batches
    is_rerun_already: bool
    after_run_id: int | None
    waits_for_recall_of: list[int]
    scheduled_date: datetime | None  # when the vendor is to send it
    resumes_at: datetime | None
    next_batch_at: datetime | None
    last_batch_at: datetime | None
    expires_at: datetime | None
    finished_at: datetime | None
    sending_hours: list[OpenHours]  # it sends while all of them are open


def runs_of_tonight(connection: Connection, *, since: datetime) -> list[RunOfTonight]:
    """The open runs and those that ended since then, by account and number; skipped ones are left out."""
    ids = _ids_of_tonight(since)
    sums = _sums(connection, ids)
    child = run.alias("child")
    rows = connection.execute(
        select(
            run,
            campaign.c.name.label("campaign_name"),
            revision.c.timing,
            revision.c.message.label("revision_message"),
            account.c.hours,
            account.c.zone,
            select(child.c.id).where(child.c.parent_run_id == run.c.id).exists().label("is_rerun_already"),
        )
        .join(campaign, campaign.c.id == run.c.campaign_id)
        .join(revision, (revision.c.campaign_id == run.c.campaign_id) & (revision.c.number == run.c.revision))
        .join(account, account.c.id == run.c.account_id)
        .where(run.c.id.in_(ids))
        .order_by(run.c.account_id, run.c.id)
    )
    recalls = _recalls_waited_for(connection)
    return [_run(row, sums.get(row.id, {}), recalls) for row in rows]


def vendor_sends_at(connection: Connection, *, now: datetime) -> dict[int, datetime]:
    """By run: when the vendor sends what it holds of it. What was unsent is left out."""
    times: dict[int, datetime] = {}
    for each in still_with_vendor(connection, now=now, besides=is_unsent()):
        times[each.run_id] = min(each.due, times.get(each.run_id, each.due))
    return times


def _ids_of_tonight(since: datetime) -> Select[Any]:
    """The IDs of those runs, read backwards by their number: a long history costs nothing."""
    open_states = [state.value for state in sorted(RUN_OPEN)]
    newest = (
        select(run.c.id, run.c.finished_at)
        .where(run.c.state.not_in([*open_states, RunState.SKIPPED.value]))
        .order_by(run.c.id.desc())
        .limit(MOST_ENDED)
        .subquery()
    )
    ended = select(newest.c.id).where(newest.c.finished_at >= since)
    return select(run.c.id).where(or_(run.c.state.in_(open_states), run.c.id.in_(ended)))


def _sums(connection: Connection, ids: Select[Any]) -> dict[int, dict[str, Any]]:
    """By run and state: batches, recipients, when the last of them may go, and the words of a refusal."""
    rows = connection.execute(
        select(
            batch.c.run_id,
            batch.c.state,
            func.count().label("batches"),
            func.coalesce(func.sum(batch.c.size), 0).label("recipients"),
            func.min(batch.c.available_at).label("next_at"),
            func.max(batch.c.available_at).label("last_at"),
            func.min(batch.c.error).label("error"),
        )
        .where(batch.c.run_id.in_(ids))
        .group_by(batch.c.run_id, batch.c.state)
    )
    sums: dict[int, dict[str, Any]] = {}
    for row in rows:
        sums.setdefault(row.run_id, {})[row.state] = row
    return sums


def _run(row: Any, sums: dict[str, Any], recalls: dict[int, list[int]]) -> RunOfTonight:
    def recipients(*states: BatchState) -> int:
        return sum(int(sums[state.value].recipients) for state in states if state.value in sums)

    date, is_open = (row.message or row.revision_message).get("scheduled_date"), RunState(row.state) in RUN_OPEN
    ready, rejected = sums.get(BatchState.READY.value), sums.get(BatchState.REJECTED.value)
    return RunOfTonight(
        id=row.id,
        campaign_id=row.campaign_id,
        campaign=row.campaign_name,
        account=row.account_id,
        upstream=row.upstream,
        state=RunState(row.state),
        scheduled_for=row.scheduled_for,
        whole_list=row.whole_list,
        planned=row.planned,
        accepted=recipients(BatchState.ACCEPTED),
        saved=recipients(BatchState.SAVED),
        rejected=recipients(BatchState.REJECTED),
        unknown=recipients(BatchState.UNKNOWN),
        cancelled=recipients(BatchState.CANCELLED),
        waiting=recipients(*BATCH_WAITS),
        batches={BatchState(state): int(each.batches) for state, each in sums.items()},
        batches_rejected=0 if rejected is None else rejected.batches,
        rejection=None if rejected is None else rejected.error,
        is_rerun_already=bool(row.is_rerun_already),
        after_run_id=row.after_run_id,
        waits_for_recall_of=recalls.get(row.id, []),
        scheduled_date=None if date is None else datetime.fromisoformat(date),
        resumes_at=row.resumes_at if is_open else None,
        next_batch_at=ready.next_at if ready is not None and is_open else None,
        last_batch_at=ready.last_at if ready is not None and is_open else None,
        expires_at=row.expires_at,
        finished_at=row.finished_at,
        sending_hours=[OpenHours(str(one.hours), one.zone.key) for one in _windows(row)],
    )


def _recalls_waited_for(connection: Connection) -> dict[int, list[int]]:
    """By run: the runs that are recalled before it may start."""
    rows = connection.execute(
        select(recall.c.for_run_id, recall.c.run_id)
        .where(recall.c.finished_at.is_(None), recall.c.for_run_id.is_not(None))
        .order_by(recall.c.run_id)
    )
    recalls: dict[int, list[int]] = {}
    for row in rows:
        recalls.setdefault(row.for_run_id, []).append(row.run_id)
    return recalls


def _windows(row: Any) -> tuple[Window, ...]:
    """Its sending hours; none when they cannot be read, in which case a hold pauses the run."""
    try:
        return windows_of(timing_from_json(row.timing), account_hours=row.hours, account_zone=row.zone)
    except ValueError:
        return ()
