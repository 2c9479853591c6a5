"""The limits as they are now: the team's budget, the accounts that must wait, the credits, and the vendor's clock."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.domain.sending.pacing import Limits
from campaigns.ports import AccountPace, Pacer
from campaigns.store.database.engine import Store
from campaigns.store.views.accounts import credits_balance
from campaigns.store.views.limits import TrippedCircuit, VendorClock, tripped_circuits, vendor_clock


@dataclass(frozen=True, slots=True)
class LimitsNow:
    """What limits sending at this moment."""

    limit_per_minute: int  # requests; the setting, lowered by what the vendor reported
    reserve: int  # requests of it that are kept for questions and people
    used: int
    vendor_limit: int | None
    vendor_remaining: int | None
    accounts: list[AccountPace]
    account_gap_seconds: float
    credits: int | None  # None: no answer has named them yet
    circuits: list[TrippedCircuit]
    vendor_clock: VendorClock | None


def limits_now(
    store: Store, pacer: Pacer, limits: Limits, upstream: str, *, accounts: frozenset[str] | None = None
) -> LimitsNow:
    """Read the limits. Raises DatabaseAway or PacerAway. `accounts`: without any other account; None: with all."""
    with store.read() as connection:
        balance = credits_balance(connection)
        circuits = tripped_circuits(connection, now=store.now(connection))
        clock = vendor_clock(connection, upstream)
    state = pacer.state()
    return LimitsNow(
        limit_per_minute=state.limit_per_minute,
        reserve=state.reserve,
        used=state.used,
        vendor_limit=state.vendor_limit,
        vendor_remaining=state.vendor_remaining,
        accounts=[each for each in state.accounts if accounts is None or each.account in accounts],
        account_gap_seconds=limits.account_gap_seconds,
        credits=None if balance is None else balance.credits,
        circuits=[each for each in circuits if accounts is None or each.account in accounts],
        vendor_clock=clock,
    )
