"""Which instants a schedule means, found by looking at a clock: minute by minute near a change, day by day elsewhere.

Written from the rules of time alone (docs/schedules.md) and apart from the code that it judges: it shares nothing with
`campaigns` and reads the five fields itself, the two day fields as Debian's crontab(5) says. An instant is the number
of whole minutes since 1970 UTC.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Protocol
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
DAY_MINUTES = 1440
WALK_MINUTES = DAY_MINUTES
"""How far around a change every minute is looked at. No change of clocks sets them by more than that."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY = EPOCH.date().toordinal()
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


class Rule(Protocol):
    """What a local wall clock has to show."""

    @property
    def minutes(self) -> tuple[int, ...]:
        """Of the day, rising."""
        ...

    @property
    def hourly(self) -> bool:
        """Whether every hour of the day matches."""
        ...

    def on(self, day: date) -> bool:
        """Whether that local day is one."""
        ...


class CronRule:
    """Five fields."""

    def __init__(self, expression: str) -> None:
        minute, hour, day, month, weekday = expression.upper().split()
        hours = _numbers(hour, 0, 23)
        self.minutes = tuple(sorted(h * 60 + m for h in hours for m in _numbers(minute, 0, 59)))
        self.hourly = len(hours) == 24
        self._months = _numbers(month, 1, 12, MONTHS, first=1)
        self._days, self._weekdays = day.split(","), weekday.split(",")
        self._both = day.startswith("*") or weekday.startswith("*")

    def on(self, day: date) -> bool:
        """Both day fields have to match when one begins with a star; else either."""
        if day.month not in self._months:
            return False
        found = (
            any(_is_day_of_month(part, day) for part in self._days),
            any(_is_weekday(part, day) for part in self._weekdays),
        )
        return all(found) if self._both else any(found)


@cache
def _is_day_of_month(part: str, day: date) -> bool:
    last = monthrange(day.year, day.month)[1]
    if part == "L":
        return day.day == last
    if part == "LW":
        return day.day == max(d for d in range(1, last + 1) if day.replace(day=d).isoweekday() <= 5)
    return day.day in _numbers(part, 1, 31)


@cache
def _is_weekday(part: str, day: date) -> bool:
    """`5L` is the last Friday of the month, `5#2` the second."""
    name, sharp, count = part.partition("#")
    of_name = _numbers(name.removesuffix("L"), 0, 6 if name.startswith("*") else 7, WEEKDAYS)
    if day.isoweekday() % 7 not in {number % 7 for number in of_name}:
        return False
    if name.endswith("L"):
        return day.day + 7 > monthrange(day.year, day.month)[1]
    return not sharp or (day.day + 6) // 7 == int(count)


class EveryRule:
    """`2 weeks`, from a local time on."""

    hourly = False

    def __init__(self, every: str, starting: datetime) -> None:
        count, unit = every.split()
        self._days = int(count) * {"day": 1, "days": 1, "week": 7, "weeks": 7}[unit]
        self._first = starting.date()
        self.minutes: tuple[int, ...] = (starting.hour * 60 + starting.minute,)

    def on(self, day: date) -> bool:
        """Whether a whole number of periods has passed."""
        passed = (day - self._first).days
        return passed >= 0 and passed % self._days == 0


def _numbers(text: str, low: int, high: int, names: Sequence[str] = (), first: int = 0) -> set[int]:
    def number(word: str) -> int:
        return names.index(word) + first if word in names else int(word)

    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        start, dash, end = ("", "-", "") if span == "*" else span.partition("-")
        if slash and not dash:
            raise ValueError(f"'{part}' steps without a range")
        begins = number(start) if start else low
        ends = (number(end) if end else high) if dash else begins
        if not low <= begins <= ends <= high:
            raise ValueError(f"'{part}' is outside {low}-{high}")
        found.update(range(begins, ends + 1, int(step) if slash else 1))
    return found


