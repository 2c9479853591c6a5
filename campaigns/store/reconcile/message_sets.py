"""Batches that are accepted as "one of these messages": each holds one ID of the set; nobody knows which is whose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, update

from campaigns.store.tables.batches import batch


@dataclass(frozen=True, slots=True)
class Member:
    """A batch of a set, and the ID that it holds, so that the set has as many IDs as batches."""

    batch_id: int
    run_id: int
    seq: int
    message_id: str


def members_of(connection: Connection, account_id: str, message_set: int) -> list[Member]:
    """The batches of a set."""
    rows = connection.execute(
        select(batch.c.id, batch.c.run_id, batch.c.seq, batch.c.set_message_id)
        .where(batch.c.account_id == account_id, batch.c.message_set == message_set)
        .order_by(batch.c.id)
    )
    return [Member(batch_id=row.id, run_id=row.run_id, seq=row.seq, message_id=row.set_message_id) for row in rows]


def sets_of_run(connection: Connection, account_id: str, run_id: int) -> dict[int, list[str]]:
    """The message IDs of each set that a batch of the run is in, by the set's number."""
    mine = select(batch.c.message_set).where(batch.c.run_id == run_id, batch.c.message_set.is_not(None))
    rows = connection.execute(
        select(batch.c.message_set, batch.c.set_message_id)
        .where(batch.c.account_id == account_id, batch.c.message_set.in_(mine))
        .order_by(batch.c.set_message_id)
    )
    sets: dict[int, list[str]] = {}
    for row in rows:
        sets.setdefault(row.message_set, []).append(row.set_message_id)
    return sets


def next_set(connection: Connection, account_id: str) -> int:
    """A number for one more set of the account; the caller holds the account's lock."""
    highest = connection.scalar(
        select(func.max(batch.c.message_set)).where(batch.c.account_id == account_id, batch.c.message_set.is_not(None))
    )
    return (highest or 0) + 1


def hold_in_set(connection: Connection, batch_id: int, message_set: int, message_id: str) -> None:
    """Let a batch hold one of a set's IDs; its message is no longer looked up."""
    changes = {"message_set": message_set, "set_message_id": message_id, "find_at": None}
    connection.execute(update(batch).where(batch.c.id == batch_id).values(**changes))


def hold_alone(connection: Connection, member: Member) -> None:
    """Give the last ID of a set to its last batch, as its own."""
    connection.execute(
        update(batch)
        .where(batch.c.id == member.batch_id)
        .values(message_id=member.message_id, message_set=None, set_message_id=None)
    )


def message_held(of: Any = batch) -> ColumnElement[str]:
    """The message ID that a row of `batch` has, or holds of its set."""
    return func.coalesce(of.c.message_id, of.c.set_message_id)
