"""Runs that wait for their sending hours, and runs that have expired: both are columns of the run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from campaigns.domain.states import RUN_OPEN, BatchState, RunState
from campaigns.store.tables.batches import batch
from campaigns.store.tables.runs import run

EXPIRED = "expired"
"""Prefix of `batch.error` when the run expired before the batch was sent."""


def run_is_in_time(now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """The condition that a row of `run` does not wait for its sending hours and has not expired."""
    return and_(
        or_(run.c.resumes_at.is_(None), run.c.resumes_at <= now),
        or_(run.c.expires_at.is_(None), run.c.expires_at > now),
    )


def wait_until(connection: Connection, run_id: int, *, until: datetime, now: datetime) -> bool:
    """Let a run send nothing before its hours open; False when it waits for them already.

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
    """Check the hours of an account's open runs again, because they were changed. The caller holds the lane's lock."""
    connection.execute(
        update(run).where(run.c.account_id == account_id, run.c.state.in_(sorted(RUN_OPEN))).values(resumes_at=None)
    )


def has_expired(connection: Connection, run_id: int, *, now: datetime) -> bool:
    """Whether a run has expired."""
    return connection.scalar(select(run.c.id).where(run.c.id == run_id, run.c.expires_at <= now)) is not None


@dataclass(frozen=True, slots=True)
class Expired:
    """A run that has expired."""

    run_id: int
    account_id: str


def expired_runs(connection: Connection, *, now: datetime) -> list[Expired]:
    """Expired runs with batches that still wait to be sent, or that were never planned."""
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
    return [Expired(run_id=row.id, account_id=row.account_id) for row in rows]
