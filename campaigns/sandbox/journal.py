"""Every request that the sandbox has seen, how it ended, and how many were in flight at once."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

KEPT_REQUESTS = 100_000
SETTLE_SECONDS = 1.0  # a client that does not read its answer must not block the inspection for ever


@dataclass(slots=True)
class Seen:
    """One request. `status` is None while it is open, and when it got no reply."""

    at: float
    method: str
    path: str
    kind: str | None
    account: str | None
    retry_count: int | None  # the number that official clients send with their own retries
    number: int = 0
    in_flight: int = 0  # number of its account when it came, this one included
    outcome: str = "open"
    status: int | None = None
    fault: str | None = None
    message_id: int | None = None
    ended: bool = False


@dataclass(slots=True)
class Journal:
    """The request log. Thread-safe. It keeps the newest 100,000 requests, and the counts of all."""

    _requests: deque[Seen] = field(default_factory=lambda: deque(maxlen=KEPT_REQUESTS))
    _outcomes: Counter[str] = field(default_factory=Counter)
    _open: Counter[tuple[str, bool]] = field(default_factory=Counter)
    _most: Counter[tuple[str, bool]] = field(default_factory=Counter)
    _count: int = 0
    _leaving: int = 0
    _lock: threading.Condition = field(default_factory=threading.Condition)

    def begin(self, seen: Seen) -> Seen:
        """Number and keep a request that has arrived whole."""
        with self._lock:
            self._count += 1
            seen.number = self._count
            seen.in_flight = self._enter(seen.account, sends=False)
            if seen.kind == "send":
                self._enter(seen.account, sends=True)
            self._requests.append(seen)
            return seen

    def end(self, seen: Seen) -> None:
        """Record that its last byte is about to leave, or that its connection is cut. A second call does nothing."""
        with self._lock:
            if seen.ended:
                return
            seen.ended = True
            self._leaving += 1
            self._outcomes[seen.outcome] += 1
            if seen.account is not None:
                self._open[seen.account, False] -= 1
                if seen.kind == "send":
                    self._open[seen.account, True] -= 1

    def close(self, seen: Seen) -> None:
        """Record that the server is done with it, whatever became of its reply."""
        self.end(seen)
        with self._lock:
            self._leaving -= 1
            self._lock.notify_all()

    def wait_until_settled(self) -> None:
        """Wait until replies that are just leaving are recorded as delivered: a client may ask before that."""
        with self._lock:
            self._lock.wait_for(lambda: self._leaving == 0, SETTLE_SECONDS)

    def requests(self, *, after: int, limit: int) -> list[Seen]:
        """Requests with a higher number, oldest first."""
        with self._lock:
            return [seen for seen in self._requests if seen.number > after][:limit]

    def summary(self) -> dict[str, Any]:
        """Counts by outcome, and the most requests in flight at once for each account."""
        with self._lock:
            return {
                "requests": self._count,
                "requests_by_outcome": dict(sorted(self._outcomes.items())),
                "overlimit": self._outcomes["over_limit"],
                "most_in_flight": {account: most for (account, sends), most in self._most.items() if not sends},
                "most_sends_in_flight": {account: most for (account, sends), most in self._most.items() if sends},
            }

    def _enter(self, account: str | None, *, sends: bool) -> int:
        if account is None:
            return 1
        self._open[account, sends] += 1
        self._most[account, sends] = max(self._most[account, sends], self._open[account, sends])
        return self._open[account, sends]
