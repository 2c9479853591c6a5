"""The vendor's reply to a request: every field that was recorded, by the keys of the documented JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from campaigns.store.tables.attempts import attempt_outcome
from campaigns.store.tables.recalls import unsend_outcome

UNSEND_COLUMNS = (
    *("http_status", "upstream_status", "credits_used", "credits_balance", "limit_minute", "remaining_minute"),
    "response",
)
COLUMNS = (*UNSEND_COLUMNS, "retry_at")
REPORTED = (
    *("credits_note", "is_cached", "cache_note", "cached_at", "limit_day", "remaining_day", "limits_notice"),
    *("date", "data"),
)
"""Fields in the column `report`; an earlier release may have kept fewer of them."""

COLUMNS_OF_REPLY = [attempt_outcome.c[name] for name in (*COLUMNS, "report")]


@dataclass(frozen=True, slots=True)
class UnsendReply:
    """The reply to a request to unsend a message."""

    http_status: int
    upstream_status: int | None
    credits_used: int | None
    credits_balance: int | None
    limit_minute: int | None
    remaining_minute: int | None
    response: str | None  # its text, as the vendor sent it


@dataclass(frozen=True, slots=True)
class SendReply:
    """The reply to a request to send a batch. What the vendor reports is kept as it was written."""

    http_status: int
    upstream_status: int | None
    credits_used: int | None
    credits_balance: int | None
    limit_minute: int | None
    remaining_minute: int | None
    retry_at: datetime | None  # throttled: no retry before then
    response: str | None  # its text, as the vendor sent it
    credits_note: Any
    is_cached: Any
    cache_note: Any
    cached_at: Any
    limit_day: Any
    remaining_day: Any
    limits_notice: Any
    date: Any
    data: Any  # the message as the vendor showed it


def send_reply(row: Row[*tuple[Any, ...]]) -> SendReply | None:
    """The reply in a row with COLUMNS_OF_REPLY; None: no reply came."""
    if row.http_status is None:
        return None
    report = row.report or {}
    fields: dict[str, Any] = {name: getattr(row, name) for name in COLUMNS}
    fields |= {name: report.get(name) for name in REPORTED}
    return SendReply(**fields)


def unsend_reply(row: Mapping[Any, Any]) -> UnsendReply | None:
    """The reply in a row with the columns of `unsend_outcome`; None: no reply came."""
    if row[unsend_outcome.c.http_status] is None:
        return None
    return UnsendReply(**{name: row[unsend_outcome.c[name]] for name in UNSEND_COLUMNS})
