"""Read-only questions about limits: accounts whose circuit is open, and the vendor's clock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from campaigns.domain.reconcile.windows import measured
from campaigns.store.reconcile.open_requests import told_dates
from campaigns.store.sending.circuits import _is_open
from campaigns.store.tables.accounts import lane
from campaigns.store.views.text import as_text


def tripped_circuits(connection: Connection, *, now: datetime) -> list[dict[str, Any]]:
    """Every account whose circuit is open, until when, and why."""
    rows = connection.execute(
        select(lane.c.account_id, lane.c.available_at, lane.c.waits_for, lane.c.failures)
        .where(_is_open(now))
        .order_by(lane.c.account_id)
    )
    return [
        {
            "account": row.account_id,
            "failures": row.failures,
            "until": as_text(row.available_at),
            "why": row.waits_for,
        }
        for row in rows
    ]


def vendor_clock(connection: Connection, upstream: str) -> dict[str, float] | None:
    """How many seconds the vendor's clock is ahead of ours, at least and at most; None while no answer has told."""
    skew = measured(told_dates(connection, upstream))
    if not skew.is_measured:
        return None
    return {"ahead_at_least_seconds": skew.low.total_seconds(), "ahead_at_most_seconds": skew.high.total_seconds()}
