"""Moments as either database has them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def seconds_of(moment: Any) -> float:
    """A moment of either database as seconds since 1970; SQLite's come as text, in UTC."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    known: datetime = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return known.timestamp()
