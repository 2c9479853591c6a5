"""Sending hours: when a run may send, by clocks on the wall. Rules: docs/decisions/0008-time.md.

A window such as `09:00-22:00` is open at every instant at which a clock in its zone shows a time within it. So one that
begins in an hour that clocks skip opens at the first valid instant, and one that is shown twice is open both times. A
run sends only while all its windows are open: its campaign's and its account's, each in its own zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from campaigns.domain.clocks import DAY, change_between, local_of, zone_of
from campaigns.domain.schedules.timing import Timing

FORM = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})", re.ASCII)
EXAMPLE = "write them as 09:00-22:00, or 18:00-02:00 over midnight"

MINUTE = timedelta(minutes=1)
WHOLE_DAY = DAY // MINUTE

LOOKED_AHEAD = timedelta(days=366)
"""Search horizon: windows that are never open together within a year never are."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of every day, on no clock in particular. Minutes."""

    opens: int  # after midnight
    lasts: int  # 1 to a whole day: 22:00 to 06:00 is one window

    @classmethod
    def parse(cls, text: str) -> Hours:
        """Read `09:00-22:00`. Raises ValueError, a clause that says what is wrong."""
        match = FORM.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"hours '{text}' are not valid hours; {EXAMPLE}")
        hour, minute, last_hour, last_minute = (int(part) for part in match.groups())
        opens, closes = hour * 60 + minute, last_hour * 60 + last_minute
        if max(minute, last_minute) >= 60 or opens >= WHOLE_DAY or closes > WHOLE_DAY:  # noqa: PLR2004 - minutes
            raise ValueError(f"hours '{text}' name a time that no clock shows; {EXAMPLE}")
        if opens == closes:
            raise ValueError(f"hours '{text}' open and close at once; {EXAMPLE}, and 00:00-24:00 for the whole day")
        return cls(opens, closes - opens if closes > opens else closes - opens + WHOLE_DAY)

    def __str__(self) -> str:
        closes = self.opens + self.lasts
        return f"{_clock(self.opens)}-{_clock(closes if closes <= WHOLE_DAY else closes - WHOLE_DAY)}"

    @property
    def is_always(self) -> bool:
        """Whether they never close."""
        return self.lasts == WHOLE_DAY


@dataclass(frozen=True, slots=True)
class Window:
    """Hours on the clocks of a zone."""

    hours: Hours
    zone: ZoneInfo

    def __str__(self) -> str:
        return f"{self.hours} {self.zone.key}"

    @property
    def shown(self) -> dict[str, str]:
        """As it is shown and stored."""
        return {"hours": str(self.hours), "zone": self.zone.key}

    def is_open(self, moment: datetime) -> bool:
        """Whether a clock in the zone shows a time within the hours."""
        return (self._shown(moment) - self.hours.opens * MINUTE) % DAY < self.hours.lasts * MINUTE

    def changes_at(self, moment: datetime) -> datetime:
        """The first instant after one at which it opens, or closes if it is open then; it is not always open."""
        moment = moment.astimezone(UTC)  # adding to a local time would move the clock on the wall, not time
        was_open = self.is_open(moment)
        turns = (self.hours.opens + self.hours.lasts * was_open) * MINUTE
        while True:
            there = moment + (turns - self._shown(moment)) % DAY
            if self._offset(there) == self._offset(moment):
                return there
            moment = change_between(moment, there, self.zone)
            if self.is_open(moment) != was_open:
                return moment

    def _shown(self, moment: datetime) -> timedelta:
        """The time since midnight that a clock shows."""
        shown = local_of(moment, self.zone)
        return shown - shown.replace(hour=0, minute=0, second=0, microsecond=0)

    def _offset(self, moment: datetime) -> timedelta | None:
        return moment.astimezone(self.zone).utcoffset()


def windows_of(
    timing: Timing, *, account_hours: str | None = None, account_zone: str | None = None
) -> tuple[Window, ...]:
    """What must be open for a run to send; empty when it may at any time. Raises ValueError.

    A campaign whose timing names no zone follows its account's clocks.
    """
    local = account_zone or "UTC"
    named = ((timing.hours, timing.zone or local), (account_hours, local))
    return tuple(
        window for text, place in named if text is not None and not (window := _window(text, place)).hours.is_always
    )


