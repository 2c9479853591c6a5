"""Circuits: accounts whose requests keep failing, which also slows the other accounts of their team."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from campaigns.domain.sending.pacing import CIRCUIT_FAILURES
from campaigns.domain.upstream.outcome import ABANDONED_WORDS, OutcomeKind
from campaigns.store.sending.lanes import lane_waits
from campaigns.store.tables.accounts import account, lane
from campaigns.store.tables.attempts import OUTCOME_OF_ATTEMPT, attempt, attempt_outcome

MOST_COUNTED = 20
"""At most this many outcomes are counted: the wait reaches its longest length long before."""


def unknowns_in_a_row(connection: Connection, account_id: str) -> int:
    """How many of the account's newest outcomes in a row are unknown.

    An attempt whose worker died shows nothing about the vendor: it is skipped.
    """
    kinds = connection.scalars(
        select(attempt_outcome.c.kind)
        .join(attempt, OUTCOME_OF_ATTEMPT)
        .where(
            attempt.c.account_id == account_id,
            func.coalesce(attempt_outcome.c.error, "") != ABANDONED_WORDS,
        )
        .order_by(attempt.c.fence.desc())
        .limit(MOST_COUNTED)
    )
    count = 0
    for kind in kinds:
        if kind != OutcomeKind.UNKNOWN.value:
            break
        count += 1
    return count


def circuits_of_team(
    connection: Connection, account_id: str, *, upstream: str, team: str, now: datetime
) -> list[datetime | None]:
    """Until when each open circuit of the team waits (None: tried now); nothing when the account's own is open."""
    failing = connection.scalar(select(lane.c.failures).where(lane.c.account_id == account_id)) or 0
    if failing >= CIRCUIT_FAILURES:
        return []  # it tries at its own pace
    rows = connection.execute(
        select(lane.c.owner, lane.c.available_at)
        .join(account, account.c.id == lane.c.account_id)
        .where(account.c.upstream == upstream, account.c.team == team, circuit_is_tripped(now))
    )
    return [None if row.owner is not None else row.available_at for row in rows]


def circuit_is_tripped(now: datetime) -> ColumnElement[bool]:
    """The condition that the circuit of a row of `lane` is open: it failed often enough, and waits or is being tried.

    An account that has nothing to send is not tried, so its circuit does not count.
    """
    return and_(lane.c.failures >= CIRCUIT_FAILURES, or_(lane_waits(now), lane.c.owner.is_not(None)))
