"""What a schedule means: in words, with its next occurrences and what may surprise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from campaigns.domain.clocks import zone_of
from campaigns.domain.schedules.occurrences import EVER, INSTANT, occurrences
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.schedules.words import notes, words


@dataclass(frozen=True, slots=True)
class Explanation:
    """A schedule, explained."""

    words: str
    next: tuple[datetime, ...]  # on the clocks of its zone
    notes: tuple[str, ...]


def explain(timing: Timing, start: datetime, count: int) -> Explanation:
    """Explain a schedule that recurs and has no fault, with its next `count` occurrences from a moment on."""
    coming = list(islice(occurrences(timing, start - INSTANT, EVER), count))
    zone = zone_of(timing.zone or "UTC")
    return Explanation(words(timing), tuple(moment.astimezone(zone) for moment in coming), tuple(notes(timing, coming)))
