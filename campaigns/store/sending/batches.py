"""Batches: add, count and cancel them, and move them as an operator decides. Sends move them in `attempts.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import Connection, and_, func, insert, select, update

from campaigns.domain.audience.user_sets import UserSet, unpack
from campaigns.domain.states import BATCH_TAKEN, BatchState
from campaigns.store.database.prepared import run_prepared
from campaigns.store.sending.attempts import ReadyBatch
from campaigns.store.sending.statements import ANY_BATCH
from campaigns.store.tables.batches import batch
from campaigns.store.tables.columns import user_columns
from campaigns.store.tables.runs import run

ROWS_AT_ONCE = 1000
"""Batches inserted by one statement; more would only cost memory."""


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch, its message or its set of messages, and its users."""

    id: int
    seq: int
    state: BatchState
    size: int
    attempts: int
    message_id: str | None
    message_set: int | None
    set_message_id: str | None
    first_user: int | None
    last_user: int | None
    users: bytes | None  # None: whole lists


_COLUMNS = [batch.c[field.name] for field in fields(BatchRow)]


def next_seq(connection: Connection, run_id: int) -> int:
    """Take a number for one more batch of the run."""
    made = connection.scalar(
        update(run).where(run.c.id == run_id).values(batch_count=run.c.batch_count + 1).returning(run.c.batch_count)
    )
    assert isinstance(made, int)
    return made


def anything_is_looked_for(connection: Connection, run_id: int) -> bool:
    """Whether the vendor's queue is being searched for a batch of the run."""
    searched = select(batch.c.id).where(batch.c.run_id == run_id, batch.c.look_at.is_not(None)).limit(1)
    return connection.scalar(searched) is not None


def anything_waits(connection: Connection, run_id: int) -> bool:
    """Whether a batch of the run is ready or in flight."""
    return _has_batch(connection, run_id, BatchState.READY) or _has_batch(connection, run_id, BatchState.SENDING)


def ended_batches(connection: Connection, run_id: int, *, since: datetime | None) -> tuple[int, int]:
    """How many batches of a run were rejected and how many the vendor took (some only to keep), after that time."""
    statement = (
        select(batch.c.state, func.count().label("batches"))
        .where(batch.c.run_id == run_id, batch.c.state.in_(sorted({BatchState.REJECTED, *BATCH_TAKEN})))
        .group_by(batch.c.state)
    )
    if since is not None:
        statement = statement.where(batch.c.updated_at > since)
    counted = {row.state: row.batches for row in connection.execute(statement)}
    return counted.get(BatchState.REJECTED.value, 0), sum(counted.get(state.value, 0) for state in BATCH_TAKEN)


def _has_batch(connection: Connection, run_id: int, state: BatchState) -> bool:
    return run_prepared(connection, ANY_BATCH, {"run": run_id, "in_state": state.value}).fetchone() is not None


def cancel_ready(connection: Connection, run_id: int, *, why: str, now: datetime) -> int:
    """Cancel the batches of a run that were not sent; returns how many."""
    return len(
        connection.scalars(
            update(batch)
            .where(batch.c.run_id == run_id, batch.c.state == BatchState.READY.value)
            .values(state=BatchState.CANCELLED.value, error=why, updated_at=now)
            .returning(batch.c.id)
        ).all()
    )


def batch_sets(
    connection: Connection, *, run_ids: Sequence[int], states: Iterable[str], seqs: Sequence[int] | None = None
) -> list[bytes]:
    """The packed users of the batches of these runs in these states."""
    statement = select(batch.c.users).where(
        batch.c.run_id.in_(run_ids), batch.c.state.in_(sorted(states)), batch.c.users.is_not(None)
    )
    if seqs is not None:
        statement = statement.where(batch.c.seq.in_(seqs))
    return list(connection.scalars(statement))


def batch_state(connection: Connection, batch_id: int) -> BatchState:
    """The state of one batch."""
    return BatchState(connection.execute(select(batch.c.state).where(batch.c.id == batch_id)).scalar_one())


