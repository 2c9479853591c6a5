"""Circuits: accounts whose requests keep failing, and what that means for the other accounts of their team."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from campaigns.domain.sending.pacing import CIRCUIT_FAILURES
from campaigns.domain.upstream.outcome import ABANDONED_WORDS, OutcomeKind
from campaigns.store.sending.lanes import lane_waits
from campaigns.store.tables.accounts import account, lane
from campaigns.store.tables.attempts import attempt, attempt_outcome

MOST_COUNTED = 20
"""More unknowns in a row than this change nothing: the wait has its greatest length long before."""


def unknowns_in_a_row(connection: Connection, account_id: str) -> int:
    """How many of the account's last answers, the newest first, proved nothing.

    An attempt whose worker died says nothing about the vendor: it counts neither way.
    """
    kinds = connection.scalars(
        select(attempt_outcome.c.kind)
        .join(
            attempt,
            and_(attempt.c.batch_id == attempt_outcome.c.batch_id, attempt.c.number == attempt_outcome.c.number),
        )
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
    """Until when each open circuit of the team waits (None: it is being tried), if the account's own is shut."""
    failing = connection.scalar(select(lane.c.failures).where(lane.c.account_id == account_id)) or 0
    if failing >= CIRCUIT_FAILURES:
        return []  # it tries at its own pace
    rows = connection.execute(
        select(lane.c.owner, lane.c.available_at)
        .join(account, account.c.id == lane.c.account_id)
        .where(account.c.upstream == upstream, account.c.team == team, _is_open(now))
    )
    return [None if row.owner is not None else row.available_at for row in rows]


def _is_open(now: datetime) -> ColumnElement[bool]:
    """Open now: it failed often enough, and it waits or is being tried. Nobody tries one that has nothing to send."""
    return and_(lane.c.failures >= CIRCUIT_FAILURES, or_(lane_waits(now), lane.c.owner.is_not(None)))