def read_windows(shown: Iterable[Mapping[str, str]]) -> tuple[Window, ...]:
    """The windows that `Window.shown` describes."""
    return tuple(_window(one["hours"], one["zone"]) for one in shown)


@lru_cache(maxsize=1024)
def _window(text: str, zone: str) -> Window:
    return Window(Hours.parse(text), zone_of(zone))


def hours_faults(timing: Timing, now: datetime, *, account: tuple[str | None, str | None] | None = None) -> list[str]:
    """Why a campaign with these hours would never send, or nobody could tell when; one clause each.

    `account`: the hours and the zone of its account. Without it, only what is wrong on any account.
    """
    if timing.hours is None:
        return []
    account_hours, account_zone = account or (None, None)
    if account is not None and not (timing.zone or account_zone):
        return [f"hours {timing.hours} need a zone, the campaign's or its account's, such as Europe/Berlin"]
    try:
        windows = windows_of(timing, account_hours=account_hours, account_zone=account_zone)
    except ValueError as fault:
        return [str(fault)]
    if _opening(windows, now) is None:
        together = " and the account's ".join(str(window) for window in windows)
        return [f"its hours {together} are never open at the same time, so nothing could be sent"]
    return []


def opens_at(windows: Sequence[Window], now: datetime) -> datetime | None:
    """When all windows are open next; None: they are open now. Windows that never are: a year later."""
    now = now.astimezone(UTC)
    opening = _opening(windows, now)
    if opening is None:
        return now + LOOKED_AHEAD
    return None if opening == now else opening


def closes_at(windows: Sequence[Window], now: datetime) -> datetime | None:
    """When the first open window closes; None: never."""
    return min((window.changes_at(now) for window in windows if not window.hours.is_always), default=None)


def advance(windows: Sequence[Window], start: datetime, seconds: float) -> datetime:
    """The first open instant that is `seconds` of open time after `start`."""
    return next(spread(windows, start, [seconds]))


def spread(windows: Sequence[Window], start: datetime, seconds: Iterable[float]) -> Iterator[datetime]:
    """`advance` for many lengths in rising order; a year later for windows that are never open together."""
    start = start.astimezone(UTC)
    spans = open_spans(windows, start)
    span, passed = next(spans, None), timedelta(0)
    for after in seconds:
        wanted = timedelta(seconds=after)
        while span is not None and span[1] is not None and passed + (span[1] - span[0]) <= wanted:
            passed += span[1] - span[0]
            span = next(spans, None)
        yield start + LOOKED_AHEAD if span is None else span[0] + (wanted - passed)


def spread_over(windows: Sequence[Window], start: datetime, over_seconds: float, count: int) -> Iterator[datetime]:
    """When each of `count` batches may go, spread evenly over `over_seconds` of open time from `start` on."""
    return spread(windows, start, (number * over_seconds / count for number in range(count)))


def open_seconds(windows: Sequence[Window], start: datetime, until: datetime) -> float:
    """The open time between two moments. Seconds."""
    until, total = until.astimezone(UTC), timedelta(0)
    for opens, closes in open_spans(windows, start):
        if opens >= until:
            break
        total += min(closes or until, until) - opens
    return total.total_seconds()


def open_spans(windows: Sequence[Window], start: datetime) -> Iterator[tuple[datetime, datetime | None]]:
    """The spans in which all windows are open, from `start` on; the end of a last one that never closes is None."""
    moment: datetime | None = start
    while moment is not None:
        opens = _opening(windows, moment)
        if opens is None:
            return
        moment = closes_at(windows, opens)
        yield opens, moment


def _opening(windows: Sequence[Window], now: datetime) -> datetime | None:
    """The first instant from `now` on at which all are open; None: none within a year."""
    moment = now = now.astimezone(UTC)
    while moment - now <= LOOKED_AHEAD:
        shut = [window for window in windows if not window.is_open(moment)]
        if not shut:
            return moment
        moment = max(window.changes_at(moment) for window in shut)
    return None


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
