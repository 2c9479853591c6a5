"""Batches that own a set of message IDs together: nobody knows which is whose until an operator decides."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection

from campaigns.domain.errors import NotAllowed
from campaigns.domain.ids import run_name
from campaigns.domain.remedies import Do, Remedy
from campaigns.store.reconcile.message_sets import Member, hold_alone, hold_in_set, members_of
from campaigns.store.reconcile.ownership import give_back, hand_over
from campaigns.store.runs.runs import RunRow
from campaigns.store.sending.batches import BatchRow


def leave_set(
    connection: Connection,
    run: RunRow,
    row: BatchRow,
    message_id: str | None,
    *,
    together: Collection[int],
    now: datetime,
) -> None:
    """Take a batch out of its set before it is decided; does nothing for a batch that is in none.

    With one of the set's IDs the batch takes that ID, and the others keep the rest. Otherwise the whole set must be
    decided `together` (IDs of batches), because nobody knows which of the IDs would go: all are then given back. Raises
    NotAllowed.
    """
    account_id = run.account_id
    if row.message_set is None:
        return
    members = members_of(connection, account_id, row.message_set)
    others = [member for member in members if member.batch_id != row.id]
    holder = next((member for member in members if member.message_id == message_id), None)
    if holder is not None:
        _swap(connection, account_id, row, holder, now=now)
        left = [member for member in members_of(connection, account_id, row.message_set) if member.batch_id != row.id]
        if len(left) == 1:
            hold_alone(connection, left[0])
        return
    if any(member.batch_id not in together for member in others):
        ids = ", ".join(sorted(member.message_id for member in members))
        named = ", ".join(f"{member.seq} of run {run_name(member.run_id)}" for member in others)
        raise NotAllowed(
            f"Batch {row.seq} shares messages {ids} with batch {named}, and nobody knows which is whose. Decide all of "
            "these batches together, or accept this one with its own message.",
            Remedy(Do.DECIDE_ACCEPTED, run=run.id, value="ID"),
        )
    give_back(connection, account_id, _held_id(row), now=now)


def _swap(connection: Connection, account_id: str, row: BatchRow, holder: Member, *, now: datetime) -> None:
    """Exchange the ID that the batch holds for the one that another batch of its set holds."""
    if holder.batch_id == row.id:
        return
    hand_over(connection, account_id, holder.message_id, row.id, now=now)
    hand_over(connection, account_id, _held_id(row), holder.batch_id, now=now)
    assert row.message_set is not None
    hold_in_set(connection, holder.batch_id, row.message_set, _held_id(row))


def _held_id(row: BatchRow) -> str:
    assert row.set_message_id is not None  # the table has both or neither
    return row.set_message_id
