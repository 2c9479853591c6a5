"""Sets of batches that own a set of message IDs together: which is whose is not known until somebody says so."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from campaigns.domain.errors import NotAllowed
from campaigns.store.reconcile.message_sets import Member, hold_alone, hold_in_set, members_of
from campaigns.store.reconcile.ownership import give_back, hand_over


def leave_set(
    connection: Connection,
    account_id: str,
    row: Any,
    message_id: str | None,
    *,
    together: Collection[int],
    now: datetime,
) -> None:
    """Take a batch out of its set before it is decided; does nothing for a batch that is in none.

    With one of the set's IDs the batch takes that one, and the others keep the rest. Else the whole set must be decided
    `together`, since nobody knows which of the IDs would go: all of its IDs are then given back. Raises NotAllowed.
    """
    if row.message_set is None:
        return
    members = members_of(connection, account_id, row.message_set)
    others = [one for one in members if one.batch_id != row.id]
    holder = next((one for one in members if one.message_id == message_id), None)
    if holder is not None:
        _swap(connection, account_id, row, holder, now=now)
        left = [one for one in members_of(connection, account_id, row.message_set) if one.batch_id != row.id]
        if len(left) == 1:
            hold_alone(connection, left[0])
        return
    if any(one.batch_id not in together for one in others):
        ids = ", ".join(sorted(one.message_id for one in members))
        named = ", ".join(f"{one.seq} of run {one.run_id}" for one in others)
        raise NotAllowed(
            f"Batch {row.seq} shares messages {ids} with batch {named}; say which of them is its own with "
            "`--as accepted --message-id ID`, or decide all of these batches together."
        )
    give_back(connection, account_id, row.set_message_id, now=now)


def _swap(connection: Connection, account_id: str, row: Any, holder: Member, *, now: datetime) -> None:
    """Give the batch the ID that another one of its set holds, and that one the batch's."""
    if holder.batch_id == row.id:
        return
    hand_over(connection, account_id, holder.message_id, row.id, now=now)
    hand_over(connection, account_id, row.set_message_id, holder.batch_id, now=now)
    hold_in_set(connection, holder.batch_id, row.message_set, row.set_message_id)
