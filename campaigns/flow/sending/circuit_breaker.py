"""Slow a lane down after failed requests: each wait is longer than the one before, and then its circuit opens.

The lane's row in SQL counts the failures in a row, so all workers share the count. While the circuit is open, one
request is tried after each wait. The first answer that proves something closes the circuit.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from campaigns.domain.sending.pacing import (
    TEAM_CIRCUIT_ACCOUNTS,
    back_off_seconds,
    circuit_is_open,
    failures_after_unknown,
)
from campaigns.flow.sending.lane_context import LaneContext, Step
from campaigns.store.sending.circuits import circuits_of_team, unknowns_in_a_row
from campaigns.store.sending.lanes import LaneClaim, postpone_lane

TRY_SECONDS = 1.0
"""Seconds that an account with an open circuit gets for its try before the others of its team ask again."""


def after_not_sent(context: LaneContext, claim: LaneClaim, failures: int) -> Step:
    """Back off after a request that provably did not get through."""
    failures += 1
    is_open = circuit_is_open(failures)
    waits_for = f"circuit open: the last {failures} requests did not get through" if is_open else "the vendor"
    return _leave(context, claim, failures, waits_for)


def after_unknown(context: LaneContext, claim: LaneClaim, failures: int) -> Step:
    """Count an unknown outcome, and back off once there are several in a row. Raises DatabaseAway."""
    with context.store.read() as connection:
        unknowns = unknowns_in_a_row(connection, claim.account_id)
    failures = failures_after_unknown(failures, unknowns)
    if not circuit_is_open(failures):
        return Step(claim, sent=True, failures=failures)
    return _leave(context, claim, failures, f"circuit open: the last {max(unknowns, 1)} answers proved nothing")


def team_waits(connection: Connection, account_id: str, *, upstream: str, team: str, now: datetime) -> bool:
    """Postpone a lane while several others of its team keep failing; returns whether it was postponed."""
    others = circuits_of_team(connection, account_id, upstream=upstream, team=team, now=now)
    if len(others) < TEAM_CIRCUIT_ACCOUNTS:
        return False
    until = min(at or now for at in others) + timedelta(seconds=TRY_SECONDS)
    waits_for = f"circuit open for the team: requests of {len(others)} accounts keep failing"
    postpone_lane(connection, account_id, until=until, waits_for=waits_for, now=now)
    return True


def _leave(context: LaneContext, claim: LaneClaim, failures: int, waits_for: str) -> Step:
    wait = back_off_seconds(failures, context.chance())
    return Step(claim, leave=True, sent=True, wait_seconds=wait, waits_for=waits_for, failures=failures)
