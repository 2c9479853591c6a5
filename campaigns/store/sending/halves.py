"""Halving a refused batch: its family of halves, what the vendor said to them, and its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import Connection, and_, func, insert, or_, select, update

from campaigns.domain.audience.user_sets import UserSet, unpack
from campaigns.domain.states import BatchState
from campaigns.domain.upstream.outcome import OutcomeKind
from campaigns.store.sending.batches import next_seq
from campaigns.store.tables.attempts import attempt, attempt_outcome
from campaigns.store.tables.batches import batch
from campaigns.store.tables.columns import user_columns

HALVES_FIRST = -1
"""Halves before whole batches: one family soon tells whether it is one bad user."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A batch in flight that the vendor refused, as its halving needs it."""

    id: int
    run_id: int
    account_id: str
    users: BitMap64
    root_id: int
    root_size: int
    rank: int  # which batches of a run go first: those of the lowest


def find_refused(connection: Connection, batch_id: int) -> Refused | None:
    """The batch with the size of the one that its halving began with; None for whole lists."""
    root = batch.alias("root")
    row = connection.execute(
        select(
            batch.c.id,
            batch.c.run_id,
            batch.c.account_id,
            batch.c.users,
            root.c.id.label("root_id"),
            root.c.size.label("root_size"),
            batch.c.rank,
        )
        .join(root, root.c.id == func.coalesce(batch.c.root_batch_id, batch.c.id))
        .where(batch.c.id == batch_id)
    ).one()
    if row.users is None:
        return None
    return Refused(row.id, row.run_id, row.account_id, unpack(row.users), row.root_id, row.root_size, row.rank)


def refusals_in_a_row(connection: Connection, root_id: int, *, most: int) -> int:
    """How many requests of one family were refused since the last that was accepted, counted up to `most`."""
    kinds = connection.scalars(
        select(attempt_outcome.c.kind)
        .join(batch, batch.c.id == attempt_outcome.c.batch_id)
        .join(
            attempt,
            and_(attempt.c.batch_id == attempt_outcome.c.batch_id, attempt.c.number == attempt_outcome.c.number),
        )
        .where(
            or_(batch.c.id == root_id, batch.c.root_batch_id == root_id),
            attempt_outcome.c.kind.in_([OutcomeKind.ACCEPTED.value, OutcomeKind.REJECTED.value]),
        )
        .order_by(attempt.c.fence.desc())
        .limit(most)
    ).all()
    row = list(kinds)
    return row.index(OutcomeKind.ACCEPTED.value) if OutcomeKind.ACCEPTED.value in row else len(row)


def add_halves(
    connection: Connection, refused: Refused, halves: Sequence[UserSet], *, smallest_first: bool, now: datetime
) -> list[int]:
    """Add the halves as ready batches of the same run; returns their numbers.

    `smallest_first`: before all other halves, so that the size which the vendor takes is found at once.
    """
    seqs = []
    for half in halves:
        seqs.append(next_seq(connection, refused.run_id))
        connection.execute(
            insert(batch).values(
                run_id=refused.run_id,
                account_id=refused.account_id,
                seq=seqs[-1],
                parent_batch_id=refused.id,
                root_batch_id=refused.root_id,
                state=BatchState.READY.value,
                rank=refused.rank - 1 if smallest_first else HALVES_FIRST,
                available_at=now,
                updated_at=now,
                **user_columns(half),
            )
        )
    return seqs


def reject_family(connection: Connection, root_id: int, *, error: str, now: datetime) -> list[Any]:
    """Reject what has not left of one family; answers rows (seq, size)."""
    return list(
        connection.execute(
            update(batch)
            .where(batch.c.root_batch_id == root_id, batch.c.state == BatchState.READY.value)
            .values(state=BatchState.REJECTED.value, error=error, updated_at=now)
            .returning(batch.c.seq, batch.c.size)
        )
    )


def with_halves(connection: Connection, run_id: int, seqs: Sequence[int]) -> list[int]:
    """These batches of a run and everything they were halved into, and theirs."""
    family = (
        select(batch.c.id, batch.c.seq)
        .where(batch.c.run_id == run_id, batch.c.seq.in_(seqs))
        .cte("family", recursive=True)
    )
    halves = select(batch.c.id, batch.c.seq).where(
        batch.c.parent_batch_id == family.c.id, batch.c.root_batch_id.is_not(None)
    )
    family = family.union_all(halves)
    return sorted(set(connection.scalars(select(family.c.seq))))
