"""What an account is bound to: its upstream, its team, its hours and its zone."""

from __future__ import annotations

from sqlalchemy import Connection, select

from campaigns.domain.errors import NotFound, UsageError
from campaigns.store.tables.accounts import account


def find_upstream(connection: Connection, account_id: str) -> tuple[str, str | None]:
    """The upstream and the team that an account is bound to, or NotFound."""
    _refuse_empty(account_id)
    row = connection.execute(select(account.c.upstream, account.c.team).where(account.c.id == account_id)).one_or_none()
    if row is None:
        raise NotFound(
            f"Account {account_id} is not known here; add it with `campaigns accounts add {account_id}`, "
            "or see `campaigns accounts list`."
        )
    return row.upstream, row.team


def require_account(connection: Connection, account_id: str) -> None:
    """Raise NotFound unless the account is here."""
    _refuse_empty(account_id)
    if connection.scalar(select(account.c.id).where(account.c.id == account_id)) is None:
        raise NotFound(f"Account {account_id} is not known here; see `campaigns accounts list`.")


def hours_of_account(connection: Connection, account_id: str) -> tuple[str | None, str | None]:
    """The sending hours of an account and its zone."""
    row = connection.execute(select(account.c.hours, account.c.zone).where(account.c.id == account_id)).one()
    return row.hours, row.zone


def zone_of_account(connection: Connection, account_id: str) -> str | None:
    """The zone that an account was added with."""
    return connection.scalar(select(account.c.zone).where(account.c.id == account_id))


def _refuse_empty(account_id: str) -> None:
    if not account_id.strip():
        raise UsageError("The ID of the account is empty; `campaigns accounts list` shows those that are known.")
