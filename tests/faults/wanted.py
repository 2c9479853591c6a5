"""What a storm is to be like: how much of everything, which faults, what the vendor does, and what may be asked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from tests.faults.installation import LOOKS
from tests.faults.questions import Budget

FAULTS = {
    "restores": "the database is put back to a copy, with Redis as it is, emptied, or put back too",
    "promotions": "PostgreSQL's replica takes over; the old primary is stopped, or read-only under open connections",
    "homes": "two hosts, each with a home of its own",
    "pooler": "one of two hosts reaches PostgreSQL through PgBouncer, in transaction mode",
    "decisions": "operators pause, cancel, rerun, reconcile and decide at random",
}
"""What can be left out of a storm. Kills and cuts are given as numbers."""

CUTS_FOR_A_RESTORE = 30
CUTS_FOR_A_PROMOTION = 50


@dataclass(frozen=True)
class Wanted:
    """How much of everything. A fault of the database comes at least once, however short the storm is."""

    kills: int
    cuts: int
    seed: int
    faults: Collection[str] = field(default_factory=lambda: frozenset(FAULTS))

    def upheavals(self, *, on_sqlite: bool) -> list[str]:
        """What befalls the database among the cuts, in no order."""
        restores = max(1, self.cuts // CUTS_FOR_A_RESTORE) if "restores" in self.faults and self.cuts else 0
        promotes = "promotions" in self.faults and self.cuts and not on_sqlite
        promotions = max(1, self.cuts // CUTS_FOR_A_PROMOTION) if promotes else 0
        return ["restore"] * restores + ["promotion"] * promotions


RATE_PER_MINUTE = 3000
RESERVE = 0.2

SETTINGS = {"CAMPAIGNS_RATE_PER_MINUTE": str(RATE_PER_MINUTE), "CAMPAIGNS_RATE_RESERVE": str(RESERVE)}
"""On top of those of every rig: more than a storm can send, so that only what runs wild is over it."""

BUDGET = Budget(
    per_minute=RATE_PER_MINUTE,
    questions_per_minute=int(RATE_PER_MINUTE * RESERVE),
    questions_per_search=LOOKS * 4,
    whoami_per_worker=3,
)
"""A look asks for the list, and for each item there that nobody owns: one, or a few, among them other tools'. A worker
asks once whose key it has, and again when that failed."""

VENDOR: dict[str, object] = {
    "limit_per_minute": None,
    "answer_seconds": 0.08,
    "rates": [
        {"fault": "throttled_by_vendor", "rate": 0.02, "retry_after": 1.0},
        {"fault": "throttled_by_vendor", "rate": 0.2, "retry_after": 1.0, "request": "whoami"},
        {"fault": "throttled_by_onlyfans", "rate": 0.02, "retry_after": 1.0},
        {"fault": "lost_answer", "rate": 0.015},
        {"fault": "half_answer", "rate": 0.005},
        {"fault": "answer_502_after_accepting", "rate": 0.01},
        {"fault": "html_502_after_accepting", "rate": 0.005},
        {"fault": "accepted_with_html", "rate": 0.005},
        {"fault": "hang", "rate": 0.01, "seconds": 5.0},
        {"fault": "html_502", "rate": 0.005},
        {"fault": "dropped_before_acting", "rate": 0.005, "cut": "reset"},
        {"fault": "answer_504_before_acting", "rate": 0.005},
        {"fault": "refused_by_onlyfans", "rate": 0.005},
        {"fault": "foreign_item", "rate": 0.02, "text": "Written by another tool"},
    ],
}
"""What the vendor does all the while; each of its lives draws anew. Refused connections come from its kills."""
