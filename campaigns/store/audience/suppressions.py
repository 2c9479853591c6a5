"""Suppressions: users who must not be sent to, on one account or on all."""

from __future__ import annotations

from collections.abc import Iterator

from pyroaring import BitMap64
from sqlalchemy import Connection, delete, insert, select

from campaigns.domain.people import Actor
from campaigns.store.audit.events import Act
from campaigns.store.tables.audience import suppression

ALL_ACCOUNTS = ""
"""The account ID of a suppression on all accounts: a column of a key cannot be NULL."""

ROWS_AT_ONCE = 10_000


def add_suppressions(act: Act, users: BitMap64, *, account_id: str | None, reason: str) -> int:
    """Add users; those suppressed already keep their first reason. Returns how many were new.

    The caller holds the locks of the lanes concerned, so that nobody adds at the same time, and raises their
    suppression numbers.
    """
    new = users - suppressed_users(act.connection, account_id)
    common = {
        "account_id": account_id or ALL_ACCOUNTS,
        "reason": reason,
        "actor": Actor(act.actor),
        "created_at": act.now,
    }
    for rows in _pieces(new):
        act.connection.execute(insert(suppression), [{"user_id": user, **common} for user in rows])
    return len(new)


def remove_suppressions(connection: Connection, users: BitMap64, *, account_id: str | None) -> int:
    """Remove users from the list of one account, or of all; returns how many were on it."""
    removed = 0
    for rows in _pieces(users & suppressed_users(connection, account_id)):
        removed += connection.execute(
            delete(suppression).where(
                suppression.c.account_id == (account_id or ALL_ACCOUNTS), suppression.c.user_id.in_(rows)
            )
        ).rowcount
    return removed


def suppressed_users(connection: Connection, account_id: str | None) -> BitMap64:
    """Everybody on one account's own list, or on the list for all accounts (None)."""
    rows = connection.execute(
        select(suppression.c.user_id)
        .where(suppression.c.account_id == (account_id or ALL_ACCOUNTS))
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    users = BitMap64()
    for part in rows.partitions():
        users |= BitMap64([row.user_id for row in part])
    return users


def suppressed_between(connection: Connection, account_id: str, first: int, last: int) -> BitMap64:
    """Users in a range of IDs who are suppressed on the account or everywhere."""
    return BitMap64(
        connection.scalars(
            select(suppression.c.user_id).where(
                suppression.c.account_id.in_([ALL_ACCOUNTS, account_id]), suppression.c.user_id.between(first, last)
            )
        ).all()
    )


def anybody_suppressed(connection: Connection, account_id: str) -> bool:
    """Whether any suppression concerns the account."""
    return (
        connection.scalar(
            select(suppression.c.user_id).where(suppression.c.account_id.in_([ALL_ACCOUNTS, account_id])).limit(1)
        )
        is not None
    )


def _pieces(users: BitMap64) -> Iterator[list[int]]:
    whole = list(users)
    for start in range(0, len(whole), ROWS_AT_ONCE):
        yield whole[start : start + ROWS_AT_ONCE]
