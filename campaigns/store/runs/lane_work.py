"""What else an account's lane has to do before, or between, the batches of one of its runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, func, select, true

from campaigns.domain.sending.pacing import REQUEST_SECONDS
from campaigns.domain.states import RUN_OPEN, RUN_SENDS, BatchState
from campaigns.store.campaigns.campaigns import find_revision
from campaigns.store.holds.holds import run_is_held
from campaigns.store.holds.hours_and_expiry import run_is_in_time
from campaigns.store.recall.recalls import recall_is_due
from campaigns.store.tables.accounts import lane
from campaigns.store.tables.attempts import OUTCOME_OF_ATTEMPT, attempt, attempt_outcome
from campaigns.store.tables.batches import batch
from campaigns.store.tables.campaigns import revision
from campaigns.store.tables.runs import run

MEASURED = 20
"""The time of a request is the mean of at most this many replies, the newest ..."""

RECENT = timedelta(minutes=15)
"""... to requests that began within this time."""


@dataclass(frozen=True, slots=True)
class Search:
    """An unknown batch of the account that is being searched for: until it is settled the lane sends nothing."""

    run_id: int
    looks: int  # made so far
    look_at: datetime  # the next one


@dataclass(frozen=True, slots=True)
class LaneWork:
    """What an account's lane does beside a run, and what that run may get back to send."""

    searches: tuple[Search, ...] = ()
    is_recalling: bool = False  # something of the account is unsent first
    others: tuple[int, ...] = ()  # batches that are ready in each other run of the account
    busy_accounts: int = 0  # other accounts of the vendor that have something to send
    resends_unknown: bool = False  # by the campaign's policy, after the last look
    request_seconds: float = REQUEST_SECONDS  # how long the vendor took lately, at least the usual time


def lane_work(connection: Connection, run_id: int, *, now: datetime) -> LaneWork:
    """What the lane of a run's account does beside it at this moment."""
    row = connection.execute(
        select(
            run.c.account_id,
            run.c.upstream,
            run.c.campaign_id,
            run.c.revision,
            recall_is_due(run.c.account_id, now).label("is_recalling"),
        ).where(run.c.id == run_id)
    ).one()
    others = _ready_by_run(connection, (run.c.account_id == row.account_id) & (run.c.id != run_id), now)
    return LaneWork(
        searches=_searches(connection, batch.c.account_id == row.account_id).get(row.account_id, ()),
        is_recalling=bool(row.is_recalling),
        others=tuple(count for _, _, _, count in others),
        busy_accounts=_busy_accounts(connection, row.upstream, row.account_id, now),
        resends_unknown=find_revision(connection, row.campaign_id, row.revision).on_unknown == "resend",
        request_seconds=_request_seconds(connection, now),
    )


def lane_work_of_open_runs(connection: Connection, *, now: datetime) -> dict[int, LaneWork]:
    """The same for every open run, by its number, in four statements."""
    request_seconds = _request_seconds(connection, now)
    searches, ready = _searches(connection, true()), _ready_by_run(connection, true(), now)
    rows = connection.execute(
        select(
            run.c.id,
            run.c.account_id,
            run.c.upstream,
            revision.c.on_unknown,
            recall_is_due(run.c.account_id, now).label("is_recalling"),
        )
        .join(revision, (revision.c.campaign_id == run.c.campaign_id) & (revision.c.number == run.c.revision))
        .where(run.c.state.in_(sorted(RUN_OPEN)))
    )
    busy: dict[str, set[str]] = {}
    batches: dict[str, dict[int, int]] = {}
    for run_id, upstream, account, count in ready:
        busy.setdefault(upstream, set()).add(account)
        batches.setdefault(account, {})[run_id] = count
    return {
        row.id: LaneWork(
            searches=searches.get(row.account_id, ()),
            is_recalling=bool(row.is_recalling),
            others=tuple(count for other, count in batches.get(row.account_id, {}).items() if other != row.id),
            busy_accounts=len(busy.get(row.upstream, set()) - {row.account_id}),
            resends_unknown=row.on_unknown == "resend",
            request_seconds=request_seconds,
        )
        for row in rows
    }


def _request_seconds(connection: Connection, now: datetime) -> float:
    rows = connection.execute(
        select(attempt.c.started_at, attempt_outcome.c.finished_at)
        .join(attempt_outcome, OUTCOME_OF_ATTEMPT)
        .where(attempt.c.started_at > now - RECENT, attempt_outcome.c.http_status.is_not(None))
        .order_by(attempt.c.started_at.desc())
        .limit(MEASURED)
    ).all()
    taken = [(row.finished_at - row.started_at).total_seconds() for row in rows]
    return max(REQUEST_SECONDS, sum(taken) / len(taken) if taken else 0.0)


def _searches(connection: Connection, which: ColumnElement[bool]) -> dict[str, tuple[Search, ...]]:
    """The searches of each account. Questions about an account may be put off, and its searches with them."""
    rows = connection.execute(
        select(batch.c.account_id, batch.c.run_id, batch.c.looks, batch.c.look_at, lane.c.ask_at)
        .join(lane, lane.c.account_id == batch.c.account_id)
        .where(which, batch.c.look_at.is_not(None))
    )
    searches: dict[str, tuple[Search, ...]] = {}
    for row in rows:
        one = Search(row.run_id, row.looks, max(row.look_at, row.ask_at or row.look_at))
        searches[row.account_id] = (*searches.get(row.account_id, ()), one)
    return searches


def _ready_by_run(connection: Connection, which: ColumnElement[bool], now: datetime) -> list[tuple[int, str, str, int]]:
    """The runs that may send now, each with its vendor, its account and the number of its ready batches."""
    # Counted run by run: the planner would otherwise look at every ready batch first.
    batches = select(func.count()).select_from(batch).where(*_may_go(now)).correlate(run).scalar_subquery()
    rows = connection.execute(
        select(run.c.id, run.c.upstream, run.c.account_id, batches.label("batches")).where(
            which, run.c.state.in_(sorted(RUN_SENDS)), run_is_in_time(now), ~run_is_held()
        )
    )
    return [(row.id, row.upstream, row.account_id, int(row.batches)) for row in rows if row.batches]


def _may_go(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """The conditions that a row of `batch` of a row of `run` may be sent now."""
    return batch.c.run_id == run.c.id, batch.c.state == BatchState.READY.value, batch.c.available_at <= now


def _busy_accounts(connection: Connection, upstream: str, besides: str, now: datetime) -> int:
    """How many other accounts of the vendor have a batch that may be sent now. Their batches are not counted."""
    accounts = select(func.count(run.c.account_id.distinct())).where(
        run.c.upstream == upstream,
        run.c.account_id != besides,
        run.c.state.in_(sorted(RUN_SENDS)),
        run_is_in_time(now),
        ~run_is_held(),
        select(batch.c.id).where(*_may_go(now)).correlate(run).exists(),
    )
    return int(connection.scalar(accounts) or 0)
