"""Read-only questions about suppressed users, with the keys of the documented JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select

from campaigns.store.audience.suppressions import ALL_ACCOUNTS
from campaigns.store.database.engine import ROWS_AT_ONCE
from campaigns.store.tables.audience import suppression
from campaigns.store.views.text import as_text


def suppressions(connection: Connection, account_id: str | None = None) -> Iterator[dict[str, Any]]:
    """Suppressed users, by ID: on one account's list, or on all lists."""
    statement = select(suppression).order_by(suppression.c.account_id, suppression.c.user_id)
    if account_id is not None:
        statement = statement.where(suppression.c.account_id == account_id)
    for row in connection.execute(statement.execution_options(yield_per=ROWS_AT_ONCE)):
        yield {
            "user_id": str(row.user_id),
            "account": None if row.account_id == ALL_ACCOUNTS else row.account_id,
            "reason": row.reason,
            "actor": row.actor,
            "created_at": as_text(row.created_at),
        }
