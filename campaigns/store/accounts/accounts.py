"""Vendor accounts: adding one with its lane, renaming and removing it, its sending hours, and the team of its key."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from campaigns.domain.errors import NotAllowed
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import RUN_OPEN, BatchState, CampaignState
from campaigns.store.accounts.bindings import hours_of_account
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.holds.hours_and_expiry import ask_hours_again
from campaigns.store.holds.stops import stop_new_address
from campaigns.store.sending.lanes import hold_account_list
from campaigns.store.tables.accounts import account, lane
from campaigns.store.tables.batches import batch
from campaigns.store.tables.campaigns import campaign
from campaigns.store.tables.runs import run


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account: what it is bound to, and what people call it."""

    id: str
    upstream: str
    team: str | None
    name: str | None
    zone: str | None
    hours: str | None
    removed_at: datetime | None = None


def find_account(connection: Connection, account_id: str) -> AccountRow | None:
    """The account, also one that was removed; None when it was never added."""
    columns = [account.c[field.name] for field in fields(AccountRow)]
    row = connection.execute(select(*columns).where(account.c.id == account_id)).mappings().one_or_none()
    return None if row is None else AccountRow(**row)


def every_account_id(connection: Connection) -> list[str]:
    """The IDs of all accounts that were ever added."""
    return list(connection.scalars(select(account.c.id).order_by(account.c.id)))


def accounts_of(connection: Connection, upstream: str) -> list[str]:
    """The IDs of all accounts that belong to a vendor, but those that were removed."""
    mine = select(account.c.id).where(account.c.upstream == upstream, account.c.removed_at.is_(None))
    return list(connection.scalars(mine.order_by(account.c.id)))


def add_account(act: Act, new: AccountRow) -> None:
    """Add an account with its lane; while everything is stopped, its address is stopped too.

    Raises NotAllowed for one that was added before.
    """
    connection = act.connection
    if find_account(connection, new.id) is not None:
        raise NotAllowed(f"Account {new.id} is here already.", Remedy(Do.LIST_ACCOUNTS))
    columns = {"upstream": new.upstream, "team": new.team, "name": new.name, "zone": new.zone, "hours": new.hours}
    connection.execute(insert(account).values(id=new.id, created_at=act.now, **columns))
    make_lane(connection, new.id)
    act.record(
        EventKind.ACCOUNT_ADDED,
        account_id=new.id,
        detail={"upstream": new.upstream, "team": new.team}
        | ({"hours": new.hours, "zone": new.zone} if new.hours else {}),
    )
    stop_new_address(act, new.upstream)


def bring_back_account(act: Act, seen: AccountRow, **columns: str | None) -> None:
    """Show a removed account again: the same row, lane and fence, with what is given changed."""
    changed = {name: value for name, value in columns.items() if value is not None}
    act.connection.execute(update(account).where(account.c.id == seen.id).values(removed_at=None, **changed))
    act.record(EventKind.ACCOUNT_BROUGHT_BACK, account_id=seen.id, detail=changed or None)


def remove_account(act: Act, account_id: str, *, reason: str) -> None:
    """Hide an account and let nothing new be opened on it; no row is deleted. The caller holds its lane's lock."""
    act.connection.execute(update(account).where(account.c.id == account_id).values(removed_at=act.now))
    act.record(EventKind.ACCOUNT_REMOVED, account_id=account_id, reason=reason)


def rename_account(act: Act, account_id: str, name: str | None) -> None:
    """Change what people call an account."""
    before = act.connection.scalar(select(account.c.name).where(account.c.id == account_id))
    act.connection.execute(update(account).where(account.c.id == account_id).values(name=name))
    _record_change(act, account_id, {"name": before}, {"name": name})


def change_hours(act: Act, account_id: str, *, hours: str | None, zone: str | None) -> None:
    """Let an account send at these hours; the caller holds its lane's lock, so no send goes by the old ones."""
    before = dict(zip(("hours", "zone"), hours_of_account(act.connection, account_id), strict=True))
    after = {"hours": hours, "zone": zone}
    act.connection.execute(update(account).where(account.c.id == account_id).values(**after))
    ask_hours_again(act.connection, account_id)
    _record_change(act, account_id, before, after)


def bind_team(act: Act, account_id: str, team: str) -> None:
    """Bind an account to the team of the key that first sends for it; it never changes teams afterwards."""
    bound = act.connection.scalar(
        update(account)
        .where(account.c.id == account_id, account.c.team.is_(None))
        .values(team=team)
        .returning(account.c.id)
    )
    if bound is not None:
        act.record(EventKind.ACCOUNT_BOUND, account_id=account_id, detail={"team": team})


def make_lane(connection: Connection, account_id: str) -> None:
    """Give a new account its lane; whoever does something to all accounts comes wholly before this, or after."""
    hold_account_list(connection)
    connection.execute(insert(lane).values(account_id=account_id))


def open_runs_on(connection: Connection, account_id: str) -> list[int]:
    """The runs of an account that have not ended."""
    mine = select(run.c.id).where(run.c.account_id == account_id, run.c.state.in_(sorted(RUN_OPEN)))
    return list(connection.scalars(mine.order_by(run.c.id)))


def runs_with_unknown(connection: Connection, account_id: str) -> list[int]:
    """The runs of an account of which an outcome is unknown."""
    mine = select(batch.c.run_id).where(batch.c.account_id == account_id, batch.c.state == BatchState.UNKNOWN.value)
    return list(connection.scalars(mine.distinct().order_by(batch.c.run_id)))


def armed_campaigns(connection: Connection, account_id: str) -> list[int]:
    """The campaigns of an account that wait for an occurrence."""
    mine = select(campaign.c.id).where(
        campaign.c.account_id == account_id, campaign.c.state == CampaignState.SCHEDULED.value
    )
    return list(connection.scalars(mine.order_by(campaign.c.id)))


def _record_change(act: Act, account_id: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    act.record(EventKind.ACCOUNT_CHANGED, account_id=account_id, detail={"before": before, "after": after})
