"""Vendor accounts: adding one with its lane, its sending hours, and the team that its key belongs to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from campaigns.domain.errors import NotAllowed
from campaigns.store.accounts.bindings import hours_of_account
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.holds.hours_and_expiry import ask_hours_again
from campaigns.store.sending.lanes import hold_account_list
from campaigns.store.tables.accounts import account, lane


def add_account(
    connection: Connection,
    account_id: str,
    *,
    upstream: str,
    team: str | None,
    name: str | None,
    zone: str | None,
    hours: str | None,
    actor: str,
    now: datetime,
) -> None:
    """Add an account with its lane. Raises NotAllowed when it is here already."""
    if connection.scalar(select(account.c.id).where(account.c.id == account_id)) is not None:
        raise NotAllowed(f"Account {account_id} is here already; see `campaigns accounts list`.")
    columns = {"upstream": upstream, "team": team, "name": name, "zone": zone, "hours": hours}
    connection.execute(insert(account).values(id=account_id, created_at=now, **columns))
    make_lane(connection, account_id)
    Act(connection, now, actor).record(
        EventKind.ACCOUNT_ADDED,
        account_id=account_id,
        detail={"upstream": upstream, "team": team} | ({"hours": hours, "zone": zone} if hours else {}),
    )


def change_hours(
    connection: Connection, account_id: str, *, hours: str | None, zone: str | None, actor: str, now: datetime
) -> None:
    """Let an account send at these hours; the caller holds its lane's lock, so no send goes by the old ones."""
    before = dict(zip(("hours", "zone"), hours_of_account(connection, account_id), strict=True))
    after = {"hours": hours, "zone": zone}
    connection.execute(update(account).where(account.c.id == account_id).values(**after))
    ask_hours_again(connection, account_id)
    Act(connection, now, actor).record(
        EventKind.ACCOUNT_CHANGED, account_id=account_id, detail={"before": before, "after": after}
    )


def bind_team(connection: Connection, account_id: str, team: str, *, actor: str, now: datetime) -> None:
    """Bind an account to the team of the key that first sends for it; it never changes teams afterwards."""
    bound = connection.scalar(
        update(account)
        .where(account.c.id == account_id, account.c.team.is_(None))
        .values(team=team)
        .returning(account.c.id)
    )
    if bound is not None:
        Act(connection, now, actor).record(EventKind.ACCOUNT_BOUND, account_id=account_id, detail={"team": team})


def make_lane(connection: Connection, account_id: str) -> None:
    """Give a new account its lane; whoever does something to all accounts comes wholly before this, or after."""
    hold_account_list(connection)
    connection.execute(insert(lane).values(account_id=account_id))
