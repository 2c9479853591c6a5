"""Add, change and remove the vendor accounts that campaigns are sent from, and release those that are held."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from campaigns.domain.clocks import zone_of
from campaigns.domain.errors import NotAllowed, UsageError
from campaigns.domain.people import Reason
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.schedules.sending_hours import Hours
from campaigns.domain.states import HoldKind
from campaigns.store.accounts.accounts import AccountRow, bring_back_account, change_hours, find_account, rename_account
from campaigns.store.accounts.accounts import add_account as store_account
from campaigns.store.accounts.bindings import find_upstream, hours_of_account, upstream_to_send
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.engine import Store
from campaigns.store.holds.holds import Held, OpenHold, holds_on, lift_hold
from campaigns.store.sending.lanes import lock_lanes

ACCOUNT_ID = re.compile(r"acct_[A-Za-z0-9_-]{1,75}")
"""The vendor's own account IDs; never the numeric OnlyFans user ID (vendor's agent skill, read 2026-11)."""


@dataclass(frozen=True, slots=True)
class Added:
    """An account that campaigns can be sent from."""

    id: str
    upstream: str
    team: str | None
    name: str | None
    zone: str | None
    hours: str | None
    brought_back: bool  # it was removed before: the same row, lane and fence are there again


@dataclass(frozen=True, slots=True)
class AccountHours:
    """When an account may send; no hours: at any time."""

    id: str
    hours: str | None
    zone: str | None


@dataclass(frozen=True, slots=True)
class Renamed:
    """What people call an account."""

    id: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Released:
    """The kinds of the holds that were closed."""

    id: str
    released: Sequence[HoldKind]


def refuse_bad_id(account_id: str) -> None:
    """Raise UsageError for what no account of the vendor is called."""
    if not ACCOUNT_ID.fullmatch(account_id):
        raise UsageError(
            f"'{account_id}' is not a valid account ID; the vendor's begin with acct_, such as acct_abc123."
        )


def add_account(
    store: Store,
    account_id: str,
    *,
    upstream: str,
    team: str | None,
    name: str | None = None,
    zone: str | None = None,
    hours: str | None = None,
    actor: str,
) -> Added:
    """Add an account, bound to the vendor that it belongs to, or bring back one that was removed.

    Of an account that comes back, what is not given stays. Raises UsageError or NotAllowed.
    """
    refuse_bad_id(account_id)
    with store.write() as connection:
        act = Act(connection, store.now(connection), actor)
        seen = find_account(connection, account_id)
        if seen is None or seen.removed_at is None:
            checked = _checked_hours(account_id, hours, zone)
            store_account(act, AccountRow(account_id, upstream, team, name, zone, checked))
        else:
            _bring_back(act, seen, upstream=upstream, name=name, zone=zone, hours=hours)
        added = find_account(connection, account_id)
    assert added is not None
    return Added(
        id=added.id,
        upstream=added.upstream,
        team=added.team,
        name=added.name,
        zone=added.zone,
        hours=added.hours,
        brought_back=seen is not None,
    )


def _bring_back(
    act: Act, seen: AccountRow, *, upstream: str, name: str | None, zone: str | None, hours: str | None
) -> None:
    if seen.upstream != upstream:
        raise NotAllowed(
            f"Account {seen.id} was removed, and it belongs to {seen.upstream}; the settings name {upstream}. "
            "Set the key and the address of the vendor that it was added with."
        )
    checked = _checked_hours(seen.id, hours or seen.hours, zone or seen.zone)
    bring_back_account(act, seen, name=name, zone=zone, hours=checked)


def set_account(
    store: Store,
    account_id: str,
    *,
    hours: str | None = None,
    zone: str | None = None,
    clear_hours: bool = False,
    actor: str,
) -> AccountHours:
    """Change when an account may send; what is not given stays. Its open runs follow it from their next send on.

    Raises UsageError or NotFound.
    """
    says_nothing = not clear_hours and hours is None and zone is None
    if says_nothing or (clear_hours and hours is not None):
        raise UsageError(
            f"Nothing of account {account_id} would change, or hours are both given and cleared; give its sending "
            "hours, its time zone, or clear its hours.",
            Remedy(Do.SET_ACCOUNT, account=account_id),
        )
    with store.write() as connection:
        find_upstream(connection, account_id)
        lock_lanes(connection, [account_id])
        old_hours, old_zone = hours_of_account(connection, account_id)
        zone = zone or old_zone
        hours = None if clear_hours else _checked_hours(account_id, hours or old_hours, zone)
        change_hours(Act(connection, store.now(connection), actor), account_id, hours=hours, zone=zone)
    return AccountHours(account_id, hours, zone)


def set_name(store: Store, account_id: str, name: str, *, actor: str) -> Renamed:
    """Change what people call an account, and nothing else; an empty name removes the name.

    Raises NotFound, NotAllowed.
    """
    with store.write() as connection:
        upstream_to_send(connection, account_id)
        rename_account(Act(connection, store.now(connection), actor), account_id, name.strip() or None)
    return Renamed(account_id, name.strip() or None)


def _checked_hours(account_id: str, hours: str | None, zone: str | None) -> str | None:
    """The hours in the form in which they are stored. Raises UsageError."""
    if hours is not None and zone is None:
        raise UsageError(
            f"Account {account_id} has no time zone, so nobody can tell when it is {hours.partition('-')[0]} there; "
            "give its zone too, such as Europe/Berlin."
        )
    try:
        if zone is not None:
            zone_of(zone)
        return None if hours is None else str(Hours.parse(hours))
    except ValueError as fault:
        raise UsageError(f"Account {account_id} cannot have these hours: {fault}.") from None


def release_account(
    store: Store, account_id: str, *, reason: str, actor: str, shown: Collection[int] | None = None
) -> Released:
    """Close every open hold on the account and on its team, after a person has removed the cause.

    A stop stays: only `go` lifts it. `shown`: the IDs of the team's holds that a person was shown and agreed to lift,
    where somebody was asked; while the team has another hold, nothing is closed. Raises NotAllowed, NotFound.
    """
    why = Reason(reason)
    with store.write() as connection:
        upstream, _ = find_upstream(connection, account_id)
        lock_lanes(connection)
        act = Act(connection, store.now(connection), actor)
        on_team = holds_on(connection, Held(upstream=upstream))
        on_account = holds_on(connection, Held(account_id=account_id))
        holds = [hold for hold in [*on_account, *on_team] if hold.kind is not HoldKind.STOP]
        if not holds:
            raise nothing_to_release(account_id, on_account, on_team)
        if shown is not None:
            _refuse_not_shown(account_id, [hold for hold in holds if hold in on_team and hold.id not in shown])
        for hold in holds:
            lift_hold(act, hold.id, reason=why)
        act.record(EventKind.ACCOUNT_RELEASED, account_id=account_id, reason=why)
    return Released(account_id, [hold.kind for hold in holds])


def _refuse_not_shown(account_id: str, holds: Sequence[OpenHold]) -> None:
    """Raise NotAllowed for holds on the team that were placed while a person was asked."""
    if holds:
        placed = "; ".join(f"{hold.kind}: {hold.reason.rstrip('.')}" for hold in holds)
        raise NotAllowed(
            f"The team of account {account_id} was put on hold meanwhile ({placed}). Nothing was released.",
            Remedy(Do.RELEASE_ACCOUNT, account=account_id),
        )


def nothing_to_release(account_id: str, on_account: Sequence[object], on_team: Sequence[object]) -> NotAllowed:
    """The refusal: all that is left of its holds are stops."""
    if on_team:
        return NotAllowed(f"Account {account_id} is only stopped, as everything is.", Remedy(Do.GO))
    if on_account:
        return NotAllowed(f"Account {account_id} is only stopped.", Remedy(Do.GO_ACCOUNT, account=account_id))
    return NotAllowed(f"Account {account_id} is not on hold, so there is nothing to release.")
