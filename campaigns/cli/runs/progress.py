"""The progress of a run in words: what is done, how fast, when it will end and what limits that."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from campaigns.cli.kit.output import counted, duration, moment, one_line
from campaigns.domain.sending.forecast import EXPIRY, HOURS, SPREAD
from campaigns.domain.sending.pacing import Limits, estimate
from campaigns.domain.states import RunState
from campaigns.flow.runs.outlook import (
    End,
    ShownRun,
    batches_done,
    batches_left,
    has_ended,
    later,
    recipients_done,
    waits_for_own_time,
)
from campaigns.store.views.runs import RunView

RATE_SECONDS = 60.0
LEAST_RATE_SECONDS = 3.0
"""No rate is shown before that much was measured."""

QUIET_SECONDS = 15.0
"""A worker or beat without a heartbeat for longer is called missing."""

SHORT_WAIT_SECONDS = 3.0
"""Waits up to this belong to the ordinary pace, and are not mentioned."""

MUCH_SLOWER = 1.5
"""A measured pace that is slower than the estimate by this factor replaces it."""

REQUEST_TIME = "request time"

EXIT_CODES = {End.SUCCESS: 0, End.STOPPED: 4, End.REJECTED: 5, End.UNKNOWN: 6, End.REFUSED: 7}


@dataclass(frozen=True, slots=True)
class Look:
    """The run at one poll. Times are seconds."""

    at: float  # on a clock that only goes forward
    run: ShownRun
    now: datetime  # by the database's clock
    quiet: dict[str, float | None] = field(default_factory=dict)  # part -> since its heartbeat; None: it has none
    lane_waits: float = 0.0  # until the account may start again


@dataclass(slots=True)
class Rates:
    """What was done lately."""

    looks: deque[tuple[float, int, int]] = field(default_factory=deque)

    def add(self, look: Look) -> None:
        """Take one more poll into account."""
        self.looks.append((look.at, recipients_done(look.run), batches_done(look.run)))
        while look.at - self.looks[0][0] > RATE_SECONDS:
            self.looks.popleft()

    @property
    def per_second(self) -> tuple[float, float] | None:
        """Recipients and requests per second; None until enough was measured."""
        if not self.looks:
            return None
        first, last = self.looks[0], self.looks[-1]
        seconds = last[0] - first[0]
        if seconds < LEAST_RATE_SECONDS:
            return None
        return (last[1] - first[1]) / seconds, (last[2] - first[2]) / seconds


def recall_text(run: RunView) -> str | None:
    """How far a run is recalled; None when nobody asked for that."""
    recall = run.recall
    if recall is None:
        return None
    line = f"{recall.unsent or 0:,} of {counted(recall.batches or 0, 'accepted batch')} taken back"
    counts = ((recall.failed, "still out"), (recall.unknown, "unknown"))
    line += "".join(f", {count:,} {name}" for count, name in counts if count)
    if recall.waits_for:
        line += f", waits for {recall.waits_for}"
    return line


def _seconds(later_time: datetime, now: datetime) -> float:
    return (later_time - now).total_seconds()


def limit_text(look: Look, rates: Rates, limits: Limits) -> str:
    """When the run will end and what limits that, or why it does not go on."""
    run = look.run
    if has_ended(run):
        recall = recall_text(run)
        return "ended" if recall is None else f"ended; {recall}"
    obstacle = _obstacle(look)
    if obstacle is not None:
        return obstacle
    left = batches_left(run)
    if not left:
        return _before_or_after_its_batches(run)
    if run.eta is not None and run.bound_by in {HOURS, SPREAD, EXPIRY}:
        return f"about {duration(_seconds(run.eta, look.now))} left, bound by the {run.bound_by}"
    by_limits = estimate(left, limits)
    measured = rates.per_second
    seconds = by_limits.seconds
    if measured and measured[1] > 0:
        at_this_pace = left / measured[1]
        if at_this_pace > MUCH_SLOWER * by_limits.seconds:
            return f"about {duration(at_this_pace)} left at the measured pace"
        if by_limits.bound_by == REQUEST_TIME:  # which the estimate can only guess
            seconds = at_this_pace
    return f"about {duration(seconds)} left, bound by the {by_limits.bound_by}"


def _before_or_after_its_batches(run: RunView) -> str:
    if run.waits_for_recall_of:
        return f"waits until run {run.waits_for_recall_of[0]} is recalled"
    if run.state is RunState.DUE and run.after_run_id:
        return f"waits until run {run.after_run_id} has ended"
    return "planning" if run.state is RunState.DUE else "settling"


def wait_text(run: RunView) -> str:
    """Until when a run waits by itself, and why: sending hours, or it was too late to hand it over."""
    reason = "not handed over; sent at" if waits_for_own_time(run) else "outside its sending hours until"
    return f"{reason} {moment(run.resumes_at)}"


def _obstacle(look: Look) -> str | None:
    run = look.run
    if run.holds:
        return f"held: {one_line(run.holds[0].reason)}"
    for part, seconds in look.quiet.items():
        if seconds is None or seconds > QUIET_SECONDS:
            seen = "was ever seen" if seconds is None else f"seen for {duration(seconds)}"
            return f"nothing moves: no {part} {seen}; is `campaigns up` running?"
    if later(run.resumes_at, look.now) is not None:
        return wait_text(run)
    if look.lane_waits > SHORT_WAIT_SECONDS:
        reason = (run.lane.waits_for if run.lane else None) or "its turn"
        return f"the account waits {duration(look.lane_waits)} more ({one_line(reason)})"
    next_at = later(run.next_batch_at, look.now)
    if next_at is not None and _seconds(next_at, look.now) > SHORT_WAIT_SECONDS:
        return f"its next batch goes at {moment(next_at)}"
    return None


def progress_line(look: Look, rates: Rates, limits: Limits) -> str:
    """One line about the run."""
    run = look.run
    of = "" if run.whole_list else f" of {run.planned:,}"
    line = f"run {run.id} {run.state}: {run.accepted:,}{of} accepted"
    counts = ((run.saved, "saved"), (run.rejected, "rejected"), (run.unknown, "unknown"), (run.cancelled, "cancelled"))
    line += "".join(f", {count:,} {name}" for count, name in counts if count)
    line += f", {run.waiting:,} waiting"
    measured = rates.per_second
    if measured is not None and not has_ended(run):
        line += f"; {measured[0]:,.0f} recipients/s, {measured[1] * 60:,.0f} requests/min"
    return f"{line}; {limit_text(look, rates, limits)}"
