"""What all accounts are doing now: one consistent picture for the screen of an evening."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection

from campaigns.domain.sending.forecast import HOURS
from campaigns.domain.sending.pacing import Limits
from campaigns.domain.states import RUN_OPEN, BatchState, HoldKind, RunState
from campaigns.flow.runs.needs import Need, Picture, beat_is_missing, needs_of
from campaigns.flow.runs.outlook import RunWait, Wait, outlook, wait_of
from campaigns.store.database.engine import Store
from campaigns.store.health.heartbeats import BEAT_SENDS, Serves, Service, heartbeats, serving
from campaigns.store.runs.lane_work import LaneWork, lane_work_of_open_runs
from campaigns.store.runs.times import OpenHours
from campaigns.store.views.accounts import credits_balance
from campaigns.store.views.tonight.accounts import AccountRow, NextRun, accounts_of_tonight, next_runs
from campaigns.store.views.tonight.runs import RunOfTonight, runs_of_tonight, vendor_sends_at
from campaigns.store.views.tonight.troubles import HoldRow, failed_recalls, holds_of_tonight, unknowns_of_tonight

Row = TypeVar("Row")

RECENT = timedelta(hours=24)
"""Runs that ended within this time are shown."""


NOT_SERVED = "no worker"
"""What limits a run that nobody serves: nobody knows when it ends."""


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
    eta: datetime | None  # None: it has ended, is paused, nobody serves it, or nothing can be said
    bound_by: str | None
    vendor_sends_at: datetime | None  # it was handed over: the vendor holds it and sends it then
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


def tonight(
    store: Store, limits: Limits, *, upstream: str, is_live: bool, seen: frozenset[str] | None = None
) -> Tonight:
    """The picture of all accounts, read in one transaction with a fixed number of statements.

    `seen`: the accounts that the reader may see; None: every account. Nothing of another one is listed or counted.
    Raises DatabaseAway.
    """
    with store.read() as connection:
        now = store.now(connection)
        since = now - RECENT
        accounts, holds = _of(seen, accounts_of_tonight(connection), "id"), holds_of_tonight(connection, seen)
        rows, unknowns = _of(seen, runs_of_tonight(connection, since=since)), _of(seen, unknowns_of_tonight(connection))
        coming, recalls = _of(seen, next_runs(connection)), _of(seen, failed_recalls(connection, since=since))
        signs, balance = heartbeats(connection), credits_balance(connection)
        service = serving(connection, upstream, now)
        work = lane_work_of_open_runs(connection, now=now)
        handed_over = vendor_sends_at(connection, now=now)
        # `beat` is written by a worker that took a tick: beat itself may run while no worker does.
        beat = max((signs[name] for name in (BEAT_SENDS, "beat") if name in signs), default=None)
        not_served = _not_served(connection, rows, service, beat, now)
    scene = _Scene(
        now=now,
        limits=limits,
        lanes={each.id: each for each in accounts},
        holds=holds,
        searched={each.run_id: each.searched for each in unknowns},
        work=work,
        handed_over=handed_over,
        not_served=not_served,
    )
    runs = [_run(row, scene) for row in rows]
    busy = {each.account for each in runs} | {each.account for each in coming}
    picture = Picture(now, upstream, accounts, holds, rows, unknowns, recalls, beat, service)
    return Tonight(
        at=now,
        upstream=upstream,
        is_live=is_live,
        beat_seen_at=beat,
        worker_seen_at=service.seen_at or signs.get("worker"),
        credits=None if balance is None else balance.credits,
        needs=needs_of(picture),
        runs=runs,
        next_runs=coming,
        idle_accounts=[each.id for each in accounts if each.id not in busy and not each.is_removed],
    )


def _not_served(
    connection: Connection, rows: list[RunOfTonight], service: Service, beat: datetime | None, now: datetime
) -> set[str]:
    """The vendors of open runs, and the one in force, for which nobody sends."""
    others = {each.upstream for each in rows if each.state in RUN_OPEN} - {service.upstream}
    services = [service, *(serving(connection, each, now) for each in sorted(others))]
    return {each.upstream for each in services if each.serves is Serves.NO or beat_is_missing(beat, now)}


def _of(seen: frozenset[str] | None, rows: list[Row], name: str = "account") -> list[Row]:
    """The rows of the accounts that the reader may see; `name`: the field with the account."""
    return rows if seen is None else [row for row in rows if getattr(row, name) in seen]


@dataclass(frozen=True, slots=True)
class _Scene:
    """What surrounds the runs."""

    now: datetime
    limits: Limits
    lanes: dict[str, AccountRow]
    holds: list[HoldRow]
    searched: dict[int, int]  # unknown batches that are searched for, by run
    work: dict[int, LaneWork]  # what the lane of each open run does beside it
    handed_over: dict[int, datetime]  # when the vendor sends what it holds, by run
    not_served: set[str]  # vendors that no worker serves


@dataclass(frozen=True, slots=True)
class _OpenRun:
    """A row with its holds and its lane: what its outlook is read from."""

    id: int
    state: RunState
    accepted: int
    batches: Mapping[BatchState, int]
    holds: list[HoldRow]
    lane: AccountRow | None
    waits_for_recall_of: list[int]
    after_run_id: int | None
    scheduled_date: datetime | None
    sending_hours: list[OpenHours]
    resumes_at: datetime | None
    next_batch_at: datetime | None
    last_batch_at: datetime | None
    expires_at: datetime | None


def _open_run(row: RunOfTonight, scene: _Scene) -> _OpenRun:
    values = {field.name: getattr(row, field.name) for field in fields(_OpenRun) if hasattr(row, field.name)}
    return _OpenRun(**values, holds=_holds_on(row, scene.holds), lane=scene.lanes[row.account])


def _holds_on(row: RunOfTonight, holds: list[HoldRow]) -> list[HoldRow]:
    """The holds that pause an open run: a stop before all others, then the oldest."""
    if row.state not in RUN_OPEN:
        return []
    on_it = [
        each for each in holds if each.run_id == row.id or each.account == row.account or each.upstream == row.upstream
    ]
    return sorted(on_it, key=lambda each: (each.kind is not HoldKind.STOP, each.opened_at))


def _run(row: RunOfTonight, scene: _Scene) -> RunTonight:
    run, work = _open_run(row, scene), scene.work.get(row.id, LaneWork())
    wait = wait_of(run, work, limits=scene.limits, now=scene.now)
    is_served = row.upstream not in scene.not_served
    expected = outlook(run, work, limits=scene.limits, now=scene.now) if is_served else None
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
        paused=Pause(run.holds[0].kind, run.holds[0].reason) if run.holds else None,
        waits_until=None if wait is None else wait.until,
        waits_for=None if wait is None else _what(wait),
        eta=None if expected is None else expected.ends_at,
        bound_by=expected.bound_by if expected is not None else _nobody(run, is_served=is_served),
        vendor_sends_at=scene.handed_over.get(row.id),
        finished_at=row.finished_at,
    )


def _nobody(run: _OpenRun, *, is_served: bool) -> str | None:
    return None if is_served or run.holds or run.state not in RUN_OPEN else NOT_SERVED


def _what(wait: RunWait) -> str:
    return HOURS if wait.kind is Wait.HOURS else wait.reason or wait.kind.replace("_", " ")
