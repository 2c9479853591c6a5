"""Dates in the vendor's replies, in UTC. A date that cannot be read or computed with counts as missing."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

YEARS = range(2000, 2200)
LONGEST = 100


def http_date(written: str) -> datetime | None:
    """An HTTP date, of any year."""
    if len(written) > LONGEST:
        return None
    try:
        moment = parsedate_to_datetime(written)
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except Exception:  # noqa: BLE001 - the parser raises this and that; an accepted message must not become unknown
        return None


def vendor_clock(written: str | None) -> datetime | None:
    """The vendor's own time of a reply, in whole seconds, from its `Date` header."""
    moment = None if written is None else http_date(written)
    return moment if moment is not None and moment.year in YEARS else None


def iso_date(value: Any) -> datetime | None:
    """An ISO 8601 date. One without an offset is taken as UTC."""
    try:
        date = datetime.fromisoformat(value)
        moment = date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment if moment.year in YEARS else None
