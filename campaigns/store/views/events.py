"""Read-only questions about events, with the keys of the documented JSON."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from campaigns.domain.errors import Damaged
from campaigns.store.audit.canonical import Unreadable, content, raw
from campaigns.store.database.engine import ROWS_AT_ONCE
from campaigns.store.tables.audit import event
from campaigns.store.views.text import as_text


def events(
    connection: Connection, run_id: int | None = None, campaign_id: int | None = None, after: int = 0
) -> Iterator[dict[str, Any]]:
    """The trail in the order it was written, streamed; of one run, of one campaign, or all.

    Raises Damaged at the first event that cannot be read.
    """
    statement = select(*raw(event)).where(event.c.id > after).order_by(event.c.id)
    if run_id is not None:
        statement = statement.where(event.c.run_id == run_id)
    if campaign_id is not None:
        statement = statement.where(event.c.campaign_id == campaign_id)
    for row in connection.execute(statement.execution_options(yield_per=ROWS_AT_ONCE)):
        try:
            found = content(row, event)
        except Unreadable as fault:
            raise Damaged(
                f"Event {row.id} cannot be read ({fault}), so somebody changed it past campaigns; `campaigns audit "
                f"verify` names every such row, and --after {row.id} goes on behind it."
            ) from None
        yield {
            "id": found["id"],
            "at": as_text(datetime.fromisoformat(found["at"])),
            "actor": found["actor"],
            "kind": found["kind"],
            "account": found["account_id"],
            "campaign_id": found["campaign_id"],
            "run_id": found["run_id"],
            "batch": found["batch_seq"],
            "reason": found["reason"],
            "detail": found["detail"],
        }
