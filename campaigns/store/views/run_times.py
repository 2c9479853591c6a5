"""What a run's time is bound by, for people: its hours, its spread, its expiry."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from campaigns.domain.schedules.sending_hours import windows_of
from campaigns.domain.states import RUN_OPEN, BatchState
from campaigns.store.accounts.bindings import hours_of_account
from campaigns.store.campaigns.campaigns import find_revision
from campaigns.store.holds.hours_and_expiry import EXPIRED
from campaigns.store.runs.runs import RunRow
from campaigns.store.tables.batches import batch


def times_of(connection: Connection, found: RunRow) -> dict[str, Any]:
    """When a run may send, when its next and its last batch may go, when it expires, and whom that has cost."""
    hours, zone = hours_of_account(connection, found.account_id)
    timing = find_revision(connection, found.campaign_id, found.revision).times
    is_open = found.state in RUN_OPEN
    first, last = _ready_between(connection, found.id) if is_open else (None, None)
    return {
        "sending_hours": [one.shown for one in windows_of(timing, account_hours=hours, account_zone=zone)],
        "resumes_at": _text(found.resumes_at if is_open else None),
        "next_batch_at": _text(first),
        "last_batch_at": _text(last),
        "expires_at": _text(found.expires_at),
        "expired": 0 if found.expires_at is None else _expired(connection, found.id),
    }


def _ready_between(connection: Connection, run_id: int) -> tuple[datetime | None, datetime | None]:
    row = connection.execute(
        select(func.min(batch.c.available_at), func.max(batch.c.available_at)).where(
            batch.c.run_id == run_id, batch.c.state == BatchState.READY.value
        )
    ).one()
    return row[0], row[1]


def _expired(connection: Connection, run_id: int) -> int:
    """Recipients who were cancelled because the run's time was over."""
    return int(
        connection.scalar(
            select(func.coalesce(func.sum(batch.c.size), 0)).where(
                batch.c.run_id == run_id,
                batch.c.state == BatchState.CANCELLED.value,
                batch.c.error.startswith(f"{EXPIRED}:"),
            )
        )
        or 0
    )


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
