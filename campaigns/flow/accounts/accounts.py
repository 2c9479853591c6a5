"""Add and change the vendor accounts that campaigns are sent from."""

from __future__ import annotations

import re
from typing import Any

from campaigns.domain.clocks import zone_of
from campaigns.domain.errors import NotAllowed, UsageError
from campaigns.domain.schedules.sending_hours import Hours
from campaigns.store.accounts.accounts import add_account as store_account
from campaigns.store.accounts.accounts import change_hours
from campaigns.store.accounts.bindings import find_upstream, hours_of_account
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.engine import Store
from campaigns.store.holds.holds import Held, holds_on, lift_hold
from campaigns.store.sending.lanes import lock_lanes

ACCOUNT_ID = re.compile(r"acct_[A-Za-z0-9_-]{1,75}")
"""The vendor's own account IDs; never the numeric OnlyFans user ID (vendor's agent skill, read 2026-11)."""


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
) -> dict[str, Any]:
    """Make an account known and bind it to the vendor it belongs to. Raises UsageError or NotAllowed."""
    if not ACCOUNT_ID.fullmatch(account_id):
        raise UsageError(f"'{account_id}' is no account ID: the vendor's look like acct_XXXXXXXXXXXXXXX.")
    hours = _checked(account_id, hours, zone)
    columns: dict[str, Any] = {"upstream": upstream, "team": team, "name": name, "zone": zone, "hours": hours}
    with store.write() as connection:
        store_account(connection, account_id, **columns, actor=actor, now=store.now(connection))
    return {"id": account_id, **columns}


def set_account(
    store: Store,
    account_id: str,
    *,
    hours: str | None = None,
    zone: str | None = None,
    clear_hours: bool = False,
    actor: str,
) -> dict[str, Any]:
    """Change when an account may send; what is not given stays. Open runs go by it from the next send on.

    Raises UsageError or NotFound.
    """
    says_nothing = not clear_hours and hours is None and zone is None
    if says_nothing or (clear_hours and hours is not None):
        raise UsageError(
            f"Say what of account {account_id} changes: --hours 09:00-22:00, --zone Europe/Berlin, or --clear hours."
        )
    with store.write() as connection:
        find_upstream(connection, account_id)
        lock_lanes(connection, [account_id])
        old_hours, old_zone = hours_of_account(connection, account_id)
        zone = zone or old_zone
        hours = None if clear_hours else _checked(account_id, hours or old_hours, zone)
        change_hours(connection, account_id, hours=hours, zone=zone, actor=actor, now=store.now(connection))
    return {"id": account_id, "hours": hours, "zone": zone}


def _checked(account_id: str, hours: str | None, zone: str | None) -> str | None:
    """The hours in the form they are kept in. Raises UsageError."""
    if hours is not None and zone is None:
        raise UsageError(
            f"Account {account_id} has no zone, so nobody can tell when it is {hours.partition('-')[0]} there; "
            "pass --zone too, such as Europe/Berlin."
        )
    try:
        if zone is not None:
            zone_of(zone)
        return None if hours is None else str(Hours.parse(hours))
    except ValueError as fault:
        raise UsageError(f"Account {account_id} cannot be kept so: {fault}.") from None


def release_account(store: Store, account_id: str, *, reason: str, actor: str) -> dict[str, Any]:
    """Close every open hold on the account and on its team, after a person has mended what was wrong."""
    with store.write() as connection:
        upstream, _ = find_upstream(connection, account_id)
        lock_lanes(connection)
        now = store.now(connection)
        held = [
            *holds_on(connection, Held(account_id=account_id)),
            *holds_on(connection, Held(upstream=upstream)),
        ]
        if not held:
            raise NotAllowed(f"Account {account_id} is not held, so there is nothing to release.")
        for hold in held:
            lift_hold(Act(connection, now, actor), hold.id, reason=reason)
        Act(connection, now, actor).record(EventKind.ACCOUNT_RELEASED, account_id=account_id, reason=reason)
    return {"id": account_id, "released": [hold.kind for hold in held]}
