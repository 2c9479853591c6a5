"""One account as it is now: what holds it, what it sends, and when it last sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select

from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import HoldScope, OutcomeKind
from campaigns.store.accounts.bindings import require_account
from campaigns.store.holds.reach import InFlight, WaitingRun, requests_in_flight, waiting_runs
from campaigns.store.tables.accounts import account, lane
from campaigns.store.tables.attempts import OUTCOME_OF_ATTEMPT, attempt, attempt_outcome
from campaigns.store.tables.batches import batch
from campaigns.store.tables.runs import hold


@dataclass(frozen=True, slots=True)
class HoldNow:
    """An open hold on an account or on its team, and who placed it."""

    kind: HoldKind
    scope: HoldScope
    reason: str
    actor: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class LastRequest:
    """The newest request of an account."""

    run_id: int
    batch: int
    recipients: int
    started_at: datetime
    outcome: OutcomeKind | None  # None: it is in flight


@dataclass(frozen=True, slots=True)
class AccountNow:
    """An account, also one that was removed, with all that a person asks about it."""

    id: str
    name: str | None
    zone: str | None
    hours: str | None
    upstream: str
    team: str | None
    created_at: datetime
    removed_at: datetime | None
    is_sending: bool
    available_at: datetime | None
    waits_for: str | None
    failures: int  # requests in a row that did not get through
    holds: Sequence[HoldNow]
    in_flight: Sequence[InFlight]
    runs: Sequence[WaitingRun]  # that have something left to send
    last_request: LastRequest | None


def account_now(connection: Connection, account_id: str) -> AccountNow:
    """One account as it is now. Raises NotFound."""
    require_account(connection, account_id)
    row = connection.execute(
        select(account, lane.c.owner, lane.c.available_at, lane.c.waits_for, lane.c.failures)
        .join(lane, lane.c.account_id == account.c.id)
        .where(account.c.id == account_id)
    ).one()
    return AccountNow(
        id=row.id,
        name=row.name,
        zone=row.zone,
        hours=row.hours,
        upstream=row.upstream,
        team=row.team,
        created_at=row.created_at,
        removed_at=row.removed_at,
        is_sending=row.owner is not None,
        available_at=row.available_at,
        waits_for=row.waits_for,
        failures=row.failures,
        holds=_holds(connection, account_id, row.upstream),
        in_flight=requests_in_flight(connection, account_id),
        runs=waiting_runs(connection, account_id),
        last_request=_last_request(connection, account_id),
    )


def last_requests(connection: Connection) -> dict[str, datetime]:
    """When each account last made a request to send; those that made none are not among them."""
    newest = (
        select(attempt.c.started_at)
        .where(attempt.c.account_id == account.c.id)
        .order_by(attempt.c.fence.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = connection.execute(select(account.c.id, newest.label("at")))
    return {row.id: row.at for row in rows if row.at is not None}


def _holds(connection: Connection, account_id: str, upstream: str) -> list[HoldNow]:
    rows = connection.execute(
        select(hold.c.kind, hold.c.scope, hold.c.reason, hold.c.actor, hold.c.opened_at)
        .where(hold.c.closed_at.is_(None), or_(hold.c.account_id == account_id, hold.c.upstream == upstream))
        .order_by(hold.c.id)
    )
    return [HoldNow(HoldKind(row.kind), HoldScope(row.scope), row.reason, row.actor, row.opened_at) for row in rows]


def _last_request(connection: Connection, account_id: str) -> LastRequest | None:
    row = connection.execute(
        select(batch.c.run_id, batch.c.seq, attempt.c.recipients, attempt.c.started_at, attempt_outcome.c.kind)
        .join(batch, batch.c.id == attempt.c.batch_id)
        .outerjoin(attempt_outcome, OUTCOME_OF_ATTEMPT)
        .where(attempt.c.account_id == account_id)
        .order_by(attempt.c.fence.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    outcome = None if row.kind is None else OutcomeKind(row.kind)
    return LastRequest(row.run_id, row.seq, row.recipients, row.started_at, outcome)
