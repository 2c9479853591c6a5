"""Read-only questions about limits: accounts whose circuit is open."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from campaigns.store.sending.circuits import _is_open
from campaigns.store.tables.accounts import lane
from campaigns.store.views.text import as_text


def open_circuits(connection: Connection, *, now: datetime) -> list[dict[str, Any]]:
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
