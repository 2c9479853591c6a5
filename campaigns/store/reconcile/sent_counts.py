"""The number of fans that each accepted batch went to, as the vendor reported it to a look or to an operator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, and_, select

from campaigns.domain.states import BatchState, EvidenceKind
from campaigns.store.tables.attempts import attempt, evidence
from campaigns.store.tables.batches import batch
from campaigns.store.tables.runs import run

ROWS_AT_ONCE = 1000

SENT_COUNTS = "sent_counts"
"""Key in the detail of evidence: counts by message ID."""

FAILED_IDS = "has_error"
"""Key in the detail of evidence: the message IDs that the vendor showed as failed."""


@dataclass(frozen=True, slots=True)
class Count:
    """An accepted batch, and the newest count that the vendor reported for its message; None: it never reported one."""

    run_id: int
    seq: int
    batch_id: int
    attempts: int
    message_id: str
    size: int
    count: int | None
    at: datetime | None
    sent_at: datetime  # when the request was made, or when the vendor was to send it
    is_failed: bool  # the vendor showed the message as failed


def counts(connection: Connection, run_id: int | None = None, *, known_only: bool = False) -> Iterator[Count]:
    """The accepted batches whose message ID and users are known, of one run or of all.

    `known_only`: only those whose count is known. Whole lists are left out: nobody here knows their size.
    """
    its_looks = and_(evidence.c.batch_id == batch.c.id, evidence.c.kind == EvidenceKind.LOOK.value)
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
        .join(evidence, its_looks, isouter=not known_only)
        .where(batch.c.state == BatchState.ACCEPTED.value, batch.c.message_id.is_not(None), batch.c.users.is_not(None))
        .order_by(batch.c.id, evidence.c.id)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    if run_id is not None:
        statement = statement.where(batch.c.run_id == run_id)
    for _, rows in groupby(connection.execute(statement), key=lambda row: row.id):
        newest = _newest(rows)
        if newest.count is not None or not known_only:
            yield newest


def _newest(rows: Iterator[Any]) -> Count:
    count, at, is_failed = None, None, False
    for row in rows:
        by_message = row.detail.get(SENT_COUNTS) if isinstance(row.detail, dict) else None
        known = by_message.get(row.message_id) if isinstance(by_message, dict) else None
        if isinstance(known, int):
            count, at = known, row.at
            is_failed = row.message_id in (row.detail.get(FAILED_IDS) or ())
    return Count(
        run_id=row.run_id,
        seq=row.seq,
        batch_id=row.id,
        attempts=row.attempts,
        message_id=row.message_id,
        size=row.size,
        count=count,
        at=at,
        sent_at=_sent_at(row),
        is_failed=is_failed,
    )


def _sent_at(row: Any) -> datetime:
    made: datetime = row.started_at or row.updated_at
    due = (row.message or {}).get("scheduled_date")
    return made if due is None else max(made, datetime.fromisoformat(due))
