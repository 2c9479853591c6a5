"""What SQL knows of recent requests, to rebuild the shared rate budget after Redis lost it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from campaigns.domain.upstream.outcome import OutcomeKind
from campaigns.store.backup.incarnation import find_incarnation
from campaigns.store.backup.restored import lane_name
from campaigns.store.sending.identity import permit_key
from campaigns.store.tables.accounts import account
from campaigns.store.tables.attempts import attempt, attempt_outcome


def recent_requests(
    connection: Connection, *, now: datetime, within: timedelta
) -> list[tuple[str, str, float, float | None]]:
    """Requests that may still count in the vendor's window: permit key, account, seconds since start, since answer.

    Left out: those that provably never left, since they gave their slots back.
    """
    incarnation = find_incarnation(connection)
    rows = connection.execute(
        select(
            attempt.c.account_id,
            attempt.c.fence,
            account.c.created_at,
            attempt.c.started_at,
            attempt_outcome.c.finished_at,
            attempt_outcome.c.kind,
            attempt_outcome.c.http_status,
        )
        .join(account, account.c.id == attempt.c.account_id)
        .outerjoin(
            attempt_outcome,
            (attempt_outcome.c.batch_id == attempt.c.batch_id) & (attempt_outcome.c.number == attempt.c.number),
        )
        .where(attempt.c.started_at > now - within)
    )
    return [
        (
            permit_key(lane_name(row.account_id, row.created_at), row.fence, incarnation),
            row.account_id,
            (now - row.started_at).total_seconds(),
            None if row.http_status is None else (now - row.finished_at).total_seconds(),
        )
        for row in rows
        if not (row.kind == OutcomeKind.NOT_SENT.value and row.http_status is None)
    ]


def cool_downs(connection: Connection, *, now: datetime) -> dict[str, float]:
    """Seconds left of the accounts' cool-downs."""
    cooling = connection.execute(
        select(attempt.c.account_id, func.max(attempt_outcome.c.retry_at).label("until"))
        .join(
            attempt_outcome,
            (attempt_outcome.c.batch_id == attempt.c.batch_id) & (attempt_outcome.c.number == attempt.c.number),
        )
        .where(attempt_outcome.c.retry_at > now)
        .group_by(attempt.c.account_id)
    )
    return {row.account_id: (row.until - now).total_seconds() for row in cooling}
