"""What all accounts are doing now: one consistent picture for the screen of an evening."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from campaigns.domain.schedules.sending_hours import advance
from campaigns.domain.sending.forecast import HOURS, Forecast, forecast
from campaigns.domain.sending.pacing import Limits, estimate
from campaigns.domain.states import RUN_OPEN, HoldKind, RunState
from campaigns.flow.runs.needs import Need, Picture, Quiet, needs_of
from campaigns.store.database.engine import Store
from campaigns.store.health.heartbeats import BEAT_SENDS, heartbeats
from campaigns.store.views.accounts import credits_balance
from campaigns.store.views.tonight.accounts import AccountRow, NextRun, accounts_of_tonight, next_runs
from campaigns.store.views.tonight.runs import RunOfTonight, runs_of_tonight
from campaigns.store.views.tonight.troubles import HoldRow, failed_recalls, holds_of_tonight, unknowns_of_tonight

RECENT = timedelta(hours=24)
"""Runs that ended within this time are shown."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a run is paused."""

    kind: HoldKind
    reason: str


@dataclass(frozen=True, slots=True)
class RunTonight:
    """One run. Counts are recipients."""

    id: int
    campaign_id: int
    campaign: str
    account: str
    state: RunState
    scheduled_for: datetime | None
    whole_list: bool  # then only the vendor knows whom it reaches, and each request counts as one recipient
    planned: int
    done: int  # they no longer wait, whatever became of them
    accepted: int
    saved: int
    rejected: int
    unknown: int
    cancelled: int
    waiting: int
    searched: int  # unknown batches that are searched for at the vendor
    after_run_id: int | None  # it waits until that run has ended
    paused: Pause | None
    waits_until: datetime | None  # nothing of it is sent before
    waits_for: str | None
    eta: datetime | None  # None: it has ended, is paused, or nothing can be said
    bound_by: str | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Tonight:
    """Everything on the screen, as it was at `at`, the database's time."""

    at: datetime
    upstream: str  # the vendor in force
    is_live: bool
    beat_seen_at: datetime | None
    worker_seen_at: datetime | None
    credits: int | None  # None: the vendor has not named a balance yet
    needs: list[Need]  # what needs a person, the most urgent first
    runs: list[RunTonight]
    next_runs: list[NextRun]
    idle_accounts: list[str]  # they have no run here and no next run


def tonight(store: Store, limits: Limits, *, upstream: str, is_live: bool) -> Tonight:
    """The picture of all accounts, read in one transaction with a fixed number of statements.

    Raises DatabaseAway.
    """
    with store.read() as connection:
        now = store.now(connection)
        since = now - RECENT
        accounts, holds = accounts_of_tonight(connection), holds_of_tonight(connection)
        rows, unknowns = runs_of_tonight(connection, since=since), unknowns_of_tonight(connection)
        coming, recalls = next_runs(connection), failed_recalls(connection, since=since)
        signs, balance = heartbeats(connection), credits_balance(connection)
    scene = _Scene(
        now=now,
        limits=limits,
        lanes={each.id: each for each in accounts},
        holds=holds,
        searched={each.run_id: each.searched for each in unknowns},
        left=_batches_left(rows, holds),
    )
    runs = [_run(row, scene) for row in rows]
    # `beat` is written by a worker that took a tick: beat itself may run while no worker does.
    beat = max((signs[name] for name in (BEAT_SENDS, "beat") if name in signs), default=None)
    worker = signs.get("worker")
    busy = {each.account for each in runs} | {each.account for each in coming}
    picture = Picture(now, upstream, accounts, holds, rows, unknowns, recalls, Quiet(beat, worker))
    return Tonight(
        at=now,
        upstream=upstream,
        is_live=is_live,
        beat_seen_at=beat,
        worker_seen_at=worker,
        credits=None if balance is None else balance.credits,
        needs=needs_of(picture),
        runs=runs,
        next_runs=coming,
        idle_accounts=[each.id for each in accounts if each.id not in busy],
    )


