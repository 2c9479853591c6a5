"""The team's budgets: requests a minute, and credits."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from campaigns.sandbox.setup import Setup


@dataclass(slots=True)
class MinuteWindow:
    """Requests a window. Not thread-safe; its owner holds a lock.

    Whether the vendor's window slides is not documented. `fixed` begins with the first request after the last window
    (how Laravel's limiter counts), `calendar` at whole minutes of the clock, `sliding` looks back from each request.
    """

    setup: Setup
    _start: float = -math.inf
    _used: int = 0
    _times: deque[float] = field(default_factory=deque)

    def take(self, now: float) -> bool:
        """Use one request of the window; False when none is left (that request is not counted)."""
        self._advance(now)
        limit = self.setup.limit_per_minute
        if limit is not None and self._count() >= limit:
            return False
        if self.setup.window == "sliding":
            if limit is not None:
                self._times.append(now)
        else:
            self._used += 1
        return True

    def remaining(self, now: float) -> int | None:
        """Requests left; None without a limit."""
        if self.setup.limit_per_minute is None:
            return None
        self._advance(now)
        return max(0, self.setup.limit_per_minute - self._count())

    def seconds_until_free(self, now: float) -> float:
        """Whole seconds until a refused request may be tried again, at least 1."""
        oldest = self._times[0] if self._times else self._start
        return float(max(1, math.ceil(oldest + self.setup.window_seconds - now)))

    def _count(self) -> int:
        return len(self._times) if self.setup.window == "sliding" else self._used

    def _advance(self, now: float) -> None:
        seconds = self.setup.window_seconds
        while self._times and self._times[0] <= now - seconds:
            self._times.popleft()
        if now >= self._start + seconds:
            self._start = now - now % seconds if self.setup.window == "calendar" else now
            self._used = 0
