"""Beside the flow: the vendor accounts that campaigns are sent from."""

from __future__ import annotations

import re
from typing import Any

from campaigns.domain.errors import NotAllowed, UsageError
from campaigns.store.accounts import add_account as store_account
from campaigns.store.audit import EventKind, record_event
from campaigns.store.campaigns import find_upstream
from campaigns.store.engine import Store
from campaigns.store.holds import Held, close_hold, open_holds
from campaigns.store.lanes import lock_lanes

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
    actor: str,
) -> dict[str, Any]:
    """Make an account known and bind it to the vendor it belongs to. Raises UsageError or NotAllowed."""
    if not ACCOUNT_ID.fullmatch(account_id):
        raise UsageError(f"'{account_id}' is no account ID: the vendor's look like acct_XXXXXXXXXXXXXXX.")
    with store.write() as connection:
        now = store.now(connection)
        store_account(connection, account_id, upstream=upstream, team=team, name=name, zone=zone, actor=actor, now=now)
    return {"id": account_id, "name": name, "zone": zone, "upstream": upstream, "team": team}


def release_account(store: Store, account_id: str, *, reason: str, actor: str) -> dict[str, Any]:
    """Close every open hold on the account and on its team, after a person has mended what was wrong."""
    with store.write() as connection:
        upstream, _ = find_upstream(connection, account_id)
        lock_lanes(connection)
        now = store.now(connection)
        held = [
            *open_holds(connection, Held(account_id=account_id)),
            *open_holds(connection, Held(upstream=upstream)),
        ]
        if not held:
            raise NotAllowed(f"Account {account_id} is not held, so there is nothing to release.")
        for hold_id, _, _ in held:
            close_hold(connection, hold_id, reason=reason, actor=actor, now=now)
        record_event(connection, EventKind.ACCOUNT_RELEASED, at=now, actor=actor, account_id=account_id, reason=reason)
    return {"id": account_id, "released": [kind for _, kind, _ in held]}
