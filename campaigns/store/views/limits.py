"""Read-only views of what limits an account: its circuit, its holds, and the vendor's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from campaigns.domain.reconcile.windows import measured
from campaigns.domain.states import HoldKind
from campaigns.store.holds.holds import Held, every_open_hold, holds_open_runs
from campaigns.store.holds.stops import Stop, open_stops
from campaigns.store.reconcile.open_requests import vendor_dates
from campaigns.store.sending.circuits import circuit_is_tripped
from campaigns.store.tables.accounts import lane


@dataclass(frozen=True, slots=True)
class TrippedCircuit:
    """An account whose circuit is open: its requests keep failing, and one is tried after each wait."""

    account: str
    failures: int
    until: datetime | None  # None: the next request is tried as soon as there is one
    why: str | None


@dataclass(frozen=True, slots=True)
class VendorClock:
    """How many seconds the vendor's clock is ahead of ours; negative when it is behind."""

    ahead_at_least_seconds: float
    ahead_at_most_seconds: float


def tripped_circuits(connection: Connection, *, now: datetime) -> list[TrippedCircuit]:
    """Every account whose circuit is open."""
    rows = connection.execute(
        select(lane.c.account_id, lane.c.available_at, lane.c.waits_for, lane.c.failures)
        .where(circuit_is_tripped(now))
        .order_by(lane.c.account_id)
    )
    return [
        TrippedCircuit(account=row.account_id, failures=row.failures, until=row.available_at, why=row.waits_for)
        for row in rows
    ]


def vendor_clock(connection: Connection, upstream: str) -> VendorClock | None:
    """How far the vendor's clock is off ours; None while no answer has shown it."""
    skew = measured(vendor_dates(connection, upstream))
    return VendorClock(skew.low.total_seconds(), skew.high.total_seconds()) if skew.is_measured else None


def everything_stopped(connection: Connection) -> Stop | None:
    """The stop of everything; None when there is none. Accounts may be stopped by themselves."""
    return next((stop for stop in open_stops(connection) if stop.account is None), None)


@dataclass(frozen=True, slots=True)
class OpenPause:
    """An open hold, and whether a run that has not ended waits for it."""

    held: Held
    kind: HoldKind
    reason: str
    holds_runs: bool


def open_pauses(connection: Connection) -> list[OpenPause]:
    """Every open hold, the oldest first."""
    return [
        OpenPause(hold.held, hold.kind, hold.reason, holds_open_runs(connection, hold.held))
        for hold in every_open_hold(connection)
    ]
