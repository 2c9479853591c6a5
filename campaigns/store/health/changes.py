"""Whether anything has changed that a page shows: one cheap question, whatever the number of readers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, literal_column, select

from campaigns.domain.states import BatchState
from campaigns.store.health.heartbeats import QUIET
from campaigns.store.tables.accounts import heartbeat, lane
from campaigns.store.tables.attempts import evidence
from campaigns.store.tables.audit import event
from campaigns.store.tables.batches import batch

_SENDING: ColumnElement[str] = literal_column(f"'{BatchState.SENDING}'")
"""As a literal: SQLite uses the index of the batches in flight only for a value that the statement itself has."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Values of which at least one differs after a change that a page shows. They mean nothing by themselves."""

    event: int | None  # whatever a person does, and every step of a run
    evidence: int | None  # what a search learned about a batch
    fences: int | None  # each request takes a fence
    in_flight: int  # ... and when its outcome is recorded, its batch is no longer in flight
    waits: datetime | None  # the newest time that a lane waits for
    searches: datetime | None
    quiet: int  # parts that have given no sign for a while


def marks(connection: Connection, now: datetime) -> Marks:
    """The marks of this moment, in one statement.

    Every part of it reads the end of an index, or a table with a row for each account. Signs of life, which come each
    second, do not count; a part that becomes quiet, or is back, does.
    """
    row = connection.execute(
        select(
            select(func.max(event.c.id)).scalar_subquery().label("event"),
            select(func.max(evidence.c.id)).scalar_subquery().label("evidence"),
            select(func.sum(lane.c.fence)).scalar_subquery().label("fences"),
            select(func.count()).where(batch.c.state == _SENDING).scalar_subquery().label("in_flight"),
            select(func.max(lane.c.available_at)).scalar_subquery().label("waits"),
            select(func.max(lane.c.ask_at)).scalar_subquery().label("searches"),
            select(func.count()).where(heartbeat.c.at < now - QUIET).scalar_subquery().label("quiet"),
        )
    ).one()
    fences = None if row.fences is None else int(row.fences)  # PostgreSQL sums bigints as decimals
    return Marks(row.event, row.evidence, fences, row.in_flight, row.waits, row.searches, row.quiet)
