"""Suppress users: from the commit on, no attempt names them."""

from __future__ import annotations

from dataclasses import dataclass

from pyroaring import BitMap64

from campaigns.domain.people import Reason
from campaigns.store.accounts.bindings import find_upstream
from campaigns.store.audience.suppressions import add_suppressions, remove_suppressions, suppressed_users
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.engine import Store
from campaigns.store.database.postgresql import wait_for_ever
from campaigns.store.sending.lanes import count_suppressions, lock_lanes


@dataclass(frozen=True, slots=True)
class Suppressed:
    """How many users are suppressed now, and how many were before."""

    account: str | None  # None: on all accounts
    added: int
    already: int


@dataclass(frozen=True, slots=True)
class Unsuppressed:
    """How many users may be sent to again, and how many were not suppressed."""

    account: str | None  # None: on all accounts
    removed: int
    absent: int


def suppress(store: Store, users: BitMap64, *, account_id: str | None, reason: str, actor: str) -> Suppressed:
    """Suppress users on one account, or on all (None). Batches that are planned but not sent yet will leave them out.

    Raises NotFound, UsageError.
    """
    why = Reason(reason)
    with store.write() as connection:
        wait_for_ever(connection)  # a file of millions takes its time, and must not fail for somebody who is slow
        if account_id is not None:
            find_upstream(connection, account_id)
        lock_lanes(connection, None if account_id is None else [account_id])
        act = Act(connection, store.now(connection), actor)
        added = add_suppressions(act, users, account_id=account_id, reason=why)
        if added:
            count_suppressions(connection, account_id)
        act.record(
            EventKind.SUPPRESSIONS_ADDED,
            account_id=account_id,
            reason=why,
            detail={"added": added, "already": len(users) - added},
        )
    return Suppressed(account_id, added, len(users) - added)


def preview_suppress(store: Store, users: BitMap64, *, account_id: str | None) -> Suppressed:
    """What `suppress` would do now. Changes nothing. Raises NotFound."""
    with store.read() as connection:
        if account_id is not None:
            find_upstream(connection, account_id)
        already = len(users & suppressed_users(connection, account_id))
    return Suppressed(account_id, len(users) - already, already)


def preview_unsuppress(store: Store, users: BitMap64, *, account_id: str | None) -> Unsuppressed:
    """What `unsuppress` would do now. Changes nothing. Raises NotFound."""
    there = preview_suppress(store, users, account_id=account_id)
    return Unsuppressed(account_id, there.already, there.added)


def unsuppress(store: Store, users: BitMap64, *, account_id: str | None, reason: str, actor: str) -> Unsuppressed:
    """Take users off the list of one account, or of all (None). Plans made before still leave them out.

    Raises NotFound, UsageError.
    """
    why = Reason(reason)
    with store.write() as connection:
        wait_for_ever(connection)  # a file of millions takes its time, and must not fail for somebody who is slow
        if account_id is not None:
            find_upstream(connection, account_id)
        removed = remove_suppressions(connection, users, account_id=account_id)
        Act(connection, store.now(connection), actor).record(
            EventKind.SUPPRESSIONS_REMOVED,
            account_id=account_id,
            reason=why,
            detail={"removed": removed, "absent": len(users) - removed},
        )
    return Unsuppressed(account_id, removed, len(users) - removed)
