"""Native hand-off: the vendor gets a run ahead of its time and sends it even if this host is down.

    24 h before, but not before the previous occurrence  the run is opened and handed over
    until 10 min before                                  ready batches are still handed over
    from then on                                         ready batches wait, and we send them at their time

An attempt that began before the time of its run was handed over, and no other attempt was.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice

from campaigns.domain.clocks import on_clocks
from campaigns.domain.messages.message import Message
from campaigns.domain.schedules.occurrences import EVER, INSTANT, jitter_of, occurrences
from campaigns.domain.schedules.sending_hours import windows_of
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem

LEAD = timedelta(hours=24)
"""A run is handed over at most this long before its time: later suppressions and edits do not reach it."""

MIN_LEAD = timedelta(minutes=10)
"""The shortest lead of a hand-off. Closer to its time we send a batch ourselves: the vendor documents no minimum, and a
mistake could not be unsent in time."""

UNSEND_CUTOFF = timedelta(minutes=5)
"""A handed-over message is not unsent when its time is closer than this."""

WATCHED_AFTER = timedelta(minutes=5)
"""The vendor is asked what became of a run this long after its time."""

WATCHED_AGAIN = timedelta(minutes=10)
"""While the vendor has not sent everything, it is asked again this long after the last question."""

WATCHED_FOR = timedelta(hours=1)
"""If the vendor has not sent a message this long after its time, it counts as not sent, and the run is paused."""

LOOKED_AT = 100
"""This many coming occurrences are compared with the sending hours."""


def handed_over_from(campaign_id: int, timing: Timing, occurrence: datetime) -> datetime:
    """When the run of an occurrence is opened to be handed over.

    Not before the previous occurrence, so that the overlap rule sees runs that follow each other.
    """
    ahead = list(occurrences(timing, occurrence - LEAD, occurrence - INSTANT))
    earliest, moved_with = (ahead[-1], ahead[-1]) if ahead else (occurrence - LEAD, occurrence)
    return earliest + jitter_of(campaign_id, moved_with, timing.jitter_seconds)


def sent_from(timing: Timing, occurrence: datetime) -> datetime:
    """The earliest time at which an occurrence may have left: before its own time where it is handed over."""
    return occurrence - LEAD if timing.handoff else occurrence


def may_hand_over(due: datetime, now: datetime) -> bool:
    """Whether a batch that is to be sent at `due` may still be handed over."""
    return now <= due - MIN_LEAD


def is_handed_over(due: datetime | None, at: datetime) -> bool:
    """Whether an attempt that began at `at` handed over a batch that is to be sent at `due`."""
    return due is not None and at < due


def may_be_handed_over(due: datetime | None, until: datetime) -> bool:
    """Whether a batch that is to be sent at `due` may have been handed over by `until`."""
    return due is not None and due - LEAD <= until


def as_sent(message: Message, at: datetime) -> Message:
    """The message of an attempt at that time: it has a scheduled date only while that is in the future."""
    return message if is_handed_over(message.scheduled_date, at) else replace(message, scheduled_date=None)


class Fate(StrEnum):
    """What became of a handed-over message, as the vendor shows it after its time. Stored as evidence."""

    SENT = "sent"
    WAITS = "not sent yet"
    CANCELLED = "cancelled at the vendor"
    FAILED = "the vendor reports an error"
    MISSING = "the vendor no longer shows it"
    UNASKED = "the vendor could not be asked"


SETTLED = frozenset({Fate.SENT, Fate.CANCELLED, Fate.FAILED})
"""Final fates: the vendor is not asked again."""


def fate_of(item: QueueItem | ItemContent) -> Fate:
    """The fate that a reply shows: an item of the list, or the item alone, whose reply counts how many fans got it."""
    if item.is_canceled:
        return Fate.CANCELLED
    if item.has_error:
        return Fate.FAILED
    sent = item.is_done if isinstance(item, QueueItem) else item.sent_count
    return Fate.SENT if sent else Fate.WAITS


def too_late_to_take_back(item: ItemContent, now: datetime) -> str | None:
    """Why it is too late to unsend a handed-over message, from the vendor's view of it; None: there is time."""
    if item.date is None:
        return "the vendor does not say when it is sent"
    if item.date - now > UNSEND_CUTOFF:
        return None
    left = UNSEND_CUTOFF // timedelta(minutes=1)
    return f"it is sent at {item.date.isoformat()}, less than {left} minutes from now: recall it after that"


def handoff_faults(
    timing: Timing,
    message: Message,
    now: datetime,
    account: tuple[str | None, str | None],
    *,
    starts_at: datetime | None,
) -> list[str]:
    """Why a campaign cannot be handed over, one clause each; `account`: its account's sending hours and zone."""
    if not timing.handoff:
        return []
    if not timing.recurs and starts_at is None:
        return ["handoff gives the vendor what is due later, but there is neither cron, every nor at"]
    faults = [
        f"{name} cannot be kept when the vendor sends the run at its time; give that or handoff"
        for name in _unkept(timing)
    ]
    faults += [
        f"{name} cannot be combined with handoff, as the vendor's rules go"
        for name in ("subscribed_within_last_days", "save_for_later")
        if getattr(message, name)
    ]
    windows = windows_of(timing, account_hours=account[0], account_zone=account[1])
    coming = islice(occurrences(timing, now, EVER, starts_at=starts_at), LOOKED_AT)
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
