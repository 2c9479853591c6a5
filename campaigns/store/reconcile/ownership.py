"""Which batch a vendor's message belongs to: taken once; given back if that was wrong; then another batch may take it.

Callers hold the account's lock, so nobody takes an ID between a check and a write.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select

from campaigns.store.tables.attempts import message, ownership

IDS_AT_ONCE = 500
"""Message IDs in one query; databases limit how many values a statement has."""


def owners_among(connection: Connection, account_id: str, message_ids: Sequence[str]) -> dict[str, int]:
    """The message IDs that are ours, each with the ID of its batch."""
    owners: dict[str, int] = {}
    for start in range(0, len(message_ids), IDS_AT_ONCE):
        part = message_ids[start : start + IDS_AT_ONCE]
        first = select(message.c.message_id, message.c.batch_id).where(
            message.c.account_id == account_id, message.c.message_id.in_(part)
        )
        later = (
            select(ownership.c.message_id, ownership.c.batch_id)
            .where(ownership.c.account_id == account_id, ownership.c.message_id.in_(part))
            .order_by(ownership.c.id)
        )
        for row in [*connection.execute(first), *connection.execute(later)]:
            owners[row.message_id] = row.batch_id
    return {message_id: batch_id for message_id, batch_id in owners.items() if batch_id is not None}


def take_again(connection: Connection, account_id: str, message_id: str, batch_id: int, *, now: datetime) -> bool:
    """Take a message ID that was ours before; False when another batch has it."""
    owner = owners_among(connection, account_id, [message_id]).get(message_id)
    if owner is None:
        _hand(connection, account_id, message_id, batch_id, now=now)
    return owner in {None, batch_id}


def give_back(connection: Connection, account_id: str, message_id: str, *, now: datetime) -> None:
    """Give a message ID back: it belongs to no batch, so that its true owner can take it."""
    _hand(connection, account_id, message_id, None, now=now)


def hand_over(connection: Connection, account_id: str, message_id: str, batch_id: int, *, now: datetime) -> None:
    """Give a message ID of ours to another batch."""
    _hand(connection, account_id, message_id, batch_id, now=now)


def _hand(connection: Connection, account_id: str, message_id: str, batch_id: int | None, *, now: datetime) -> None:
    connection.execute(
        insert(ownership).values(account_id=account_id, message_id=message_id, batch_id=batch_id, at=now)
    )
