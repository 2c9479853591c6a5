"""The batches of a run, a page at a time: what a list shows, and never their users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from campaigns.domain.states import BatchState
from campaigns.store.tables.batches import batch
from campaigns.store.tables.runs import run


@dataclass(frozen=True, slots=True)
class BatchFilter:
    """Which batches of a run a page shows; a field that is None leaves none out."""

    run_id: int
    state: BatchState | None = None
    first: int | None = None
    last: int | None = None
    after: int | None = None  # with a larger number, for the next page
    limit: int = 100


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One batch of the list."""

    seq: int
    state: BatchState
    size: int
    attempts: int
    message_id: str | None
    available_at: datetime
    error: str | None


@dataclass(frozen=True, slots=True)
class NamedBatch:
    """A batch that somebody named."""

    state: BatchState
    size: int


def batch_lines(connection: Connection, which: BatchFilter) -> Sequence[BatchLine]:
    """At most `limit` batches, in the order of their numbers."""
    statement = (
        select(*(batch.c[name] for name in ("seq", "state", "size", "attempts", "message_id", "available_at", "error")))
        .where(batch.c.run_id == which.run_id)
        .order_by(batch.c.seq)
        .limit(which.limit)
    )
    if which.state is not None:
        statement = statement.where(batch.c.state == which.state.value)
    if which.first is not None:
        statement = statement.where(batch.c.seq >= which.first)
    if which.last is not None:
        statement = statement.where(batch.c.seq <= which.last)
    if which.after is not None:
        statement = statement.where(batch.c.seq > which.after)
    return [
        BatchLine(
            seq=row.seq,
            state=BatchState(row.state),
            size=row.size,
            attempts=row.attempts,
            message_id=row.message_id,
            available_at=row.available_at,
            error=row.error,
        )
        for row in connection.execute(statement)
    ]


def named_batches(connection: Connection, run_id: int, seqs: Sequence[int] | None) -> dict[int, NamedBatch]:
    """The unknown batches of a run (None), or those of these numbers that there are, by their numbers."""
    statement = select(batch.c.seq, batch.c.state, batch.c.size).where(batch.c.run_id == run_id)
    if seqs is None:
        # The index on what is unknown begins with the account.
        of_account = select(run.c.account_id).where(run.c.id == run_id).scalar_subquery()
        statement = statement.where(batch.c.state == BatchState.UNKNOWN.value, batch.c.account_id == of_account)
    else:
        statement = statement.where(batch.c.seq >= min(seqs, default=0), batch.c.seq <= max(seqs, default=0))
    wanted = None if seqs is None else set(seqs)
    return {
        row.seq: NamedBatch(BatchState(row.state), row.size)
        for row in connection.execute(statement)
        if wanted is None or row.seq in wanted
    }
