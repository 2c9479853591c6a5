"""Stops: holds by which a person stops one account, or everything that this database sends.

A stop of everything is one hold on each vendor address that the database knows. An account that is added later, under
an address that is new, gets the hold with its row. So the commit of an attempt needs no check of its own: it checks for
holds on the run, its account and its address anyway.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select, union

from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import HoldScope
from campaigns.store.audit.events import Act
from campaigns.store.holds.holds import Held, lift_hold, place_hold
from campaigns.store.tables.accounts import account
from campaigns.store.tables.runs import hold, run

STOP_LOCK = 7_246_003
"""PostgreSQL's advisory lock on the stops there are; any number that nothing else uses."""


@dataclass(frozen=True, slots=True)
class Stop:
    """An open stop."""

    account: str | None  # None: everything is stopped
    reason: str
    actor: str
    at: datetime


def hold_stops(connection: Connection) -> None:
    """Let nobody else stop anything, or let it go on, until this transaction ends.

    Whoever adds an account takes it last. So a stop waits for no lane: not for a host that vanished, and not for an
    import that takes all lanes. SQLite's writer holds everything already.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(select(func.pg_advisory_xact_lock(STOP_LOCK)))


def add_stop(act: Act, account_id: str | None, *, upstream: str, reason: str) -> bool:
    """Stop an account, or everything (None); False when all of that is stopped already. The caller has `hold_stops`.

    `upstream`: the address in force, which may have no account yet. The caller then waits for the attempts that were
    being committed, see `campaigns.flow.accounts.stop`.
    """
    if account_id is not None:
        return place_hold(act, Held(account_id=account_id), HoldKind.STOP, reason=reason)
    return _stop_addresses(act, {upstream, *_known_upstreams(act.connection)}, reason=reason)


def stop_new_address(act: Act, upstream: str) -> None:
    """Stop an address that an account brings, if everything is stopped. Waits for whoever stops at this moment."""
    hold_stops(act.connection)
    stop = next((stop for stop in open_stops(act.connection) if stop.account is None), None)
    if stop is not None:
        _stop_addresses(act, [upstream], reason=stop.reason)


def _stop_addresses(act: Act, upstreams: Iterable[str], *, reason: str) -> bool:
    """Stop each address; whether any of them was not stopped yet."""
    new = [place_hold(act, Held(upstream=each), HoldKind.STOP, reason=reason) for each in sorted(upstreams)]
    return any(new)


def _known_upstreams(connection: Connection) -> list[str]:
    return list(connection.scalars(union(select(account.c.upstream), select(run.c.upstream))))


def lift_stop(act: Act, account_id: str | None, *, reason: str) -> bool:
    """Lift the stop of an account, or that of everything (None); False when there is none. Other holds stay."""
    lifted = holds_of_stop(act.connection, account_id)
    for hold_id in lifted:
        lift_hold(act, hold_id, reason=reason)
    return bool(lifted)


def holds_of_stop(connection: Connection, account_id: str | None) -> list[int]:
    """The IDs of the open holds that are the stop of an account, or that of everything (None)."""
    scope = HoldScope.TEAM if account_id is None else HoldScope.ACCOUNT
    mine = select(hold.c.id).where(_is_open_stop(), hold.c.scope == scope.value)
    if account_id is not None:
        mine = mine.where(hold.c.account_id == account_id)
    return list(connection.scalars(mine.order_by(hold.c.id)))


def open_stops(connection: Connection) -> list[Stop]:
    """Every open stop, the oldest first; that of everything once."""
    rows = connection.execute(
        select(hold.c.account_id, hold.c.reason, hold.c.actor, hold.c.opened_at)
        .where(_is_open_stop())
        .order_by(hold.c.id)
    )
    stops: dict[str | None, Stop] = {}
    for row in rows:
        stops.setdefault(row.account_id, Stop(row.account_id, row.reason, row.actor, row.opened_at))
    return list(stops.values())


def stop_of(connection: Connection, account_id: str) -> Stop | None:
    """The stop that an account is under, that of everything first; None: it is not stopped."""
    stops = {stop.account: stop for stop in open_stops(connection) if stop.account in {None, account_id}}
    return stops.get(None) or stops.get(account_id)


def is_stopped(account_id: ColumnElement[str]) -> ColumnElement[bool]:
    """The condition that an account is stopped, by itself or with everything."""
    reaches = (hold.c.scope == HoldScope.TEAM.value) | (hold.c.account_id == account_id)
    return select(hold.c.id).where(_is_open_stop(), reaches).exists()


def _is_open_stop() -> ColumnElement[bool]:
    return (hold.c.kind == HoldKind.STOP.value) & hold.c.closed_at.is_(None)
