"""Recalls, as people and programs see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select, tuple_

from campaigns.domain.states import BatchState
from campaigns.domain.upstream.unsend_outcome import UnsendKind
from campaigns.store.database.parts import Part
from campaigns.store.recall.recalls import IS_OPEN
from campaigns.store.recall.unsend_requests import is_unsent, standing_of
from campaigns.store.sending.replies import UnsendReply, unsend_reply
from campaigns.store.tables.batches import batch
from campaigns.store.tables.recalls import recall, unsend, unsend_outcome


@dataclass(frozen=True, slots=True)
class RecallView:
    """The newest recall of a run, counted in batches; while it is open, the counts are those of now."""

    requested_at: datetime
    actor: str
    reason: str
    for_run_id: int | None
    finished_at: datetime | None
    batches: int | None
    unsent: int | None
    failed: int | None  # None: not known before the recall has ended
    unknown: int | None
    available_at: datetime | None
    waits_for: str | None


@dataclass(frozen=True, slots=True)
class RunRecalls:
    """What recalls did to a run, and which other runs must be recalled before it starts."""

    recalled: int  # recipients
    recall: RecallView | None
    waits_for_recall_of: list[int]


@dataclass(frozen=True, slots=True)
class UnsendView:
    """A request to unsend a message; one without an outcome is in flight."""

    batch: int
    number: int
    message_id: str
    started_at: datetime
    finished_at: datetime | None
    outcome: UnsendKind | None
    by_look: bool | None
    http_status: int | None
    credits_used: int | None
    error: str | None
    worker: str
    reply: UnsendReply | None  # None: no reply came


def recalls_of(connection: Connection, run_id: int) -> RunRecalls:
    """What recalls did to a run, and which runs it waits for."""
    newest = _newest(connection, run_id)
    recipients = select(func.coalesce(func.sum(batch.c.size), 0)).where(
        batch.c.run_id == run_id, batch.c.state == BatchState.ACCEPTED.value, is_unsent()
    )
    waits_for = select(recall.c.run_id).where(recall.c.for_run_id == run_id, IS_OPEN).order_by(recall.c.run_id)
    return RunRecalls(
        recalled=0 if newest is None else int(connection.scalar(recipients) or 0),
        recall=newest,
        waits_for_recall_of=list(connection.scalars(waits_for)),
    )


def _newest(connection: Connection, run_id: int) -> RecallView | None:
    row = connection.execute(
        select(recall).where(recall.c.run_id == run_id).order_by(recall.c.id.desc()).limit(1)
    ).one_or_none()
    if row is None:
        return None
    is_open = row.finished_at is None
    standing = standing_of(connection, run_id) if is_open else None
    return RecallView(
        requested_at=row.requested_at,
        actor=row.actor,
        reason=row.reason,
        for_run_id=row.for_run_id,
        finished_at=row.finished_at,
        batches=row.batches if standing is None else len(standing.unsent) + len(standing.out),
        unsent=row.unsent if standing is None else len(standing.unsent),
        failed=row.failed,
        unknown=row.unknown if standing is None else len(standing.unknown),
        available_at=row.available_at if is_open and row.waits_for else None,
        waits_for=row.waits_for,
    )


def requests_to_unsend(connection: Connection, run_id: int, part: Part | None = None) -> list[UnsendView]:
    """Every request to unsend a message of a run, in the order they were made; a part of them is by batch.

    The position of a request is the number of its batch, its own number, and when it was started: a second recall
    numbers its requests again.
    """
    statement = (
        select(batch.c.seq, unsend, unsend_outcome)
        .join(batch, batch.c.id == unsend.c.batch_id)
        .outerjoin(
            unsend_outcome,
            (unsend_outcome.c.recall_id == unsend.c.recall_id)
            & (unsend_outcome.c.batch_id == unsend.c.batch_id)
            & (unsend_outcome.c.number == unsend.c.number),
        )
        .where(batch.c.run_id == run_id)
        .order_by(unsend.c.started_at, unsend.c.fence)
    )
    if part is not None:
        statement = _part_of(connection, statement, run_id, part)
    rows = connection.execute(statement).mappings()
    return [
        UnsendView(
            batch=row[batch.c.seq],
            number=row[unsend.c.number],
            message_id=row[unsend.c.message_id],
            started_at=row[unsend.c.started_at],
            finished_at=row[unsend_outcome.c.finished_at],
            outcome=None if row[unsend_outcome.c.kind] is None else UnsendKind(row[unsend_outcome.c.kind]),
            by_look=row[unsend_outcome.c.by_look],
            http_status=row[unsend_outcome.c.http_status],
            credits_used=row[unsend_outcome.c.credits_used],
            error=row[unsend_outcome.c.error],
            worker=row[unsend.c.worker],
            reply=unsend_reply(row),
        )
        for row in rows
    ]


def _part_of(connection: Connection, statement: Select[Any], run_id: int, part: Part) -> Select[Any]:
    """The requests behind a position, by batch."""
    by_batch = statement.order_by(None).order_by(batch.c.seq, unsend.c.started_at, unsend.c.fence).limit(part.limit)
    if part.after is None:
        return by_batch
    seq, number, started_at = part.after
    last = connection.execute(
        select(unsend.c.started_at, unsend.c.fence)
        .join(batch, batch.c.id == unsend.c.batch_id)
        .where(batch.c.run_id == run_id, batch.c.seq == seq, unsend.c.number == number)
        .where(unsend.c.started_at == datetime.fromisoformat(started_at))
        .limit(1)
    ).one()
    behind = tuple_(batch.c.seq, unsend.c.started_at, unsend.c.fence) > (seq, last.started_at, last.fence)
    return by_batch.where(batch.c.seq >= seq, behind)
