"""A schedule by itself, as people type it to have it explained."""

from __future__ import annotations

from datetime import datetime

from campaigns.domain.errors import UsageError
from campaigns.domain.schedules.occurrences import schedule_faults
from campaigns.domain.schedules.timing import Timing
from campaigns.inputs.times import parse_local, parse_zone

STEP_WORDS = {
    "every",
    *(f"{unit}{s}" for unit in ("minute", "hour", "day", "week", "month", "year") for s in ("", "s")),
}
"""An expression with one of these words is a step such as `2 weeks`, not a cron expression."""


def read_expression(expression: str, zone: str, starting: str | None, *, now: datetime) -> Timing:
    """The timing of a cron expression, or of a step with its first local time. Raises UsageError with every fault."""
    parse_zone(zone)
    first = parse_local(starting, zone, field="starting") if starting is not None else None
    if STEP_WORDS & set(expression.lower().split()):
        timing = Timing(every=expression, starting=first, zone=zone)
    else:
        timing = Timing(cron=expression, starting=first, zone=zone)
    faults = schedule_faults(timing, now)
    if faults:
        raise UsageError(f"{'; '.join(faults)}.")
    return timing
