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


class RunningClock(DrivenClock):
    """The machine's clock, which a test may put forward: for a worker beside commands that go by the real time."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self, _connection: Any = None) -> datetime:
        return self.now

    @property
    def now(self) -> datetime:  # type: ignore[override]
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> datetime:
        self._ahead += timedelta(seconds=seconds)
        return self.now
