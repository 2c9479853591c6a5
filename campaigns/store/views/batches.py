"""The batches of a run, and the requests that were made for them, as people and programs see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, tuple_

from campaigns.domain.states import BatchState
from campaigns.domain.upstream.outcome import OutcomeKind
from campaigns.store.database.parts import WHOLE, Part
from campaigns.store.recall.unsend_requests import UNSENT, unsent_at
from campaigns.store.reconcile.message_sets import sets_of_run
from campaigns.store.runs.runs import find_run
from campaigns.store.sending.replies import COLUMNS_OF_REPLY, SendReply, send_reply
from campaigns.store.tables.attempts import attempt as attempt_table
from campaigns.store.tables.attempts import attempt_outcome
from campaigns.store.tables.batches import batch
from campaigns.store.tables.recalls import recall
from campaigns.store.views.text import as_id

ATTEMPTS = (
    select(
        batch.c.seq,
        attempt_table.c.number,
        attempt_table.c.started_at,
        attempt_table.c.request_sha256,
        attempt_table.c.recipients,
        attempt_table.c.worker,
        attempt_table.c.mark,
        attempt_outcome.c.finished_at,
        attempt_outcome.c.kind,
        attempt_outcome.c.message_id,
        attempt_outcome.c.error,
        *COLUMNS_OF_REPLY,
    )
    .join(batch, batch.c.id == attempt_table.c.batch_id)
    .outerjoin(
        attempt_outcome,
        (attempt_outcome.c.batch_id == attempt_table.c.batch_id) & (attempt_outcome.c.number == attempt_table.c.number),
    )
    .where(batch.c.run_id == bindparam("run"))
    .order_by(attempt_table.c.started_at, attempt_table.c.fence)
)
"""Every request of a run with its outcome, in the order they were made."""


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch: the recipients of one request."""

    seq: int
    state: BatchState
    size: int
    message_id: str | None
    message_ids: list[str] | None  # it has one of these, and nobody knows which
    message: dict[str, Any] | None  # as the last reply showed it, every field
    attempts: int
    available_at: datetime
    error: str | None
    first_user: str | None
    last_user: str | None
    follow: str | None  # `unsent` when its message was unsent
    recalled_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttemptView:
    """A request to send a batch; one without outcome is in flight."""

    batch: int
    number: int
    started_at: datetime
    finished_at: datetime | None
    outcome: OutcomeKind | None
    http_status: int | None
    upstream_status: int | None
    message_id: str | None
    request_sha256: str
    recipients: int
    credits_used: int | None
    error: str | None
    worker: str
    mark: str | None
    reply: SendReply | None  # None: no reply came


def batches(
    connection: Connection, run_id: int, state: BatchState | None = None, part: Part = WHOLE
) -> list[BatchView]:
    """The batches of a run, or those in one state, by their number; the position of a batch is its number.

    Raises NotFound.
    """
    account_id = find_run(connection, run_id).account_id
    statement = (
        select(batch, attempt_outcome.c.report)
        .outerjoin(
            attempt_outcome,
            (attempt_outcome.c.batch_id == batch.c.id) & (attempt_outcome.c.number == batch.c.attempts),
        )
        .where(batch.c.run_id == run_id)
        .order_by(batch.c.seq)
        .limit(part.limit)
    )
    if state is not None:
        statement = statement.where(batch.c.state == state.value)
    if part.after is not None:
        statement = statement.where(batch.c.seq > part.after)
    rows = connection.execute(statement).all()
    unsent = unsent_at(connection, run_id) if _was_recalled(connection, run_id) else {}
    is_shared = any(row.message_set is not None for row in rows)
    sets = sets_of_run(connection, account_id, run_id) if is_shared else {}
    return [
        BatchView(
            seq=row.seq,
            state=BatchState(row.state),
            size=row.size,
            message_id=row.message_id,
            message_ids=sets.get(row.message_set),
            message=(row.report or {}).get("data") or None,
            attempts=row.attempts,
            available_at=row.available_at,
            error=row.error,
            first_user=as_id(row.first_user),
            last_user=as_id(row.last_user),
            follow=UNSENT if row.id in unsent else None,
            recalled_at=unsent.get(row.id),
        )
        for row in rows
    ]


def _was_recalled(connection: Connection, run_id: int) -> bool:
    return connection.scalar(select(recall.c.id).where(recall.c.run_id == run_id).limit(1)) is not None


def attempts(connection: Connection, run_id: int, part: Part | None = None) -> list[AttemptView]:
    """Every request that was made to send a run, in the order they were made. Raises NotFound.

    A part of them is by batch, since no index serves the time: the position of a request is the number of its batch,
    and its own.
    """
    find_run(connection, run_id)
    statement = ATTEMPTS
    if part is not None:
        statement = ATTEMPTS.order_by(None).order_by(batch.c.seq, attempt_table.c.number).limit(part.limit)
        if part.after is not None:
            seq, number = part.after
            behind = tuple_(batch.c.seq, attempt_table.c.number) > (seq, number)
            statement = statement.where(batch.c.seq >= seq, behind)
    return [
        AttemptView(
            batch=row.seq,
            number=row.number,
            started_at=row.started_at,
            finished_at=row.finished_at,
            outcome=None if row.kind is None else OutcomeKind(row.kind),
            http_status=row.http_status,
            upstream_status=row.upstream_status,
            message_id=row.message_id,
            request_sha256=row.request_sha256,
            recipients=row.recipients,
            credits_used=row.credits_used,
            error=row.error,
            worker=row.worker,
            mark=row.mark,
            reply=send_reply(row),
        )
        for row in connection.execute(statement, {"run": run_id})
    ]