def lives_elsewhere(connection: Connection, row: BatchRow, run_ids: Sequence[int]) -> int | None:
    """A run among these of which another batch has, or may have, or will reach a user of this batch; None: none."""
    live = sorted({BatchState.READY, BatchState.SENDING, BatchState.UNKNOWN, *BATCH_TAKEN})
    rows = connection.execute(
        select(batch.c.run_id, batch.c.users)
        .where(
            batch.c.run_id.in_(run_ids),
            batch.c.id != row.id,
            batch.c.state.in_(live),
            batch.c.first_user <= row.last_user,
            batch.c.last_user >= row.first_user,
        )
        .order_by(batch.c.run_id)
    )
    users = BitMap64() if row.users is None else unpack(row.users)
    return next((each.run_id for each in rows if users & unpack(each.users)), None)


def batches_by_seq(
    connection: Connection, run_id: int, *, seqs: Sequence[int] | None, state: BatchState | None = None
) -> list[BatchRow]:
    """Some batches of a run, or all for None, in order; `state`: only those in that state."""
    wanted = [batch.c.run_id == run_id]
    if seqs is not None:
        wanted.append(batch.c.seq.in_(seqs))
    if state is not None:
        wanted.append(batch.c.state == state.value)
    rows = connection.execute(select(*_COLUMNS).where(and_(*wanted)).order_by(batch.c.seq)).mappings()
    return [BatchRow(**{**row, "state": BatchState(row["state"])}) for row in rows]


def decide_batch(
    connection: Connection,
    batch_id: int,
    to: BatchState,
    *,
    seen: BatchState,
    message_id: str | None,
    error: str | None,
    now: datetime,
    find_at: datetime | None = None,
) -> bool:
    """Move a batch as an operator decided, and end its search; False when its state is no longer `seen`.

    `find_at`: it is accepted without a message ID, and its message is looked up from then on.
    """
    moved = connection.scalar(
        update(batch)
        .where(batch.c.id == batch_id, batch.c.state == seen.value)
        .values(
            state=to.value,
            message_id=message_id,
            error=error,
            look_at=None,
            find_at=find_at,
            message_set=None,
            set_message_id=None,
            available_at=now,
            updated_at=now,
        )
        .returning(batch.c.id)
    )
    return moved is not None


def add_batches(
    connection: Connection,
    common: dict[str, Any],
    batches: Iterable[UserSet],
    *,
    whole_list: bool,
    available_at: Iterator[datetime],
) -> int:
    """Insert the batches of a plan, all with the `common` columns and each with its time; returns how many."""
    if whole_list:
        connection.execute(insert(batch).values(seq=1, size=1, available_at=next(available_at), **common))
        return 1
    count = 0
    rows: list[dict[str, Any]] = []
    for users in batches:
        count += 1
        rows.append({"seq": count, "available_at": next(available_at), **common, **user_columns(users)})
        if len(rows) == ROWS_AT_ONCE:
            connection.execute(insert(batch), rows)
            rows = []
    if rows:
        connection.execute(insert(batch), rows)
    return count


def shrink_batch(
    connection: Connection,
    ready: ReadyBatch,
    *,
    keep: UserSet | None,
    out: UserSet,
    seq: int,
    error: str,
    now: datetime,
) -> None:
    """Move users of a ready batch to a cancelled batch of their own; `keep` None cancels the whole batch."""
    where = and_(batch.c.id == ready.id, batch.c.state == BatchState.READY.value)
    if keep is None:
        connection.execute(
            update(batch).where(where).values(state=BatchState.CANCELLED.value, error=error, updated_at=now)
        )
        return
    account_id = connection.scalar(select(run.c.account_id).where(run.c.id == ready.run_id))
    connection.execute(update(batch).where(where).values(updated_at=now, **user_columns(keep)))
    connection.execute(
        insert(batch).values(
            run_id=ready.run_id,
            account_id=account_id,
            seq=seq,
            parent_batch_id=ready.id,
            state=BatchState.CANCELLED.value,
            available_at=now,
            error=error,
            updated_at=now,
            **user_columns(out),
        )
    )
