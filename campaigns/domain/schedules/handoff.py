"""Native hand-off: a run is given to the vendor ahead of its time, which then sends it even if this host is down.

    24 h before, not before the occurrence before it     the run is opened and handed over
    until 10 min before                                  what is ready is still handed over
    from then on                                         what is ready waits, and we send it at its time

An attempt that began before the time of its run was handed over, and no other was.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice

from campaigns.domain.clocks import on_clocks
from campaigns.domain.messages.message import Message
from campaigns.domain.schedules.occurrences import jitter_of, occurrences
from campaigns.domain.schedules.sending_hours import windows_of
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem

LEAD = timedelta(hours=24)
"""So far ahead a run is handed over at most: later suppressions and edits come too late for it."""

LEAST = timedelta(minutes=10)
"""Later than that nothing is handed over: the vendor names no least lead, and what is wrong could not be taken back."""

TAKES_BACK = timedelta(minutes=5)
"""Nearer to its time than that, what was handed over is not touched any more."""

WATCHED_AFTER = timedelta(minutes=5)
"""So long after its time the vendor is asked what became of it."""

WATCHED_AGAIN = timedelta(minutes=10)
"""How soon it is asked again while it has not sent all of it."""

WATCHED_FOR = timedelta(hours=1)
"""What is not sent so long after its time counts as not sent, and a person is told."""

LOOKED_AT = 100
"""So many occurrences to come are held against the sending hours."""

_INSTANT = timedelta(microseconds=1)
_EVER = datetime.max.replace(tzinfo=UTC)


def handed_over_from(campaign_id: int, timing: Timing, occurrence: datetime) -> datetime:
    """When the run of an occurrence is opened to be handed over.

    Not before the occurrence before it, so that overlap is judged between runs that follow each other.
    """
    ahead = list(occurrences(timing, occurrence - LEAD, occurrence - _INSTANT))
    earliest, moved_with = (ahead[-1], ahead[-1]) if ahead else (occurrence - LEAD, occurrence)
    return earliest + jitter_of(campaign_id, moved_with, timing.jitter_seconds)


def sent_from(timing: Timing, occurrence: datetime) -> datetime:
    """From when on an occurrence may have left: ahead of its time where it is handed over."""
    return occurrence - LEAD if timing.handoff else occurrence


def may_hand_over(due: datetime, now: datetime) -> bool:
    """Whether it is still time to give the vendor what is to be sent at `due`."""
    return now <= due - LEAST


def is_handed_over(due: datetime | None, at: datetime) -> bool:
    """Whether an attempt that began at `at` gave the vendor what is to be sent at `due`."""
    return due is not None and at < due


def may_be_handed_over(due: datetime | None, until: datetime) -> bool:
    """Whether what the vendor is to send at `due` may have been handed over until then."""
    return due is not None and due - LEAD <= until


def as_sent(message: Message, at: datetime) -> Message:
    """What an attempt at that time says: the vendor is told a time only while that is still to come."""
    return message if is_handed_over(message.scheduled_date, at) else replace(message, scheduled_date=None)


class Fate(StrEnum):
    """What became of what was handed over, as the vendor shows it after its time."""

    SENT = "sent"
    WAITS = "not sent yet"
    CANCELLED = "cancelled at the vendor"
    FAILED = "the vendor reports an error"
    MISSING = "the vendor does not show it any more"
    UNASKED = "the vendor could not be asked"


SETTLED = frozenset({Fate.SENT, Fate.CANCELLED, Fate.FAILED})
"""What does not change any more: nobody asks again."""


def fate_of(item: QueueItem | ItemContent) -> Fate:
    """What one answer says of it: an item of the list, or the item itself, which alone counts who got it."""
    if item.is_canceled:
        return Fate.CANCELLED
    if item.has_error:
        return Fate.FAILED
    sent = item.is_done if isinstance(item, QueueItem) else item.sent_count
    return Fate.SENT if sent else Fate.WAITS


def too_late_to_take_back(item: ItemContent, now: datetime) -> str | None:
    """Why what was handed over is not touched any more, from a look at it; None: it may be taken back."""
    if item.date is None:
        return "the vendor does not say when it is sent"
    if item.date - now > TAKES_BACK:
        return None
    left = TAKES_BACK // timedelta(minutes=1)
    return f"it is sent at {item.date.isoformat()}, less than {left} minutes from now: recall it after that"


def handoff_faults(
    timing: Timing,
    message: Message,
    now: datetime,
    account: tuple[str | None, str | None],
    *,
    starts_at: datetime | None,
) -> list[str]:
    """Why a campaign cannot be handed over, one clause each. `account`: its account's sending hours and zone."""
    if not timing.handoff:
        return []
    if not timing.recurs and starts_at is None:
        return ["handoff gives the vendor what is due later, but there is neither cron, every nor at"]
    faults = [
        f"{name} cannot be kept once the vendor holds the clock; give that or handoff" for name in _unkept(timing)
    ]
    faults += [
        f"{name} cannot be combined with handoff, as the vendor's rules go"
        for name in ("subscribed_within_last_days", "save_for_later")
        if getattr(message, name)
    ]
    windows = windows_of(timing, account_hours=account[0], account_zone=account[1])
    coming = islice(occurrences(timing, now, _EVER, starts_at=starts_at), LOOKED_AT)
    outside = next((moment for moment in coming if not all(window.is_open(moment) for window in windows)), None)
    if outside is not None:
        at = on_clocks(outside, windows[0].zone.key)
        hours = " and ".join(str(window) for window in windows)
        faults.append(f"the vendor would send at {at}, outside the hours {hours}; leave out handoff, or move it")
    return faults


def _unkept(timing: Timing) -> list[str]:
    asked = {
        "over": timing.over_seconds,
        "expires": timing.expires_seconds,
        "overlap unsend": timing.overlap == "unsend",
    }
    return [name for name, value in asked.items() if value]
