"""Local times and instants: which instant a local time is when clocks are changed, and when that happens.

Zone data comes from the `tzdata` package alone. The copy of another machine may be years older, and two hosts that
disagree about a clock change would open one occurrence at two instants, that is twice.
"""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from campaigns.domain.zone_hints import hint

zoneinfo.reset_tzpath(to=())
ZoneInfo.clear_cache()

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


@cache
def zone_names() -> frozenset[str]:
    """Every zone that `tzdata` knows."""
    return frozenset(zoneinfo.available_timezones())


@cache
def zone_of(name: str) -> ZoneInfo:
    """The zone of that name. Raises ValueError with the zone that is probably meant."""
    if name not in zone_names():
        raise ValueError(f"'{name}' is not a known time zone{hint(name, zone_names())}")
    return ZoneInfo(name)


def local_of(moment: datetime, zone: ZoneInfo) -> datetime:
    """The time that a clock in the zone shows at that instant, without an offset."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def readings(local: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The instants at which a clock shows this local time: one, two where it is set back, none where it skips it."""
    before, after = _offsets(local, zone)
    if before < after:
        return ()
    first = (local - before).replace(tzinfo=UTC)
    return (first,) if before == after else (first, (local - after).replace(tzinfo=UTC))


def on_clocks(moment: datetime, zone: str | None) -> str:
    """A moment for people, with its offset and its zone: `2026-11-27 18:00+01:00 Europe/Berlin`.

    The rule for all times in sentences: on the clocks of the campaign's zone (else its account's), or without a zone on
    those of this machine.
    """
    local = moment.astimezone(zone_of(zone) if zone is not None else None)
    text = local.isoformat(sep=" ", timespec="seconds" if local.second else "minutes")
    return f"{text} {zone or local.tzname()}"


def first_instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which a clock in the zone shows this local time or a later one.

    That is its only reading, the first of two, or the end of the gap that skips it; so it never falls when `local`
    grows.
    """
    instants = readings(local, zone)
    return instants[0] if instants else change_at(local, zone)


def change_at(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant of the clock change that skips this local time or shows it twice."""
    before, after = _offsets(local, zone)
    early, late = sorted(((local - before).replace(tzinfo=UTC), (local - after).replace(tzinfo=UTC)))
    return change_between(early, late, zone)


def change_between(early: datetime, late: datetime, zone: ZoneInfo) -> datetime:
    """The instant between two at which the offset changes; there is one change only between them."""
    old = early.astimezone(zone).utcoffset()
    while late - early > SECOND:
        middle = early + timedelta(seconds=(late - early) // SECOND // 2)
        if middle.astimezone(zone).utcoffset() == old:
            early = middle
        else:
            late = middle
    return late.replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class ClockChange:
    """Clocks are set on or back: the local times from `start` to `end` are skipped, or shown twice."""

    at: datetime  # the instant
    forward: bool
    start: datetime
    end: datetime

    @property
    def by(self) -> timedelta:
        """How far the clocks are set."""
        return self.end - self.start

    @property
    def shown(self) -> datetime:
        """What clocks show when they are set."""
        return self.start if self.forward else self.end


def change_on(day: date, zone: ZoneInfo) -> ClockChange | None:
    """The change of clocks on a local day, if there is one; at 24:00 belongs to the day that ends."""
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a local time, its zone beside it
    before, after = _offset(midnight, zone), _offset(midnight + DAY, zone)
    if before == after:
        return None
    early, late = (midnight - before).replace(tzinfo=UTC) - SECOND, (midnight + DAY - after).replace(tzinfo=UTC)
    at = change_between(early, late, zone)
    start, end = sorted(at.replace(tzinfo=None) + offset for offset in (before, after))
    return ClockChange(at, before < after, start, end)


def clock_change(zone: str, day: date) -> str | None:
    """What the zone's clocks do on a local day, in words: `clocks go forward 1 h at 02:00`."""
    change = change_on(day, zone_of(zone))
    if change is None:
        return None
    return f"clocks go {'forward' if change.forward else 'back'} {_length(change.by)} at {time_on(day, change.shown)}"


def time_on(day: date, local: datetime) -> str:
    """A local time of a day, its end called 24:00."""
    return f"{local:%H:%M}" if local.date() <= day else "24:00"


def _length(by: timedelta) -> str:
    minutes = by // timedelta(minutes=1)
    hours, rest = divmod(minutes, 60)
    return " ".join(f"{count} {unit}" for count, unit in ((hours, "h"), (rest, "min")) if count)


def _offsets(local: datetime, zone: ZoneInfo) -> tuple[timedelta, timedelta]:
    """The offset before and after the change nearest to a local time; equal where it is read in one way only."""
    return _offset(local, zone), _offset(local.replace(fold=1), zone)


def _offset(local: datetime, zone: ZoneInfo) -> timedelta:
    return local.replace(tzinfo=zone).utcoffset() or timedelta(0)
