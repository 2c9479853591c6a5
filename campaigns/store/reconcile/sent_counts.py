"""How many fans the vendor says each accepted batch went to, as looks and operators' questions have kept it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, and_, select

from campaigns.domain.states import BatchState
from campaigns.store.tables.attempts import attempt, evidence
from campaigns.store.tables.batches import batch
from campaigns.store.tables.runs import run

ROWS_AT_ONCE = 1000

TOLD = "sent_counts"
"""Where the detail of evidence keeps counts, by message ID."""

FAULTY = "has_error"
"""Where it keeps the message IDs that the vendor showed as failed."""


@dataclass(frozen=True, slots=True)
class Count:
    """An accepted batch, and the newest count that the vendor told of its message; None: it never told one."""

    run_id: int
    seq: int
    batch_id: int
    attempts: int
    message_id: str
    size: int
    count: int | None
    at: datetime | None
    sent_at: datetime  # when the request was made, or the time that the vendor was to send it
    is_failed: bool  # the vendor showed the message as failed


def counts(connection: Connection, run_id: int | None = None, *, told_only: bool = False) -> Iterator[Count]:
    """The accepted batches whose message ID and users are known, of one run or of all.

    `told_only`: only those whose count is known. A whole list is not among them: nobody here knows its size.
    """
    spoken_of = and_(evidence.c.batch_id == batch.c.id, evidence.c.kind == "look")
    statement = (
        select(
            batch.c.run_id,
            batch.c.seq,
            batch.c.id,
            batch.c.attempts,
            batch.c.message_id,
            batch.c.size,
            evidence.c.detail,
            evidence.c.at,
            attempt.c.started_at,
            batch.c.updated_at,
            run.c.message,
        )
        .join(run, run.c.id == batch.c.run_id)
        .outerjoin(attempt, and_(attempt.c.batch_id == batch.c.id, attempt.c.number == batch.c.attempts))
        .join(evidence, spoken_of, isouter=not told_only)
        .where(batch.c.state == BatchState.ACCEPTED.value, batch.c.message_id.is_not(None), batch.c.users.is_not(None))
        .order_by(batch.c.id, evidence.c.id)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    if run_id is not None:
        statement = statement.where(batch.c.run_id == run_id)
    for _, rows in groupby(connection.execute(statement), key=lambda row: row.id):
        found = _newest(rows)
        if found.count is not None or not told_only:
            yield found


def _newest(rows: Iterator[Any]) -> Count:
    count, at, is_failed = None, None, False
    for row in rows:
        told = row.detail.get(TOLD) if isinstance(row.detail, dict) else None
        known = told.get(row.message_id) if isinstance(told, dict) else None
        if isinstance(known, int):
            count, at = known, row.at
            is_failed = row.message_id in (row.detail.get(FAULTY) or ())
    sent_at = _sent_at(row)
    return Count(row.run_id, row.seq, row.id, row.attempts, row.message_id, row.size, count, at, sent_at, is_failed)


def _sent_at(row: Any) -> datetime:
    made: datetime = row.started_at or row.updated_at
    due = (row.message or {}).get("scheduled_date")
    return made if due is None else max(made, datetime.fromisoformat(due))
