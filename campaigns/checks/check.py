"""The result of a check."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

AWAY, FAULTY, NOT_MIGRATED, REFUSED = 75, 2, 4, 7

AT = "{at}"
"""Where the time of a check belongs in what was found: each edge prints times in its own way."""


@dataclass(frozen=True, slots=True)
class Check:
    """One part, its state, and the fix."""

    part: str
    state: Literal["ok", "note", "fault"]
    found: str  # with AT where `at` belongs
    fix: str | None = None
    exit_code: int = 0  # of `doctor`, for a fault
    at: datetime | None = None
