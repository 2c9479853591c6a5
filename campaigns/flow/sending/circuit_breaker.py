"""Slow a lane down after a failed request: wait longer each time, and say when its circuit is open.

The count of failures in a row stands on the lane in SQL, so all workers share it. While the circuit is open one request
is tried after each wait; the first answer that proves something shuts it.
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
"""How long one of the accounts that try is given before the others of its team ask again."""


def after_not_sent(sender: LaneContext, claim: LaneClaim, failures: int) -> Step:
    """Back off after a request that provably did not get through."""
    failures += 1
    why = f"circuit open: the last {failures} requests did not get through" if circuit_is_open(failures) else None
    return _leave(sender, claim, failures, why or "the vendor")


def after_unknown(sender: LaneContext, claim: LaneClaim, failures: int) -> Step:
    """Count an answer that proved nothing, and back off once there are several in a row. Raises DatabaseAway."""
    with sender.store.read() as connection:
        unknowns = unknowns_in_a_row(connection, claim.account_id)
    failures = failures_after_unknown(failures, unknowns)
    if not circuit_is_open(failures):
        return Step(claim, sent=True, failures=failures)
    return _leave(sender, claim, failures, f"circuit open: the last {max(unknowns, 1)} answers proved nothing")


def team_waits(connection: Connection, account_id: str, *, upstream: str, team: str, now: datetime) -> bool:
    """Postpone a lane while several others of its team keep failing; whether it was."""
    others = circuits_of_team(connection, account_id, upstream=upstream, team=team, now=now)
    if len(others) < TEAM_CIRCUIT_ACCOUNTS:
        return False
    until = min(at or now for at in others) + timedelta(seconds=TRY_SECONDS)
    why = f"circuit open for the team: requests of {len(others)} accounts keep failing"
    postpone_lane(connection, account_id, until=until, waits_for=why, now=now)
    return True


def _leave(sender: LaneContext, claim: LaneClaim, failures: int, waits_for: str) -> Step:
    wait = back_off_seconds(failures, sender.chance())
    return Step(claim, leave=True, sent=True, wait_seconds=wait, waits_for=waits_for, failures=failures)
