"""Figures for a monitor: few, and each from an index, so that asking often costs next to nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from campaigns.domain.states import RUN_OPEN, BatchState
from campaigns.store.health.heartbeats import BEAT_SENDS, heartbeats
from campaigns.store.tables.attempts import OUTCOME_OF_ATTEMPT, attempt, attempt_outcome
from campaigns.store.tables.batches import batch
from campaigns.store.tables.runs import hold, run

RECENT = timedelta(minutes=5)
"""Outcomes are counted for requests that began within this time."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a monitor watches, at one moment."""

    now: datetime
    beat_seen_at: datetime | None
    lanes_ready: int  # accounts with a batch that may be sent now, holds left aside
    batches: dict[str, int]  # of open runs, by state
    unknown_batches: int  # of every run: those that wait for a search or a person
    oldest_sending_at: datetime | None  # when the oldest request in flight was to end
    outcomes: dict[str, int]  # of the last minutes, by class
    holds: dict[str, int]  # open ones, by kind
    open_runs: int


def figures(connection: Connection, *, now: datetime) -> Figures:
    """The figures of this database."""
    is_open = run.c.state.in_(sorted(RUN_OPEN))
    by_state = connection.execute(
        select(batch.c.state, func.count().label("number"))
        .join(run, run.c.id == batch.c.run_id)
        .where(is_open)
        .group_by(batch.c.state)
    )
    ready = select(func.count(batch.c.account_id.distinct())).join(run, run.c.id == batch.c.run_id)
    ready = ready.where(is_open, batch.c.state == BatchState.READY.value, batch.c.available_at <= now)
    outcomes = connection.execute(
        select(attempt_outcome.c.kind, func.count().label("number"))
        .join(attempt, OUTCOME_OF_ATTEMPT)
        .where(attempt.c.started_at > now - RECENT)
        .group_by(attempt_outcome.c.kind)
    )
    holds = connection.execute(
        select(hold.c.kind, func.count().label("number")).where(hold.c.closed_at.is_(None)).group_by(hold.c.kind)
    )
    return Figures(
        now=now,
        beat_seen_at=heartbeats(connection).get(BEAT_SENDS),
        lanes_ready=int(connection.scalar(ready) or 0),
        batches={row.state: int(row.number) for row in by_state},
        unknown_batches=int(connection.scalar(_in_state(BatchState.UNKNOWN, func.count())) or 0),
        oldest_sending_at=connection.scalar(_in_state(BatchState.SENDING, func.min(batch.c.lease_until))),
        outcomes={row.kind: int(row.number) for row in outcomes},
        holds={row.kind: int(row.number) for row in holds},
        open_runs=int(connection.scalar(select(func.count()).select_from(run).where(is_open)) or 0),
    )


def _in_state(state: BatchState, what: ColumnElement[Any]) -> Select[Any]:
    return select(what).select_from(batch).where(batch.c.state == state.value)
