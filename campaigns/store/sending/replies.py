"""The vendor's reply to a request: every field that was recorded, by the keys of the documented JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table

from campaigns.store.tables.attempts import attempt_outcome

COLUMNS = (
    *("http_status", "upstream_status", "credits_used", "credits_balance", "limit_minute", "remaining_minute"),
    *("retry_at", "response"),
)
REPORTED = (
    *("credits_note", "is_cached", "cache_note", "cached_at", "limit_day", "remaining_day", "limits_notice"),
    *("date", "data"),
)
"""Fields in the column `report`; an earlier release may have kept fewer of them."""

COLUMNS_OF_REPLY = [attempt_outcome.c[name] for name in (*COLUMNS, "report")]


def reply_of(row: Mapping[Any, Any], outcome: Table) -> dict[str, Any] | None:
    """The reply in a row with the columns of a table of outcomes; None: no reply came."""
    if row[outcome.c.http_status] is None:
        return None
    shown = {name: row[outcome.c[name]] for name in COLUMNS if name in outcome.c}
    if shown.get("retry_at") is not None:
        shown["retry_at"] = shown["retry_at"].isoformat()
    if "report" in outcome.c:
        report = row[outcome.c.report] or {}
        shown.update({name: report.get(name) for name in REPORTED})
    return shown
