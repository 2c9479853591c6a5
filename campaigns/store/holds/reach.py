"""What a stop reaches: runs that wait to be sent. And what it cannot stop: what has left, or is with the vendor."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from campaigns.domain.states import RUN_SENDS, BatchState, RunState
from campaigns.store.handoff.handed_over import handed_over
from campaigns.store.tables.attempts import attempt
from campaigns.store.tables.batches import batch
from campaigns.store.tables.campaigns import campaign
from campaigns.store.tables.runs import hold, run


@dataclass(frozen=True, slots=True)
class InFlight:
    """A request that was committed, of which no outcome is recorded yet. The vendor may act on it."""

    run_id: int
    batch: int
    account: str
    size: int
    started_at: datetime


@dataclass(frozen=True, slots=True)
class WithVendor:
    """A run that was handed over: the vendor sends it at its time unless it is unsent before."""

    run_id: int
    account: str
    batches: int
    due_at: datetime


def requests_in_flight(connection: Connection, account_id: str | None = None) -> list[InFlight]:
    """The requests of an account, or of all, that may still reach the vendor or be answered by it."""
    statement = (
        select(batch.c.run_id, batch.c.seq, batch.c.account_id, batch.c.size, attempt.c.started_at)
        .join(attempt, and_(attempt.c.batch_id == batch.c.id, attempt.c.number == batch.c.attempts))
        .where(batch.c.state == BatchState.SENDING.value)
        .order_by(attempt.c.started_at, batch.c.id)
    )
    if account_id is not None:
        statement = statement.where(batch.c.account_id == account_id)
    return [
        InFlight(run_id=row.run_id, batch=row.seq, account=row.account_id, size=row.size, started_at=row.started_at)
        for row in connection.execute(statement)
    ]


def runs_with_vendor(connection: Connection, account_id: str | None = None, *, now: datetime) -> list[WithVendor]:
    """The runs of an account, or of all, that the vendor is still to send, the next first."""
    statement = select(run.c.id, run.c.account_id).where(run.c.watch_at > now)
    if account_id is not None:
        statement = statement.where(run.c.account_id == account_id)
    with_vendor = []
    for row in connection.execute(statement).all():
        ahead = [each.due for each in handed_over(connection, row.id) if each.due > now]
        if ahead:
            with_vendor.append(WithVendor(row.id, row.account_id, len(ahead), min(ahead)))
    return sorted(with_vendor, key=lambda each: (each.due_at, each.run_id))


@dataclass(frozen=True, slots=True)
class WaitingRun:
    """An open run, and what of it was not sent yet."""

    run_id: int
    campaign: str
    account: str
    whole_list: bool
    waiting: int | None  # recipients; lists, where the run is to whole lists; None: it is not planned yet


def runs_freed(connection: Connection, lifted: Collection[int]) -> list[WaitingRun]:
    """Every run that goes on as soon as the holds with these IDs are lifted, the oldest first.

    A run that another hold pauses as well does not.
    """
    return _waiting(connection, _is_held(hold.c.id.in_(lifted)) & ~_is_held(hold.c.id.not_in(lifted)))


def waiting_runs(connection: Connection, account_id: str) -> list[WaitingRun]:
    """The runs of an account that still have something to send, held or not, the oldest first."""
    return _waiting(connection, run.c.account_id == account_id)


def _waiting(connection: Connection, which: ColumnElement[bool]) -> list[WaitingRun]:
    ready = and_(batch.c.run_id == run.c.id, batch.c.state == BatchState.READY.value)
    rows = connection.execute(
        select(run.c.id, campaign.c.name, run.c.account_id, run.c.whole_list, func.sum(batch.c.size).label("waiting"))
        .join(campaign, campaign.c.id == run.c.campaign_id)
        .outerjoin(batch, ready)
        .where(
            or_(run.c.state == RunState.DUE.value, run.c.state.in_(sorted(RUN_SENDS)) & batch.c.id.is_not(None)),
            which,
        )
        .group_by(run.c.id, campaign.c.name, run.c.account_id, run.c.whole_list)
        .order_by(run.c.id)
    )
    return [
        WaitingRun(
            run_id=row.id,
            campaign=row.name,
            account=row.account_id,
            whole_list=bool(row.whole_list),
            waiting=None if row.waiting is None else int(row.waiting),
        )
        for row in rows
    ]


def _is_held(which: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition that one of these open holds pauses a row of `run`, whatever its scope."""
    reaches = or_(hold.c.run_id == run.c.id, hold.c.account_id == run.c.account_id, hold.c.upstream == run.c.upstream)
    return select(hold.c.id).where(hold.c.closed_at.is_(None), reaches, which).exists()
