"""What was handed over: batches that the vendor has accepted and is to send at their run's own time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select, update

from campaigns.domain.schedules.handoff import is_handed_over
from campaigns.domain.states import RUN_OPEN, BatchState
from campaigns.store.tables.attempts import attempt
from campaigns.store.tables.batches import batch
from campaigns.store.tables.runs import run


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A batch that the vendor sends at its own time, or has sent."""

    batch_id: int
    seq: int
    number: int  # its request
    message_id: str | None
    due: datetime
    run_id: int


def handed_over(connection: Connection, run_id: int) -> list[HandedOver]:
    """The batches of a run that are handed over, before and after their time."""
    return list(_read(connection, _asked(batch.c.run_id == run_id)))


def still_with_vendor(connection: Connection, *, now: datetime, besides: ColumnElement[bool]) -> list[HandedOver]:
    """The batches of all runs that the vendor is still to send; `besides`: rows of `batch` that are left out."""
    ahead = and_(run.c.watch_at > now, ~besides)
    return [each for each in _read(connection, _asked(ahead)) if each.due > now]


def handed_over_batch(connection: Connection, batch_id: int) -> HandedOver | None:
    """The batch, if it is handed over."""
    return next(_read(connection, _asked(batch.c.id == batch_id)), None)


def runs_handed_over(connection: Connection, campaign_id: int, *, now: datetime) -> list[int]:
    """The runs of a campaign of which the vendor is still to send something."""
    mine = and_(run.c.campaign_id == campaign_id, run.c.watch_at > now)
    return sorted({each.run_id for each in _read(connection, _asked(mine)) if each.due > now})


def is_ahead(connection: Connection, run_id: int, *, now: datetime) -> bool:
    """Whether the vendor is to send a run, at a time that is still to come."""
    message = connection.scalar(select(run.c.message).where(run.c.id == run_id, run.c.message.is_not(None)))
    date = (message or {}).get("scheduled_date")
    return date is not None and now < datetime.fromisoformat(date)


def open_runs_ahead(connection: Connection, campaign_id: int, *, now: datetime) -> list[int]:
    """The open runs of a campaign that the vendor is to send later, handed over or not yet."""
    opened = select(run.c.id).where(
        run.c.campaign_id == campaign_id, run.c.watch_at > now, run.c.state.in_(sorted(RUN_OPEN))
    )
    return [run_id for run_id in connection.scalars(opened.order_by(run.c.id)) if is_ahead(connection, run_id, now=now)]


def _asked(which: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            batch.c.id,
            batch.c.seq,
            batch.c.attempts,
            func.coalesce(batch.c.message_id, batch.c.set_message_id).label("message_id"),
            batch.c.run_id,
            run.c.message,
            attempt.c.started_at,
        )
        .join(run, run.c.id == batch.c.run_id)
        .join(attempt, and_(attempt.c.batch_id == batch.c.id, attempt.c.number == batch.c.attempts))
        .where(which, batch.c.state == BatchState.ACCEPTED.value, run.c.message.is_not(None))
        .order_by(batch.c.run_id, batch.c.seq)
    )


def _read(connection: Connection, asked: Select[Any]) -> Iterator[HandedOver]:
    for row in connection.execute(asked):
        date = row.message.get("scheduled_date")
        due = None if date is None else datetime.fromisoformat(date)
        if due is not None and is_handed_over(due, row.started_at):
            yield HandedOver(
                batch_id=row.id,
                seq=row.seq,
                number=row.attempts,
                message_id=row.message_id,
                due=due,
                run_id=row.run_id,
            )


@dataclass(frozen=True, slots=True)
class Watched:
    """A run that was handed over, about which the vendor is to be asked."""

    run_id: int
    campaign_id: int
    account_id: str
    watch_at: datetime


def watch_is_due(upstream: str, now: datetime) -> list[ColumnElement[bool]]:
    """The conditions that the vendor is to be asked about a row of `run` now."""
    return [run.c.upstream == upstream, run.c.watch_at <= now]


def due_watch(connection: Connection, account_id: str, *, upstream: str, now: datetime) -> Watched | None:
    """The account's run to ask about now, the longest due first."""
    row = connection.execute(
        select(run.c.id, run.c.campaign_id, run.c.account_id, run.c.watch_at)
        .where(run.c.account_id == account_id, *watch_is_due(upstream, now))
        .order_by(run.c.watch_at, run.c.id)
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return Watched(run_id=row.id, campaign_id=row.campaign_id, account_id=row.account_id, watch_at=row.watch_at)


def settle_watch(connection: Connection, watched: Watched, *, watch_at: datetime | None) -> bool:
    """Set when the vendor is asked next, None for never; False when somebody else went on meanwhile."""
    moved = connection.scalar(
        update(run)
        .where(run.c.id == watched.run_id, run.c.watch_at == watched.watch_at)
        .values(watch_at=watch_at)
        .returning(run.c.id)
    )
    return moved is not None
