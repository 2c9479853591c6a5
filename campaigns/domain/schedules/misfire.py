"""The misfire rules: whether an occurrence is sent, or skipped because it was found too late.

    rule   on time   late, not older than grace             older than grace
    skip   sent      (grace is what it counts as late by)   skipped
    once   sent      sent if no newer one has come due      skipped
    all    sent      sent, one after the other              skipped

An occurrence is late when it is found more than a minute after its time, as after an outage of beat. One that is found
later than its grace time is never sent.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from campaigns.domain.schedules.handoff import handed_over_from
from campaigns.domain.schedules.occurrences import jitter_of
from campaigns.domain.schedules.timing import LATE_SECONDS, Timing


def sends_at(campaign_id: int, timing: Timing, occurrence: datetime) -> datetime:
    """When an occurrence is to be sent: at its nominal time plus its jitter."""
    return occurrence + jitter_of(campaign_id, occurrence, timing.jitter_seconds)


def opens_at(campaign_id: int, timing: Timing, occurrence: datetime) -> datetime:
    """When the run of an occurrence is opened: when it is to be sent, or earlier to be handed over."""
    if timing.handoff:
        return handed_over_from(campaign_id, timing, occurrence)
    return sends_at(campaign_id, timing, occurrence)


def is_late(moment: datetime, now: datetime) -> bool:
    """Whether an occurrence that was to be sent at a moment is found late."""
    return now - moment > timedelta(seconds=LATE_SECONDS)


def misfire(timing: Timing, moment: datetime, now: datetime, *, superseded: bool) -> str | None:
    """Why an occurrence that was to be sent at a moment is skipped when it is found now; None: it is sent.

    `superseded`: a newer occurrence of the campaign has come due as well.
    """
    late = now - moment
    if late > timedelta(seconds=timing.grace):
        return f"found {_span(late)} late; its grace time is {_span(timedelta(seconds=timing.grace))}"
    if timing.misfire == "once" and superseded and is_late(moment, now):
        return f"found {_span(late)} late, and a newer one has come due: misfire rule once sends that alone"
    return None


def _span(length: timedelta) -> str:
    """A length of time in its two largest units: `1 h 5 min`."""
    whole = int(length.total_seconds())
    parts = []
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2]) or "less than 1 s"
