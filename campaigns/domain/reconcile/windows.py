"""When a request can have reached the vendor, by the vendor's own clock.

Our clock and the vendor's differ. The difference is measured: each answer has the vendor's `Date`, which was true at
some moment between the start of the request and its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

CLOCK_SKEW = timedelta(seconds=120)
"""While the vendor's clock is not measured, an item is taken only when its date differs by at most this."""

UNMEASURED = timedelta(days=1)
"""While the vendor's clock is not measured, items whose dates differ by at most this are possible."""

UNMEASURED_BACK = timedelta(minutes=15)
"""While the vendor's clock is not measured, only an older date than this shows that the list reaches back."""

DATES_AGREE = timedelta(seconds=5)
"""The dates of items and the `Date` of answers may differ by this: two programs of the vendor write them."""

WHOLE_SECOND = timedelta(seconds=1)
"""Dates have no fractions: the event may be almost a second later."""

ARRIVES_WITHIN = timedelta(minutes=10)
"""How long after its deadline a request may still arrive, if its search has not ended.

A request whose search has ended cannot arrive after the last look.
"""


@dataclass(frozen=True, slots=True)
class Skew:
    """How far the vendor's clock is ahead of ours, at least and at most."""

    low: timedelta = -CLOCK_SKEW
    high: timedelta = CLOCK_SKEW
    is_measured: bool = False

    @property
    def earliest(self) -> timedelta:
        """Add this to a time of ours for the earliest date that the vendor may show for it."""
        return self.low - DATES_AGREE if self.is_measured else -UNMEASURED

    @property
    def latest(self) -> timedelta:
        """Add this to a time of ours for the latest date that the vendor may show for it."""
        return self.high + DATES_AGREE if self.is_measured else UNMEASURED

    @property
    def back(self) -> timedelta:
        """As `earliest`, but so wide that an item with an older date cannot come from the request."""
        return min(self.low, -CLOCK_SKEW) - DATES_AGREE if self.is_measured else -UNMEASURED_BACK

    @property
    def apart(self) -> timedelta:
        """How long after an absent request the next may start so that dates tell them apart; zero: no time helps."""
        return self.latest - self.earliest + WHOLE_SECOND if self.is_measured else timedelta(0)


@dataclass(frozen=True, slots=True)
class LostTime:
    """A period of which a restored database lacks the requests, by our clock."""

    after: datetime | None  # when the newest request that is not lost began; None: there is none
    until: datetime  # when the restore was recognised

    def may_hold(self, date: datetime | None, skew: Skew) -> bool:
        """Whether an item with that date may belong to a lost request. An item without a date may."""
        if date is None:
            return True
        is_after = self.after is None or date + WHOLE_SECOND > self.after + skew.earliest
        return is_after and date <= self.until + ARRIVES_WITHIN + skew.latest


@dataclass(frozen=True, slots=True)
class VendorDate:
    """A `Date` of the vendor, and the two moments of our clock between which it was true."""

    date: datetime
    after: datetime
    before: datetime


def measured(dates: Iterable[VendorDate]) -> Skew:
    """The skew on which all these measurements agree; the default when there is none.

    If they do not agree, a clock was set between two of them: then it is the widest skew of all.
    """
    lows = []
    highs = []
    for each in dates:
        lows.append(each.date - each.before)
        highs.append(each.date + WHOLE_SECOND - each.after)
    if not lows:
        return Skew()
    low, high = max(lows), min(highs)
    agree = low <= high
    return Skew(low, high, is_measured=True) if agree else Skew(min(lows), max(highs), is_measured=True)
