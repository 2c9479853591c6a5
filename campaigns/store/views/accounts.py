"""Read-only questions about accounts: what they wait for, and their credits."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from campaigns.store.tables.accounts import account, lane
from campaigns.store.tables.attempts import attempt_outcome
from campaigns.store.tables.runs import hold
from campaigns.store.views.text import as_text


def accounts(connection: Connection) -> list[dict[str, Any]]:
    """All accounts with what their lanes wait for and the holds on them."""
    rows = connection.execute(
        select(account, lane.c.owner, lane.c.available_at, lane.c.waits_for)
        .join(lane, lane.c.account_id == account.c.id)
        .order_by(account.c.id)
    ).all()
    held = connection.execute(
        select(hold.c.account_id, hold.c.upstream, hold.c.kind, hold.c.reason).where(
            hold.c.closed_at.is_(None), hold.c.scope != "run"
        )
    ).all()
    return [
        {
            "id": row.id,
            "name": row.name,
            "zone": row.zone,
            "hours": row.hours,
            "upstream": row.upstream,
            "team": row.team,
            "sending": row.owner is not None,
            "available_at": as_text(row.available_at),
            "waits_for": row.waits_for,
            "holds": [
                {"kind": one.kind, "reason": one.reason}
                for one in held
                if one.account_id == row.id or one.upstream == row.upstream
            ],
            "created_at": as_text(row.created_at),
        }
        for row in rows
    ]


def credits_balance(connection: Connection) -> tuple[int, str] | None:
    """The team's credits as the newest answer told, and when; None when no answer did."""
    row = connection.execute(
        select(attempt_outcome.c.credits_balance, attempt_outcome.c.finished_at)
        .where(attempt_outcome.c.credits_balance.is_not(None))
        .order_by(attempt_outcome.c.finished_at.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else (row.credits_balance, str(as_text(row.finished_at)))
