"""What an account is bound to: its upstream, its team, its hours and its zone."""

from __future__ import annotations

from difflib import get_close_matches

from sqlalchemy import Connection, select

from campaigns.domain.errors import NotAllowed, NotFound, UsageError
from campaigns.domain.remedies import Do, Remedy
from campaigns.store.tables.accounts import account

PREFIX = "acct_"
"""The vendor's account IDs begin so."""

NEAR = 0.8
"""How alike two IDs are, from 0 to 1, for one to be a misspelling of the other."""


def find_upstream(connection: Connection, account_id: str) -> tuple[str, str | None]:
    """The upstream and the team of an account, also of one that was removed. Raises NotFound, UsageError."""
    row = connection.execute(select(account.c.upstream, account.c.team).where(account.c.id == account_id)).one_or_none()
    if row is None:
        raise _unknown(connection, account_id)
    return row.upstream, row.team


def require_account(connection: Connection, account_id: str) -> None:
    """Raise NotFound unless the account was ever added; UsageError for an empty ID."""
    find_upstream(connection, account_id)


def refuse_removed(connection: Connection, account_id: str) -> None:
    """Raise NotAllowed for an account that was removed: nothing new is opened on it."""
    removed_at = connection.scalar(select(account.c.removed_at).where(account.c.id == account_id))
    if removed_at is not None:
        raise NotAllowed(
            f"Account {account_id} was removed, so nothing new is sent from it.",
            Remedy(Do.ADD_ACCOUNT, account=account_id),
        )


def upstream_to_send(connection: Connection, account_id: str) -> tuple[str, str | None]:
    """The upstream and the team of an account that may be sent from. Raises NotFound, NotAllowed, UsageError."""
    bound_to = find_upstream(connection, account_id)
    refuse_removed(connection, account_id)
    return bound_to


def hours_of_account(connection: Connection, account_id: str) -> tuple[str | None, str | None]:
    """The sending hours of an account and its zone."""
    row = connection.execute(select(account.c.hours, account.c.zone).where(account.c.id == account_id)).one()
    return row.hours, row.zone


def zone_of_account(connection: Connection, account_id: str) -> str | None:
    """The zone that an account was added with."""
    return connection.scalar(select(account.c.zone).where(account.c.id == account_id))


def hidden_account(account_id: str) -> NotFound:
    """The refusal for an account that the reader may not see: it names no other account, as `_unknown` may."""
    return NotFound(f"Account {account_id} is not known here.", Remedy(Do.LIST_ACCOUNTS))


def _unknown(connection: Connection, account_id: str) -> NotFound | UsageError:
    """The refusal. It names the nearest accounts, and suggests to add this one only where none is near."""
    if not account_id.strip():
        return UsageError("The ID of the account is empty.", Remedy(Do.LIST_ACCOUNTS))
    known = connection.scalars(select(account.c.id).where(account.c.removed_at.is_(None)).order_by(account.c.id)).all()
    typed = account_id if account_id.startswith(PREFIX) else f"{PREFIX}{account_id}"
    near = get_close_matches(typed, known, n=3, cutoff=NEAR)
    if near:
        return NotFound(
            f"Account {account_id} is not known here. Did you mean {' or '.join(near)}?", Remedy(Do.LIST_ACCOUNTS)
        )
    is_new = account_id.startswith(PREFIX)
    adding = [Remedy(Do.ADD_ACCOUNT, account=account_id)] if is_new else []
    return NotFound(f"Account {account_id} is not known here.", *adding, Remedy(Do.LIST_ACCOUNTS))
