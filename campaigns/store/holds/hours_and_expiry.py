"""Runs that wait for their sending hours, and runs whose time is over: both are columns of the run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from campaigns.domain.states import RUN_OPEN, BatchState, RunState
from campaigns.store.tables.batches import batch
from campaigns.store.tables.runs import run

EXPIRED = "expired"
"""With this word the reason begins why a batch was cancelled whose run's time was over."""


def run_is_in_time(now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """The condition that a row of `run` waits for no opening of its hours and has not expired."""
    return and_(
        or_(run.c.resumes_at.is_(None), run.c.resumes_at <= now),
        or_(run.c.expires_at.is_(None), run.c.expires_at > now),
    )


def wait_until(connection: Connection, run_id: int, *, until: datetime, now: datetime) -> bool:
    """Let nothing of a run be sent before its hours open; False when it waits for that already.

    The caller holds the lane's lock.
    """
    waits = connection.scalar(
        update(run)
        .where(run.c.id == run_id, or_(run.c.resumes_at.is_(None), run.c.resumes_at <= now))
        .values(resumes_at=until)
        .returning(run.c.id)
    )
    return waits is not None


def ask_hours_again(connection: Connection, account_id: str) -> None:
    """Let the open runs of an account be looked at anew: its hours were changed. The caller holds the lane's lock."""
    connection.execute(
        update(run).where(run.c.account_id == account_id, run.c.state.in_(sorted(RUN_OPEN))).values(resumes_at=None)
    )


def has_expired(connection: Connection, run_id: int, *, now: datetime) -> bool:
    """Whether the time of a run is over."""
    return connection.scalar(select(run.c.id).where(run.c.id == run_id, run.c.expires_at <= now)) is not None


@dataclass(frozen=True, slots=True)
class Expired:
    """A run whose time is over."""

    run_id: int
    account_id: str


def expired_runs(connection: Connection, *, now: datetime) -> list[Expired]:
    """Runs whose time is over and of which something still waits to leave, or that were never planned."""
    ready = select(batch.c.id).where(batch.c.run_id == run.c.id, batch.c.state == BatchState.READY.value)
    rows = connection.execute(
        select(run.c.id, run.c.account_id)
        .where(
            run.c.expires_at <= now,
            run.c.finished_at.is_(None),
            or_(run.c.state == RunState.DUE.value, ready.exists()),
        )
        .order_by(run.c.expires_at, run.c.id)
    )
    return [Expired(*row) for row in rows]
