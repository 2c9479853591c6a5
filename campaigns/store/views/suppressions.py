"""Read-only questions about suppressed users."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, Select, literal, select, tuple_

from campaigns.store.accounts.bindings import require_account
from campaigns.store.audience.suppressions import ALL_ACCOUNTS
from campaigns.store.database.engine import ROWS_AT_ONCE
from campaigns.store.tables.audience import suppression


@dataclass(frozen=True, slots=True)
class SuppressionView:
    """A user who must not be sent to, by whom and why."""

    user_id: str
    account: str | None  # None: on all accounts
    reason: str
    actor: str
    created_at: datetime


def suppressions(connection: Connection, account_id: str | None = None) -> Iterator[SuppressionView]:
    """Suppressed users, by ID: on one account's own list, or on all lists. Raises NotFound before the first."""
    if account_id is not None:
        require_account(connection, account_id)
    statement = _BY_ID if account_id is None else _BY_ID.where(suppression.c.account_id == account_id)
    return map(_view, connection.execute(statement.execution_options(yield_per=ROWS_AT_ONCE)))


def suppressions_after(
    connection: Connection, lists: Collection[str | None] | None, after: tuple[str | None, int] | None, *, limit: int
) -> list[SuppressionView]:
    """The next suppressed users after one of them, by list and ID; None: from the first on.

    `lists`: the accounts whose own lists are meant, and None for the list for all accounts; None alone: every list.
    Raises NotFound when the only list is that of an account which does not exist.
    """
    if lists is None:
        statement = _BY_ID.limit(limit)
        if after is not None:
            place = tuple_(literal(after[0] or ALL_ACCOUNTS), literal(after[1]))
            statement = statement.where(tuple_(suppression.c.account_id, suppression.c.user_id) > place)
        return [_view(row) for row in connection.execute(statement)]
    if len(lists) == 1:
        for account_id in filter(None, lists):
            require_account(connection, account_id)
    first, user = (ALL_ACCOUNTS, 0) if after is None else (after[0] or ALL_ACCOUNTS, after[1])
    found: list[SuppressionView] = []
    for name in sorted(name or ALL_ACCOUNTS for name in lists):  # list by list, each by its own part of the key
        if name >= first and len(found) < limit:
            beyond = suppression.c.user_id > (user if name == first else 0)
            mine = _BY_ID.where(suppression.c.account_id == name, beyond).limit(limit - len(found))
            found += [_view(row) for row in connection.execute(mine)]
    return found


def suppressions_of(
    connection: Connection, user: int, account_id: str | None = None, *, accounts: frozenset[str] | None = None
) -> list[SuppressionView]:
    """The suppressions of one user: those that concern an account, or all of them.

    `accounts`: without the lists of any other account; None: every list.
    """
    statement = _BY_ID.where(suppression.c.user_id == user)
    if account_id is not None:
        statement = statement.where(suppression.c.account_id.in_([ALL_ACCOUNTS, account_id]))
    if accounts is not None:
        statement = statement.where(suppression.c.account_id.in_([ALL_ACCOUNTS, *sorted(accounts)]))
    return [_view(row) for row in connection.execute(statement)]


_BY_ID: Select[tuple[str, int, str, str, datetime]] = select(
    suppression.c.account_id,
    suppression.c.user_id,
    suppression.c.reason,
    suppression.c.actor,
    suppression.c.created_at,
).order_by(suppression.c.account_id, suppression.c.user_id)


def _view(row: Row[tuple[str, int, str, str, datetime]]) -> SuppressionView:
    return SuppressionView(
        user_id=str(row.user_id),
        account=None if row.account_id == ALL_ACCOUNTS else row.account_id,
        reason=row.reason,
        actor=row.actor,
        created_at=row.created_at,
    )