@dataclass(frozen=True, slots=True)
class _Scene:
    """What surrounds the runs."""

    now: datetime
    limits: Limits
    lanes: dict[str, AccountRow]
    holds: list[HoldRow]
    searched: dict[int, int]  # unknown batches that are searched for, by run
    left: dict[str, Counter[str]]  # batches that wait or are in flight and are not paused, by vendor and account


def _batches_left(rows: list[RunOfTonight], holds: list[HoldRow]) -> dict[str, Counter[str]]:
    left: dict[str, Counter[str]] = {}
    for row in rows:
        if row.batches_left and _pause_of(row, holds) is None:
            left.setdefault(row.upstream, Counter())[row.account] += row.batches_left
    return left


def _pause_of(row: RunOfTonight, holds: list[HoldRow]) -> Pause | None:
    """The oldest hold that pauses an open run; a stop comes before all others."""
    if row.state not in RUN_OPEN:
        return None
    on_it = [
        each for each in holds if each.run_id == row.id or each.account == row.account or each.upstream == row.upstream
    ]
    first = min(on_it, key=lambda each: (each.kind is not HoldKind.STOP, each.opened_at), default=None)
    return None if first is None else Pause(first.kind, first.reason)


def _run(row: RunOfTonight, scene: _Scene) -> RunTonight:
    lane, pause = scene.lanes[row.account], _pause_of(row, scene.holds)
    starts_at = max(scene.now, row.resumes_at or scene.now, lane.available_at or scene.now)
    is_waiting = row.state in RUN_OPEN and starts_at > scene.now
    expected = None if pause else _outlook(row, scene, starts_at)
    return RunTonight(
        id=row.id,
        campaign_id=row.campaign_id,
        campaign=row.campaign,
        account=row.account,
        state=row.state,
        scheduled_for=row.scheduled_for,
        whole_list=row.whole_list,
        planned=row.planned,
        done=row.accepted + row.saved + row.rejected + row.unknown + row.cancelled,
        accepted=row.accepted,
        saved=row.saved,
        rejected=row.rejected,
        unknown=row.unknown,
        cancelled=row.cancelled,
        waiting=row.waiting,
        searched=scene.searched.get(row.id, 0),
        after_run_id=row.after_run_id if row.state is RunState.DUE else None,
        paused=pause,
        waits_until=starts_at if is_waiting else None,
        waits_for=_waits_for(row, lane, scene.now) if is_waiting else None,
        eta=None if expected is None else expected.ends_at,
        bound_by=None if expected is None else expected.bound_by,
        finished_at=row.finished_at,
    )


def _waits_for(row: RunOfTonight, lane: AccountRow, now: datetime) -> str | None:
    return HOURS if row.resumes_at is not None and row.resumes_at > now else lane.waits_for


def _outlook(row: RunOfTonight, scene: _Scene, starts_at: datetime) -> Forecast | None:
    """When the run ends, and what limits that, if nothing new gets in the way; None when that cannot be said.

    The runs of an account take turns on its lane, so each is taken to end with the last of them. Accounts that send at
    the same time share the team's budget.
    """
    if row.state not in RUN_OPEN or not row.batches_left:
        return None
    left = scene.left[row.upstream]
    last_at = row.last_batch_at if row.last_batch_at is not None and row.last_batch_at > scene.now else None
    expected = forecast(
        left[row.account], scene.limits, starts_at, windows=row.windows, last_at=last_at, expires_at=row.expires_at
    )
    shared = estimate(left[row.account] * len(left), scene.limits, accounts=len(left))
    by_budget = advance(row.windows, expected.starts_at, shared.seconds)
    if row.windows and row.resumes_at == starts_at > scene.now:
        return replace(expected, ends_at=max(expected.ends_at, by_budget), bound_by=HOURS)
    if expected.late or by_budget <= expected.ends_at:
        return expected
    return Forecast(expected.starts_at, by_budget, shared.bound_by)
