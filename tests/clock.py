"""A clock that tests drive: it stands still until told to go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A Monday noon, far from any change of clocks."""


class DrivenClock:
    """What `open_store(url, clock=...)` takes: asked with a connection, it answers the time that the test has set."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self, _connection: Any = None) -> datetime:
        return self.now

    def advance(self, seconds: float) -> datetime:
        """Let that many seconds pass; returns the new time."""
        self.now += timedelta(seconds=seconds)
        return self.now
