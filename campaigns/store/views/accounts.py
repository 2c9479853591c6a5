"""Read-only questions about accounts: what they wait for, and their credits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import HoldScope
from campaigns.store.database.parts import WHOLE, Part
from campaigns.store.tables.accounts import account, lane
from campaigns.store.tables.attempts import attempt, attempt_outcome
from campaigns.store.tables.runs import hold


@dataclass(frozen=True, slots=True)
class AccountHold:
    """An open hold on an account, or on every account of its vendor."""

    kind: HoldKind
    reason: str


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account, what its lane waits for, and what holds it."""

    id: str
    name: str | None
    zone: str | None
    hours: str | None
    upstream: str
    team: str | None
    sending: bool
    available_at: datetime | None
    waits_for: str | None
    holds: Sequence[AccountHold]
    created_at: datetime


def accounts(connection: Connection, among: frozenset[str] | None = None, part: Part = WHOLE) -> list[AccountView]:
    """All accounts but those that were removed, by ID, which is the position of each. `among`: these alone."""
    statement = (
        select(account, lane.c.owner, lane.c.available_at, lane.c.waits_for)
        .join(lane, lane.c.account_id == account.c.id)
        .where(account.c.removed_at.is_(None))
        .order_by(account.c.id)
        .limit(part.limit)
    )
    if among is not None:
        statement = statement.where(account.c.id.in_(sorted(among)))
    if part.after is not None:
        statement = statement.where(account.c.id > part.after)
    rows = connection.execute(statement).all()
    holds = connection.execute(
        select(hold.c.account_id, hold.c.upstream, hold.c.kind, hold.c.reason)
        .where(hold.c.closed_at.is_(None), hold.c.scope != HoldScope.RUN.value)
        .order_by(hold.c.id)
    ).all()
    return [
        AccountView(
            id=row.id,
            name=row.name,
            zone=row.zone,
            hours=row.hours,
            upstream=row.upstream,
            team=row.team,
            sending=row.owner is not None,
            available_at=row.available_at,
            waits_for=row.waits_for,
            holds=[
                AccountHold(HoldKind(each.kind), each.reason)
                for each in holds
                if each.account_id == row.id or each.upstream == row.upstream
            ],
            created_at=row.created_at,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class CreditsBalance:
    """The team's credits, by a reply of the vendor."""

    credits: int
    at: datetime


NEWEST_REQUESTS = 1_000
"""The balance is read from the replies to so many requests: there is no index on it, and there may be millions."""


def credits_balance(connection: Connection) -> CreditsBalance | None:
    """The team's credits by the newest reply that named them; None when none of the newest requests brought one."""
    newest = (
        select(attempt.c.batch_id, attempt.c.number)
        .order_by(attempt.c.started_at.desc())
        .limit(NEWEST_REQUESTS)
        .subquery()
    )
    row = connection.execute(
        select(attempt_outcome.c.credits_balance, attempt_outcome.c.finished_at)
        .join(newest, (newest.c.batch_id == attempt_outcome.c.batch_id) & (newest.c.number == attempt_outcome.c.number))
        .where(attempt_outcome.c.credits_balance.is_not(None))
        .order_by(attempt_outcome.c.finished_at.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else CreditsBalance(row.credits_balance, row.finished_at)
