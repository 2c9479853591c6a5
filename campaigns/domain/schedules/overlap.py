"""The overlap rules: what happens to an occurrence while an earlier run of its campaign goes on.

    rule     while a run of the campaign is open        while another one waits already
    skip     skipped                                    skipped
    queue    waits until it has ended                   skipped
    cancel   cancels it and waits until that is final   cancels both
    unsend   as cancel; what was accepted is recalled   as cancel

A run is open while it is due, planned, sending (also paused or searched for) or cancelling. A run that only waits for a
decision has ended. Under `unsend` the newest run is recalled even when it has ended.

Occurrences that misfire rule `all` sends late would not have met each other at their own times. So under skip and queue
only a run that was open at the occurrence's own time is in its way; behind later runs it waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from campaigns.domain.ids import run_name
from campaigns.domain.schedules.timing import Overlap


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run of the campaign that has not ended."""

    id: int
    opened_at: datetime
    waits_for: int | None  # it is due and waits until that run has ended


@dataclass(frozen=True, slots=True)
class Place:
    """The place of an occurrence: at once, behind a run, in place of other runs, or nowhere."""

    skipped: str | None = None  # why
    after: int | None = None
    cancels: tuple[int, ...] = ()


def find_place(rule: Overlap, runs: Sequence[OpenRun], *, missed_at: datetime | None = None) -> Place:
    """What to do with an occurrence, from the open runs of its campaign.

    `missed_at`: when it was to be sent, if misfire rule `all` may have opened those before it late.
    """
    if not runs:
        return Place()
    if rule in {"cancel", "unsend"}:
        return Place(cancels=tuple(run.id for run in runs))
    in_the_way = [run for run in runs if missed_at is None or run.opened_at < missed_at]
    waiting = [run.id for run in in_the_way if run.waits_for is not None]
    if in_the_way and rule == "skip":
        return Place(skipped=f"run {run_name(in_the_way[-1].id)} of the campaign had not ended: overlap rule skip")
    if waiting:
        return Place(
            skipped=f"run {run_name(waiting[-1])} of the campaign waits already: overlap rule queue lets one wait"
        )
    return Place(after=last_in_line(runs))


def last_in_line(runs: Sequence[OpenRun]) -> int | None:
    """The open run that no other run waits for: the next run waits for it."""
    waited_for = {run.waits_for for run in runs}
    free = [run for run in runs if run.id not in waited_for]
    return max(free, key=lambda run: (run.waits_for is not None, run.id)).id if free else None