@dataclass
class WalkedDay:
    """A local day near a change: minutes of the day with the instants at which the clock showed them."""

    first: list[tuple[int, int]] = field(default_factory=list)
    again: list[tuple[int, int]] = field(default_factory=list)
    skipped: list[tuple[int, int]] = field(default_factory=list)  # with the first instant after the gap


@dataclass(frozen=True)
class PlainDay:
    """A local day, or what of it lies in [begins, ends), through which the clock runs evenly."""

    day: date
    midnight: int
    begins: int
    ends: int


class Clock:
    """A zone's wall clock through a period, looked at once and then asked about many rules."""

    def __init__(self, zone: ZoneInfo, changes: Sequence[int], start: int, end: int) -> None:
        self._zone = zone
        self._walked: dict[date, WalkedDay] = {}
        self._plain: list[PlainDay] = []
        reached = start
        for begins, ends in _windows(changes, start, end):
            self._plain.extend(self._evenly(reached, begins))
            self._walk(begins, ends)
            reached = ends
        self._plain.extend(self._evenly(reached, end))

    def instants(self, rule: Rule) -> list[int]:
        """All occurrences of the period, in order, those that fall on one instant once."""
        found: set[int] = set()
        for piece in self._plain:
            if rule.on(piece.day):
                found.update(i for m in rule.minutes if piece.begins <= (i := piece.midnight + m) < piece.ends)
        wanted = set(rule.minutes)
        for day, walked in self._walked.items():
            if rule.on(day):
                shown = walked.first + (walked.again if rule.hourly else walked.skipped)
                found.update(instant for minute, instant in shown if minute in wanted)
        return sorted(found)

    def _walk(self, begins: int, ends: int) -> None:
        """Look at every minute."""
        before = self.local(begins - 1)
        shown: set[datetime] = set()
        for instant in range(begins, ends):
            local = self.local(instant)
            missing = before + MINUTE
            while missing < local:
                self._walked_day(missing).skipped.append((_minute_of_day(missing), instant))
                missing += MINUTE
            day = self._walked_day(local)
            (day.again if local in shown else day.first).append((_minute_of_day(local), instant))
            shown.add(local)
            before = local

    def _walked_day(self, local: datetime) -> WalkedDay:
        return self._walked.setdefault(local.date(), WalkedDay())

    def _evenly(self, begins: int, ends: int) -> Iterator[PlainDay]:
        """The local days of a stretch without a change."""
        if begins >= ends:
            return
        day, last = self.local(begins).date(), self.local(ends - 1).date()
        offset = self._offset(begins)
        while day <= last:
            midnight = (day.toordinal() - EPOCH_DAY) * DAY_MINUTES - offset
            low, high = max(begins, midnight), min(ends, midnight + DAY_MINUTES)
            if {self._offset(low), self._offset(high - 1)} != {offset}:
                raise ValueError(f"{self._zone.key} has a change on {day} that nobody named")
            yield PlainDay(day, midnight, low, high)
            day += timedelta(days=1)

    def local(self, instant: int) -> datetime:
        """What the clock shows."""
        return (EPOCH + instant * MINUTE).astimezone(self._zone).replace(tzinfo=None, fold=0)

    def _offset(self, instant: int) -> int:
        return (self.local(instant) - (EPOCH + instant * MINUTE).replace(tzinfo=None)) // MINUTE


def _windows(changes: Sequence[int], start: int, end: int) -> list[tuple[int, int]]:
    """Around every change; windows that touch are one."""
    found: list[tuple[int, int]] = []
    for change in changes:
        begins, ends = max(change - WALK_MINUTES, start), min(change + WALK_MINUTES, end)
        if begins >= ends:
            continue
        if found and begins <= found[-1][1]:
            begins = found.pop()[0]
        found.append((begins, ends))
    return found


def _minute_of_day(local: datetime) -> int:
    return local.hour * 60 + local.minute
