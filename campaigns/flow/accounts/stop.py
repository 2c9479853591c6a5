"""Stop sending, on one account or everywhere, and let it go on. Asks only the database: no Redis, no vendor.

A stop holds what is sent and what is handed over: runs that are open, those opened later, and accounts added later.
Searches at the vendor and recalls go on, since neither messages anybody. Schedules open nothing while they are stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from campaigns.domain.errors import DatabaseBusy, NotAllowed
from campaigns.domain.people import Reason
from campaigns.domain.remedies import Do, Remedy
from campaigns.store.accounts.accounts import every_account_id
from campaigns.store.accounts.bindings import find_upstream
from campaigns.store.audit.events import Act
from campaigns.store.database.engine import Store
from campaigns.store.holds.reach import InFlight, WithVendor, requests_in_flight, runs_with_vendor
from campaigns.store.holds.stops import Stop, add_stop, hold_stops, lift_stop, open_stops
from campaigns.store.sending.lanes import hold_lane_briefly, lock_free_lanes

LIFTED = "the stop was lifted"
"""The reason of a stop that was lifted without one."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """A stop that is in force, and what it cannot stop."""

    account: str | None  # None: everything is stopped
    reason: str
    was_stopped: bool  # it was in force before; the reason is that of then
    in_flight: Sequence[InFlight]
    with_vendor: Sequence[WithVendor]
    not_confirmed: Sequence[str]  # accounts that somebody keeps locked: one more request of each may be on its way


@dataclass(frozen=True, slots=True)
class Going:
    """What may be sent again, and what is stopped still."""

    account: str | None  # None: everything, except the accounts that have a stop of their own
    still_stopped: Sequence[Stop]


def stop(store: Store, account_id: str | None, *, upstream: str, reason: str, actor: str) -> Stopped:
    """Stop an account, or everything (None). From the return on no attempt is committed there. Raises NotFound.

    The stop is committed first, waiting for no account's lock. Then it waits for the attempts that were being committed
    at that moment, and lists every request in flight. A crash in between leaves the stop in force. Asked again, it
    changes nothing and lists what is in flight now. `upstream`: the address in force.
    """
    why = Reason(reason)
    with store.write() as connection:
        if account_id is not None:
            find_upstream(connection, account_id)
        hold_stops(connection)
        is_new = add_stop(Act(connection, store.now(connection), actor), account_id, upstream=upstream, reason=why)
        in_force = next(each for each in open_stops(connection) if each.account == account_id)
        account_ids = every_account_id(connection) if account_id is None else [account_id]
    not_confirmed = _wait_for_commits(store, account_ids)
    with store.read() as connection:
        return Stopped(
            account=account_id,
            reason=in_force.reason,
            was_stopped=not is_new,
            in_flight=requests_in_flight(connection, account_id),
            with_vendor=runs_with_vendor(connection, account_id, now=store.now(connection)),
            not_confirmed=not_confirmed,
        )


def _wait_for_commits(store: Store, account_ids: Sequence[str]) -> list[str]:
    """Wait for whoever is committing an attempt on these accounts; returns those whose lock somebody keeps.

    Whoever takes a lane's lock after this sees the stop.
    """
    with store.write() as connection:
        free = set(lock_free_lanes(connection, account_ids))
    locked = []
    for account_id in account_ids:
        try:
            if account_id not in free:
                with store.write() as connection:
                    hold_lane_briefly(connection, account_id)
        except DatabaseBusy:
            locked.append(account_id)
    return locked


@dataclass(frozen=True, slots=True)
class BeyondStop:
    """What a stop cannot stop, and the stop if there is one."""

    account: str | None  # None: everything
    stop: Stop | None
    in_flight: Sequence[InFlight]
    with_vendor: Sequence[WithVendor]


def beyond_stop(store: Store, account_id: str | None) -> BeyondStop:
    """What a stop of an account, or of everything (None), does not reach now. Changes nothing. Raises NotFound."""
    with store.read() as connection:
        if account_id is not None:
            find_upstream(connection, account_id)
        return BeyondStop(
            account_id,
            next((each for each in open_stops(connection) if each.account == account_id), None),
            requests_in_flight(connection, account_id),
            runs_with_vendor(connection, account_id, now=store.now(connection)),
        )


def go(
    store: Store,
    account_id: str | None,
    *,
    reason: str | None = None,
    actor: str,
    check: Callable[[Connection], None] | None = None,
) -> Going:
    """Lift the stop of an account, or that of everything (None); every other hold stays. Raises NotAllowed, NotFound.

    Runs go on, and occurrences that came due meanwhile follow the misfire rule and the grace time of their campaigns.
    `check`: called in the same transaction before anything is lifted; what it raises ends the act with nothing done.
    """
    why = LIFTED if reason is None else Reason(reason)
    with store.write() as connection:
        if account_id is not None:
            find_upstream(connection, account_id)
        hold_stops(connection)
        if check is not None:
            check(connection)
        if not lift_stop(Act(connection, store.now(connection), actor), account_id, reason=why):
            raise _nothing_to_lift(account_id, open_stops(connection))
        return Going(account_id, open_stops(connection))


def refuse_to_go(store: Store, account_id: str | None) -> None:
    """Raise what `go` would raise, before a person is asked whether they mean it."""
    with store.read() as connection:
        if account_id is not None:
            find_upstream(connection, account_id)
        stops = open_stops(connection)
        if account_id not in {each.account for each in stops}:
            raise _nothing_to_lift(account_id, stops)


def _nothing_to_lift(account_id: str | None, stops: Sequence[Stop]) -> NotAllowed:
    accounts = [each.account for each in stops if each.account is not None]
    if account_id is None and accounts:
        remedies = [Remedy(Do.GO_ACCOUNT, account=each) for each in accounts]
        return NotAllowed(f"Not everything is stopped, only {', '.join(accounts)}.", *remedies)
    if account_id is not None and any(each.account is None for each in stops):
        return NotAllowed(f"Account {account_id} is not stopped by itself: everything is.", Remedy(Do.GO))
    what = "Nothing is" if account_id is None else f"Account {account_id} is not"
    return NotAllowed(f"{what} stopped, so nothing can be let go on.")
