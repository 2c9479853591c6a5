"""Every request that the vendor got, by its own log, against the budget."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from tests.faults.installation import Installation

QUESTIONS = {"list", "get", "overview", "whoami", "accounts"}
WINDOW_SECONDS = 60.0
AT_ONCE = 1000


@dataclass(frozen=True)
class Budget:
    """What may be asked."""

    per_minute: int  # of everything
    questions_per_minute: int
    questions_per_search: int
    whoami_per_worker: int  # how often a process may ask whose key it has


@dataclass
class RequestLog:
    """The vendor forgets its log with each kill, so it has to be read before."""

    _site: Installation
    _life: int = 0
    _read: int = 0
    _seen: list[tuple[float, str]] = field(default_factory=list)

    def read(self) -> None:
        """Read what is new; nothing when the vendor is away."""
        for vendor in self._site.alive("vendor"):
            if vendor.pid != self._life:
                self._life, self._read = vendor.pid, 0
            while self._page() == AT_ONCE:
                pass

    def counts(self) -> dict[str, int]:
        """How many of each kind."""
        return dict(Counter(kind for _, kind in self._seen))

    def busiest(self) -> dict[str, int]:
        """The most requests within a minute."""
        return {"requests": self.busiest_minute(), "questions": self.busiest_minute(QUESTIONS)}

    def busiest_minute(self, kinds: set[str] | None = None) -> int:
        """The most requests of these kinds, or of all, within any minute."""
        moments = sorted(at for at, kind in self._seen if kinds is None or kind in kinds)
        most = first = 0
        for last, at in enumerate(moments):
            while at - moments[first] >= WINDOW_SECONDS:
                first += 1
            most = max(most, last - first + 1)
        return most

    def faults(self, budget: Budget, *, searches: int, workers: int) -> list[str]:
        """Where more was asked than the budget allows.

        `searches`: how often an unknown was to be searched for; `workers`: how many processes were started.
        """
        counts = Counter(kind for _, kind in self._seen)
        compared = (
            ("requests within a minute", self.busiest_minute(), budget.per_minute),
            ("questions within a minute", self.busiest_minute(QUESTIONS), budget.questions_per_minute),
            (
                f"questions for {searches} searches",
                counts["list"] + counts["overview"] + counts["get"],
                budget.questions_per_search * searches,
            ),
            (f"whoami by {workers} workers", counts["whoami"], budget.whoami_per_worker * workers),
        )
        return [f"{made} {what}, where {allowed} are allowed" for what, made, allowed in compared if made > allowed]

    def _page(self) -> int:
        address = f"http://127.0.0.1:{self._site.vendor_port}/sandbox/requests"
        asked = {"after": self._read, "limit": AT_ONCE}
        try:
            answer = httpx.get(address, params=asked, timeout=10.0, trust_env=False).raise_for_status().json()
        except httpx.HTTPError:
            return 0
        for seen in answer["requests"]:
            self._read = seen["number"]
            self._seen.append((datetime.fromisoformat(seen["at"]).timestamp(), seen["kind"] or "other"))
        return len(answer["requests"])
