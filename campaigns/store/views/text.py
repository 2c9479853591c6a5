"""How instants and IDs are written for people and scripts."""

from __future__ import annotations

from datetime import datetime


def as_text(instant: datetime | None) -> str | None:
    """RFC 3339 with offset."""
    return None if instant is None else instant.isoformat()


def as_id(number: int | None) -> str | None:
    """IDs are strings on every wire."""
    return None if number is None else str(number)
