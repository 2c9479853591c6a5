"""When a campaign is due: the occurrences of its schedule, as instants. Rules: docs/decisions/0008-time.md.

A schedule is matched on the local wall clock, and each local time that matches is then mapped to an instant:

    shown once                     that instant
    shown twice (clocks set back)  the first; both for an hourly expression
    skipped (clocks set forward)   the first instant after the gap; none for an hourly expression

Occurrences that fall on the same instant are one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import get_args
from zoneinfo import ZoneInfo

from campaigns.domain.clocks import (
    SECOND,
    change_at,
    first_instant,
    local_of,
    on_clocks,
    readings,
    zone_names,
    zone_of,
)
from campaigns.domain.schedules.recurrence import Cron, read_cron, read_every
from campaigns.domain.schedules.sending_hours import hours_faults
from campaigns.domain.schedules.timing import Misfire, Overlap, Timing
from campaigns.domain.schedules.words import words

__all__ = ["EVER", "INSTANT", "jitter_of", "next_after", "occurrences", "schedule_faults", "words"]

INSTANT = timedelta(microseconds=1)
"""The shortest time there is."""

EVER = datetime.max.replace(tzinfo=UTC)
"""The last moment there is."""

LOOKED_AT = 400
"""How many coming occurrences are compared to find the least distance of two."""


def next_after(timing: Timing, moment: datetime, *, starts_at: datetime | None = None) -> datetime | None:
    """The first occurrence strictly after a moment, in UTC; None when there is none.

    Respects `begins` and `until`, both inclusive, but counts no runs. Sent once: `starts_at` alone.
    """
    if timing.begins is not None:
        moment = max(moment, timing.begins - INSTANT)
    occurrence = _next_after(timing, moment.astimezone(UTC), starts_at)
    if occurrence is None or (timing.until is not None and occurrence > timing.until):
        return None
    return occurrence


def occurrences(
    timing: Timing, after: datetime, until: datetime, *, starts_at: datetime | None = None
) -> Iterator[datetime]:
    """The occurrences after one moment and up to another, that one included, in order."""
    occurrence = next_after(timing, after, starts_at=starts_at)
    while occurrence is not None and occurrence <= until:
        yield occurrence
        occurrence = next_after(timing, occurrence, starts_at=starts_at)


def jitter_of(campaign_id: int, occurrence: datetime, jitter_seconds: float) -> timedelta:
    """How much later than its nominal instant an occurrence opens: always the same part of [0, jitter)."""
    if not jitter_seconds:
        return timedelta(0)
    named = f"{campaign_id} {occurrence.astimezone(UTC).isoformat()}"
    part = int.from_bytes(hashlib.sha256(named.encode()).digest()[:6])
    whole = int(jitter_seconds * 1_000_000)
    return timedelta(microseconds=part * whole >> 48)


def schedule_faults(
    timing: Timing, now: datetime, *, starts_at: datetime | None = None, tick_seconds: float = 0.0
) -> list[str]:
    """Every fault of a timing, one clause each; empty when it can be used.

    `now` decides what has passed; `tick_seconds` is the time between two looks for what is due.
    """
    faults = _kind_faults(timing, starts_at)
    computable = not faults
    faults += _limit_faults(timing, now)
    faults += _late_faults(timing, tick_seconds)
    faults += hours_faults(timing, now) if computable else []
    if computable and timing.recurs:
        faults += _occurrence_faults(timing, now) if not faults else []
    return faults


def _kind_faults(timing: Timing, starts_at: datetime | None) -> list[str]:
    kinds = [name for name in ("cron", "every") if getattr(timing, name) is not None]
    kinds += ["at"] if starts_at is not None else []
    faults = []
    if len(kinds) > 1:
        faults.append(f"{' and '.join(kinds)} each say when, but a campaign has one schedule; keep one of them")
    if timing.recurs and timing.zone is None:
        faults.append(f"{kinds[0]} needs a zone, such as Europe/Berlin")
    if timing.every is not None and timing.starting is None:
        faults.append("every needs starting, its first local time")
    if timing.every is None and timing.starting is not None:
        faults.append("starting is the first time of every, but there is no every")
    faults += _read_fault(read_cron, timing.cron) + _read_fault(read_every, timing.every)
    return faults + [f"zone {fault}" for fault in _read_fault(zone_of, timing.zone)]


def _read_fault(read: Callable[[str], object], text: str | None) -> list[str]:
    try:
        if text is not None:
            read(text)
    except ValueError as fault:
        return [str(fault)]
    return []


def _limit_faults(timing: Timing, now: datetime) -> list[str]:
    faults = []
    if not timing.recurs:
        given = {"begins": timing.begins, "until": timing.until, "max_runs": timing.max_runs}
        named = [
            name for name, value in {**given, "jitter": timing.jitter_seconds or None}.items() if value is not None
        ]
        if named:
            faults.append(f"{' and '.join(named)} are for a schedule that recurs, but there is neither cron nor every")
    if timing.max_runs is not None and timing.max_runs < 1:
        faults.append(f"max_runs is {timing.max_runs}, but a schedule runs at least once")
    if timing.until is not None:
        zone = timing.zone if timing.zone in zone_names() else None
        if timing.begins is not None and timing.until < timing.begins:
            faults.append(f"until {on_clocks(timing.until, zone)} is before begins {on_clocks(timing.begins, zone)}")
        elif timing.until <= now:
            faults.append(f"until {on_clocks(timing.until, zone)} has passed")
    return faults


def _late_faults(timing: Timing, tick_seconds: float) -> list[str]:
    faults = []
    for name, known in (("misfire", get_args(Misfire)), ("overlap", get_args(Overlap))):
        value = getattr(timing, name)
        if value not in known:
            faults.append(f"{name} is '{value}', but may be {', '.join(known[:-1])} or {known[-1]}")
    if timing.grace < tick_seconds:
        faults.append(
            f"grace is {timing.grace:g} s, shorter than the tick of {tick_seconds:g} s (CAMPAIGNS_TICK_SECONDS), so "
            "every occurrence could be found too late"
        )
    if timing.expires_seconds is not None and timing.expires_seconds <= 0:
        faults.append("expires is 0, so nothing could be sent")
    elif timing.expires_seconds is not None and timing.over_seconds > timing.expires_seconds:
        faults.append("over is longer than expires, so the last batches could never be sent")
    return faults


def _occurrence_faults(timing: Timing, now: datetime) -> list[str]:
    looked_at = LOOKED_AT if timing.jitter_seconds else 1
    coming = list(islice(occurrences(timing, now, EVER), looked_at))
    if not coming:
        ends = (
            f" before it ends at {on_clocks(timing.until, timing.zone)}"
            if timing.until is not None
            else " in the next 50 years"
        )
        return [f"the schedule ({words(timing)}) has no occurrence{ends}"]
    least = min((later - earlier for earlier, later in pairwise(coming)), default=None)
    if least is not None and timing.jitter_seconds >= least.total_seconds():
        apart = f"two occurrences are {least.total_seconds():g} s apart"
        return [f"jitter is {timing.jitter_seconds:g} s, but {apart}; it must be shorter than that"]
    return []


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
        instant = first_instant(local, zone)
        if instant > moment:
            return instant
    return None


def _next_of_hourly(cron: Cron, zone: ZoneInfo, moment: datetime) -> datetime | None:
    now = local_of(moment, zone)
    shown = readings(now, zone)
    if len(shown) > 1 and moment < shown[1]:
        again = _next_when_set_back(cron, zone, now)
        if again is not None:
            return again
    for local in cron.local_times(now):
        for instant in readings(local, zone):
            if instant > moment:
                return instant
    return None


def _next_when_set_back(cron: Cron, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The next match in the first of two passes of an hour that is shown twice; None: it comes later."""
    change = change_at(now, zone)
    ahead = next(cron.local_times(now), None)
    if ahead is not None and (instants := readings(ahead, zone)) and instants[0] < change:
        return instants[0]
    again = next(cron.local_times(local_of(change, zone) - SECOND), None)
    if again is None:
        return None
    shown = readings(again, zone)
    return shown[1] if len(shown) > 1 else None


def _next_of_every(step: timedelta, starting: datetime, zone: ZoneInfo, moment: datetime) -> datetime:
    count = max(0, (local_of(moment, zone) - starting) // step)
    while True:
        instant = first_instant(starting + count * step, zone)
        if instant > moment:
            return instant
        count += 1
