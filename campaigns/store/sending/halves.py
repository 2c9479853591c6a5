"""Halves of a refused batch: add them, count the refusals of their family, and reject the rest of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pyroaring import BitMap64
from sqlalchemy import Connection, func, insert, or_, select, update

from campaigns.domain.audience.user_sets import UserSet, unpack
from campaigns.domain.states import BatchState
from campaigns.domain.upstream.outcome import OutcomeKind
from campaigns.store.sending.batches import next_seq
from campaigns.store.tables.attempts import OUTCOME_OF_ATTEMPT, attempt, attempt_outcome
from campaigns.store.tables.batches import batch
from campaigns.store.tables.columns import user_columns

HALVES_FIRST = -1
"""The rank of halves: they go before whole batches, so that a family soon shows whether one bad user is the cause."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A batch in flight that the vendor refused, with what halving needs."""

    id: int
    run_id: int
    account_id: str
    users: BitMap64
    root_id: int
    root_size: int
    rank: int  # batches with the lowest rank of a run go first


@dataclass(frozen=True, slots=True)
class RejectedHalf:
    """A half that will not be sent."""

    seq: int
    size: int


def find_refused(connection: Connection, batch_id: int) -> Refused | None:
    """The batch, with the size of the batch that its halving began with; None for whole lists."""
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
    return Refused(
        id=row.id,
        run_id=row.run_id,
        account_id=row.account_id,
        users=unpack(row.users),
        root_id=row.root_id,
        root_size=row.root_size,
        rank=row.rank,
    )


def refusals_in_a_row(connection: Connection, root_id: int, *, most: int) -> int:
    """How many requests of one family were refused since the last accepted one; at most `most` are counted."""
    kinds = connection.scalars(
        select(attempt_outcome.c.kind)
        .join(batch, batch.c.id == attempt_outcome.c.batch_id)
        .join(attempt, OUTCOME_OF_ATTEMPT)
        .where(
            or_(batch.c.id == root_id, batch.c.root_batch_id == root_id),
            attempt_outcome.c.kind.in_([OutcomeKind.ACCEPTED.value, OutcomeKind.REJECTED.value]),
        )
        .order_by(attempt.c.fence.desc())
        .limit(most)
    ).all()
    newest_first = list(kinds)
    accepted = OutcomeKind.ACCEPTED.value
    return newest_first.index(accepted) if accepted in newest_first else len(newest_first)


def add_halves(
    connection: Connection, refused: Refused, halves: Sequence[UserSet], *, smallest_first: bool, now: datetime
) -> list[int]:
    """Add the halves as ready batches of the same run; returns their numbers.

    `smallest_first`: before all other halves, so that the size that the vendor takes is found soon.
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


def reject_family(connection: Connection, root_id: int, *, error: str, now: datetime) -> list[RejectedHalf]:
    """Reject the batches of one family that were not sent."""
    rows = connection.execute(
        update(batch)
        .where(batch.c.root_batch_id == root_id, batch.c.state == BatchState.READY.value)
        .values(state=BatchState.REJECTED.value, error=error, updated_at=now)
        .returning(batch.c.seq, batch.c.size)
    )
    return [RejectedHalf(seq=row.seq, size=row.size) for row in rows]


def with_halves(connection: Connection, run_id: int, seqs: Sequence[int]) -> list[int]:
    """The numbers of these batches of a run, of their halves, and of the halves of those."""
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
