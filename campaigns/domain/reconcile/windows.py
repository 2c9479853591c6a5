"""When a request can have reached the vendor, said in the vendor's own time.

Our clock and the vendor's differ. By how much is measured: each answer carries the vendor's `Date`, which was true at
some moment between the start of the request and its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

CLOCK_SKEW = timedelta(seconds=120)
"""By a clock that was never measured, an item is taken only when its date is no further off than this."""

UNMEASURED = timedelta(days=1)
"""So far off a clock may be that was never measured: items dated within it are possible, and make others uncertain."""

UNMEASURED_BACK = timedelta(minutes=15)
"""So far before a request a date may lie, by a clock that was never measured, before absence can be spoken of."""

DATES_AGREE = timedelta(seconds=5)
"""How far the dates of items may be off the `Date` of answers: two programs of the vendor's tell them."""

WHOLE_SECOND = timedelta(seconds=1)
"""Dates are told without fractions: what happened may be almost a second later."""

ARRIVES_WITHIN = timedelta(minutes=10)
"""How long after its deadline a request may still arrive that was not searched for to the end.

One that was searched for cannot arrive after its last search: that is the bound for a late arrival.
"""


@dataclass(frozen=True, slots=True)
class Skew:
    """How far the vendor's clock is ahead of ours, at least and at most."""

    low: timedelta = -CLOCK_SKEW
    high: timedelta = CLOCK_SKEW
    is_measured: bool = False

    @property
    def earliest(self) -> timedelta:
        """What is added to a time of ours for the earliest date that the vendor may give it."""
        return self.low - DATES_AGREE if self.is_measured else -UNMEASURED

    @property
    def latest(self) -> timedelta:
        """What is added to a time of ours for the latest date that the vendor may give it."""
        return self.high + DATES_AGREE if self.is_measured else UNMEASURED

    @property
    def back(self) -> timedelta:
        """As `earliest`, but so wide that what is dated before it can be no trace of a request."""
        return min(self.low, -CLOCK_SKEW) - DATES_AGREE if self.is_measured else -UNMEASURED_BACK

    @property
    def apart(self) -> timedelta:
        """How long after an absent request the next one must start for dates to tell them apart; zero: never mind."""
        return self.latest - self.earliest + WHOLE_SECOND if self.is_measured else timedelta(0)


@dataclass(frozen=True, slots=True)
class LostTime:
    """A time of which a restored database lacks the requests, in our time."""

    after: datetime | None  # the newest request that is not lost began then; None: none is known
    until: datetime  # when the restore was recognised

    def may_hold(self, date: datetime | None, skew: Skew) -> bool:
        """Whether an item of that date may be that of a lost request. A date that is not told excludes nothing."""
        if date is None:
            return True
        is_after = self.after is None or date + WHOLE_SECOND > self.after + skew.earliest
        return is_after and date <= self.until + ARRIVES_WITHIN + skew.latest


@dataclass(frozen=True, slots=True)
class Told:
    """A `Date` of the vendor's, and between which moments of ours it was true."""

    date: datetime
    after: datetime
    before: datetime


def measured(told: Iterable[Told]) -> Skew:
    """The skew on which all of these measurements agree; the widest guess when there is none.

    Where they do not agree, a clock was set between two of them: then it is the one that holds them all.
    """
    lows = []
    highs = []
    for one in told:
        lows.append(one.date - one.before)
        highs.append(one.date + WHOLE_SECOND - one.after)
    if not lows:
        return Skew()
    low, high = max(lows), min(highs)
    agree = low <= high
    return Skew(low, high, is_measured=True) if agree else Skew(min(lows), max(highs), is_measured=True)
