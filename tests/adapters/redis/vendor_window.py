"""The vendor's own count of our requests, for tests."""

from __future__ import annotations

WINDOW = 60.0
"""Seconds."""


class VendorWindow:
    """What the vendor counts: every request's arrival; its reports come from a fixed or a sliding window."""

    def __init__(self, limit: int, *, phase: float | None) -> None:
        self.limit = limit
        self.phase = phase
        self.counted: list[float] = []

    def count(self, at: float) -> None:
        self.counted.append(at)

    def remaining(self, at: float) -> int:
        begin = at - WINDOW
        if self.phase is not None:
            begin = (at - self.phase) // WINDOW * WINDOW + self.phase - 1e-9
        return max(0, self.limit - sum(begin < moment <= at for moment in self.counted[-2 * self.limit :]))

    def most_in_any_window(self) -> int:
        """The most that any window of the vendor's length holds, at any phase."""
        moments = sorted(self.counted)
        most = first = 0
        for last, moment in enumerate(moments):
            while moments[first] <= moment - WINDOW:
                first += 1
            most = max(most, last - first + 1)
        return most
