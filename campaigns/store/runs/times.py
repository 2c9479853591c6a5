"""What limits the times of a run: its sending hours, its spread, its expiry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from campaigns.domain.schedules.sending_hours import windows_of
from campaigns.domain.states import RUN_OPEN, BatchState
from campaigns.store.accounts.bindings import hours_of_account
from campaigns.store.campaigns.campaigns import find_revision
from campaigns.store.holds.hours_and_expiry import EXPIRED
from campaigns.store.runs.runs import RunRow
from campaigns.store.tables.batches import batch


@dataclass(frozen=True, slots=True)
class OpenHours:
    """Sending hours such as `09:00-22:00`, on the clocks of a zone."""

    hours: str
    zone: str


@dataclass(frozen=True, slots=True)
class RunTimes:
    """When a run may send, and what its expiry cost."""

    sending_hours: list[OpenHours]
    resumes_at: datetime | None  # it waits until then
    next_batch_at: datetime | None
    last_batch_at: datetime | None
    expires_at: datetime | None
    expired: int  # recipients who were cancelled by the expiry


def times_of(connection: Connection, row: RunRow) -> RunTimes:
    """When a run may send, when its next and its last batch may go, when it expires, and whom that has cost."""
    hours, zone = hours_of_account(connection, row.account_id)
    timing = find_revision(connection, row.campaign_id, row.revision).times
    windows = windows_of(timing, account_hours=hours, account_zone=zone)
    is_open = row.state in RUN_OPEN
    first, last = _ready_between(connection, row.id) if is_open else (None, None)
    return RunTimes(
        sending_hours=[OpenHours(str(window.hours), window.zone.key) for window in windows],
        resumes_at=row.resumes_at if is_open else None,
        next_batch_at=first,
        last_batch_at=last,
        expires_at=row.expires_at,
        expired=0 if row.expires_at is None else _expired(connection, row.id),
    )


def _ready_between(connection: Connection, run_id: int) -> tuple[datetime | None, datetime | None]:
    row = connection.execute(
        select(func.min(batch.c.available_at).label("first"), func.max(batch.c.available_at).label("last")).where(
            batch.c.run_id == run_id, batch.c.state == BatchState.READY.value
        )
    ).one()
    return row.first, row.last


def _expired(connection: Connection, run_id: int) -> int:
    """Recipients who were cancelled because the run expired before they were sent to."""
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
