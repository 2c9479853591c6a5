"""Read-only questions about events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from campaigns.domain.errors import Damaged
from campaigns.domain.remedies import Do, Remedy
from campaigns.store.audit.canonical import Unreadable, content, raw
from campaigns.store.campaigns.campaigns import find_campaign
from campaigns.store.database.engine import ROWS_AT_ONCE
from campaigns.store.runs.runs import find_run
from campaigns.store.tables.audit import event


@dataclass(frozen=True, slots=True)
class EventView:
    """One event: what changed, who did it, and why."""

    id: int
    at: datetime
    actor: str
    kind: str
    account: str | None
    campaign_id: int | None
    run_id: int | None
    batch: int | None
    reason: str | None
    detail: dict[str, Any] | None  # what the kind of event adds


def events(
    connection: Connection,
    run_id: int | None = None,
    campaign_id: int | None = None,
    after: int = 0,
    *,
    newest_first: bool = False,
) -> Iterator[EventView]:
    """The events of one run, of one campaign, or all, streamed in the order they were written, or against it.

    Raises NotFound for an unknown run or campaign: no event would look as if nothing had happened. Raises Damaged at
    the first event that cannot be read.
    """
    if run_id is not None:
        find_run(connection, run_id)
    if campaign_id is not None:
        find_campaign(connection, campaign_id)
    order = event.c.id.desc() if newest_first else event.c.id
    statement = select(*raw(event)).where(event.c.id > after).order_by(order)
    if run_id is not None:
        statement = statement.where(event.c.run_id == run_id)
    if campaign_id is not None:
        statement = statement.where(event.c.campaign_id == campaign_id)
    return map(event_view, connection.execute(statement.execution_options(yield_per=ROWS_AT_ONCE)))


def event_view(row: Row[Any]) -> EventView:
    """The event in a row that was selected by `raw`. Raises Damaged."""
    try:
        written = content(row, event)
    except Unreadable as fault:
        raise Damaged(
            f"Event {row.id} cannot be read ({fault}), so somebody changed it past campaigns.",
            Remedy(Do.VERIFY_AUDIT),
            Remedy(Do.EVENTS_AFTER, value=str(row.id)),
        ) from None
    return EventView(
        id=written["id"],
        at=datetime.fromisoformat(written["at"]),
        actor=written["actor"],
        kind=written["kind"],
        account=written["account_id"],
        campaign_id=written["campaign_id"],
        run_id=written["run_id"],
        batch=written["batch_seq"],
        reason=written["reason"],
        detail=written["detail"],
    )
