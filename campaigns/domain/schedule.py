"""When a campaign is due: the occurrences of its schedule, as instants. Rules: docs/decisions/0008-time.md.

A schedule is matched on the local wall clock, and each local time that matches is then mapped to an instant:

    shown once                     that instant
    shown twice (clocks set back)  the first; both for an hourly expression
    skipped (clocks set forward)   the first instant after the gap; none for an hourly expression

Occurrences that fall on the same instant are one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from campaigns.domain.recurrence import Cron, read_cron, read_every
from campaigns.domain.schedule_words import words
from campaigns.domain.timing import Timing
from campaigns.domain.zones import SECOND, change_at, clock_change, first_instant, local_of, readings, zone_of

__all__ = ["clock_change", "jitter_of", "next_after", "occurrences", "words"]

INSTANT = timedelta(microseconds=1)


def next_after(timing: Timing, moment: datetime, *, starts_at: datetime | None = None) -> datetime | None:
    """The first occurrence strictly after a moment, in UTC; None when none comes any more.

    Keeps to `begins` and `until`, both inclusive, but counts no runs. Once: its only time, `starts_at`.
    """
    if timing.begins is not None:
        moment = max(moment, timing.begins - INSTANT)
    found = _next_after(timing, moment.astimezone(UTC), starts_at)
    if found is None or (timing.until is not None and found > timing.until):
        return None
    return found


def occurrences(
    timing: Timing, after: datetime, until: datetime, *, starts_at: datetime | None = None
) -> Iterator[datetime]:
    """The occurrences after one moment and up to another, that one included, in order."""
    found = next_after(timing, after, starts_at=starts_at)
    while found is not None and found <= until:
        yield found
        found = next_after(timing, found, starts_at=starts_at)


def jitter_of(campaign_id: int, occurrence: datetime, jitter_seconds: float) -> timedelta:
    """How much later than its nominal instant an occurrence opens: the same part of [0, jitter) whenever asked."""
    named = f"{campaign_id} {occurrence.astimezone(UTC).isoformat()}"
    part = int.from_bytes(hashlib.sha256(named.encode()).digest()[:6])
    whole = int(jitter_seconds * 1_000_000)
    return timedelta(microseconds=part * whole >> 48)


def _next_after(timing: Timing, moment: datetime, starts_at: datetime | None) -> datetime | None:
    try:
        if timing.cron is not None:
            return _next_of_cron(read_cron(timing.cron), zone_of(timing.zone or "UTC"), moment)
        if timing.every is not None and timing.starting is not None:
            return _next_of_every(read_every(timing.every), timing.starting, zone_of(timing.zone or "UTC"), moment)
    except OverflowError:  # the year 9999
        return None
    return starts_at.astimezone(UTC) if starts_at is not None and starts_at > moment else None


def _next_of_cron(cron: Cron, zone: ZoneInfo, moment: datetime) -> datetime | None:
    if cron.is_hourly:
        return _next_of_hourly(cron, zone, moment)
    # Whatever matches up to the local time of `moment` has its first instant at or before it.
    for local in cron.local_times(local_of(moment, zone)):
        found = first_instant(local, zone)
        if found > moment:
            return found
    return None


def _next_of_hourly(cron: Cron, zone: ZoneInfo, moment: datetime) -> datetime | None:
    now = local_of(moment, zone)
    shown = readings(now, zone)
    if len(shown) > 1 and moment < shown[1]:
        again = _next_when_set_back(cron, zone, now)
        if again is not None:
            return again
    for local in cron.local_times(now):
        for found in readings(local, zone):
            if found > moment:
                return found
    return None


def _next_when_set_back(cron: Cron, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The next match while clocks show for the first time what they will show twice; None: it comes later."""
    change = change_at(now, zone)
    ahead = next(cron.local_times(now), None)
    if ahead is not None and (found := readings(ahead, zone)) and found[0] < change:
        return found[0]
    again = next(cron.local_times(local_of(change, zone) - SECOND), None)
    if again is None:
        return None
    shown = readings(again, zone)
    return shown[1] if len(shown) > 1 else None


def _next_of_every(step: timedelta, starting: datetime, zone: ZoneInfo, moment: datetime) -> datetime:
    count = max(0, (local_of(moment, zone) - starting) // step)
    while True:
        found = first_instant(starting + count * step, zone)
        if found > moment:
            return found
        count += 1
