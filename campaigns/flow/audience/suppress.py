"""Suppress users: from the commit on, no attempt names them."""

from __future__ import annotations

from typing import Any

from pyroaring import BitMap64

from campaigns.store.accounts.bindings import find_upstream
from campaigns.store.audience.suppressions import add_suppressions, remove_suppressions
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.engine import Store
from campaigns.store.database.postgresql import wait_for_ever
from campaigns.store.sending.lanes import count_suppressions, lock_lanes


def suppress(store: Store, users: BitMap64, *, account_id: str | None, reason: str, actor: str) -> dict[str, Any]:
    """Suppress users on one account, or on all (None). What is planned but has not left will leave them out."""
    with store.write() as connection:
        wait_for_ever(connection)  # a file of millions takes its time, and must not fail for somebody who is slow
        if account_id is not None:
            find_upstream(connection, account_id)
        lock_lanes(connection, None if account_id is None else [account_id])
        now = store.now(connection)
        added = add_suppressions(connection, users, account_id=account_id, reason=reason, actor=actor, now=now)
        if added:
            count_suppressions(connection, account_id)
        Act(connection, now, actor).record(
            EventKind.SUPPRESSIONS_ADDED,
            account_id=account_id,
            reason=reason,
            detail={"added": added, "already": len(users) - added},
        )
    return {"account": account_id, "added": added, "already": len(users) - added}


def unsuppress(store: Store, users: BitMap64, *, account_id: str | None, reason: str, actor: str) -> dict[str, Any]:
    """Take users off the list of one account, or of all; plans made before leave them out still."""
    with store.write() as connection:
        wait_for_ever(connection)  # a file of millions takes its time, and must not fail for somebody who is slow
        if account_id is not None:
            find_upstream(connection, account_id)
        removed = remove_suppressions(connection, users, account_id=account_id)
        Act(connection, store.now(connection), actor).record(
            EventKind.SUPPRESSIONS_REMOVED,
            account_id=account_id,
            reason=reason,
            detail={"removed": removed, "absent": len(users) - removed},
        )
    return {"account": account_id, "removed": removed, "absent": len(users) - removed}
