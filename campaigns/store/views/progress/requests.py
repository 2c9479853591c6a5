"""The requests of a run, the newest first, a page at a time; and those of one batch, in the order they were made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, or_, select

from campaigns.domain.upstream.outcome import OutcomeKind
from campaigns.store.tables.attempts import OUTCOME_OF_ATTEMPT, attempt, attempt_outcome
from campaigns.store.tables.batches import batch


@dataclass(frozen=True, slots=True)
class Place:
    """The position of a request in the list."""

    started_at: datetime
    batch_id: int
    number: int


@dataclass(frozen=True, slots=True)
class RequestLine:
    """A request to send a batch; one without an outcome is in flight. Times are those of our database."""

    batch: int
    batch_id: int
    number: int
    started_at: datetime
    deadline_at: datetime
    finished_at: datetime | None
    outcome: OutcomeKind | None
    http_status: int | None
    upstream_status: int | None
    message_id: str | None
    credits_used: int | None
    recipients: int
    request_sha256: str
    request_bytes: int
    worker: str
    error: str | None
    response: str | None  # the text of the reply, as the vendor sent it

    @property
    def place(self) -> Place:
        """Its position."""
        return Place(self.started_at, self.batch_id, self.number)


def requests_of_run(
    connection: Connection, run_id: int, account_id: str, *, newest: datetime, after: Place | None, limit: int
) -> Sequence[RequestLine]:
    """At most `limit` requests of a run, the newest first. `newest`: when the newest of them was made.

    They are read by their time, so that the first page of a long run costs no more than that of a short one.
    """
    statement = (
        _requests()
        .where(attempt.c.started_at <= newest, attempt.c.account_id == account_id, batch.c.run_id == run_id)
        .order_by(attempt.c.started_at.desc(), attempt.c.batch_id.desc(), attempt.c.number.desc())
        .limit(limit)
    )
    if after is not None:
        same = attempt.c.started_at == after.started_at
        statement = statement.where(
            attempt.c.started_at <= after.started_at,
            or_(
                attempt.c.started_at < after.started_at,
                and_(same, attempt.c.batch_id < after.batch_id),
                and_(same, attempt.c.batch_id == after.batch_id, attempt.c.number < after.number),
            ),
        )
    return [_line(row) for row in connection.execute(statement)]


def requests_of_batch(connection: Connection, batch_id: int) -> Sequence[RequestLine]:
    """Every request for one batch."""
    rows = connection.execute(_requests().where(attempt.c.batch_id == batch_id).order_by(attempt.c.number))
    return [_line(row) for row in rows]


def _requests() -> Select[Any]:
    names = ("batch_id", "number", "started_at", "deadline_at", "recipients", "request_sha256", "request_bytes")
    replies = ("finished_at", "kind", "http_status", "upstream_status", "message_id", "credits_used", "error")
    return (
        select(
            batch.c.seq,
            *(attempt.c[name] for name in (*names, "worker")),
            *(attempt_outcome.c[name] for name in (*replies, "response")),
        )
        .join(batch, batch.c.id == attempt.c.batch_id)
        .outerjoin(attempt_outcome, OUTCOME_OF_ATTEMPT)
    )


def _line(row: Row[Any]) -> RequestLine:
    return RequestLine(
        batch=row.seq,
        batch_id=row.batch_id,
        number=row.number,
        started_at=row.started_at,
        deadline_at=row.deadline_at,
        finished_at=row.finished_at,
        outcome=None if row.kind is None else OutcomeKind(row.kind),
        http_status=row.http_status,
        upstream_status=row.upstream_status,
        message_id=row.message_id,
        credits_used=row.credits_used,
        recipients=row.recipients,
        request_sha256=row.request_sha256,
        request_bytes=row.request_bytes,
        worker=row.worker,
        error=row.error,
        response=row.response,
    )
