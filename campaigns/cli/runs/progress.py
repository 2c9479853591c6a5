"""The progress of a run in words: what is done, how fast, when it will end and what limits that."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from campaigns.cli.kit.output import counted, duration, moment, one_line
from campaigns.domain.ids import run_name
from campaigns.domain.sending.forecast import EXPIRY, HOURS, SPREAD
from campaigns.flow.runs.outlook import (
    End,
    ShownRun,
    batches_done,
    batches_left,
    has_ended,
    recipients_done,
)
from campaigns.flow.runs.words import words_of_wait
from campaigns.store.views.runs import RunView

RATE_SECONDS = 60.0
LEAST_RATE_SECONDS = 3.0
"""No rate is shown before that much was measured."""

QUIET_SECONDS = 15.0
"""A worker or beat without a heartbeat for longer is called missing."""

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
    line = f"{recall.unsent or 0:,} of {counted(recall.batches or 0, 'accepted batch')} unsent"
    counts = ((recall.failed, "still out"), (recall.unknown, "unknown"))
    line += "".join(f", {count:,} {name}" for count, name in counts if count)
    if recall.waits_for:
        line += f", waits for {recall.waits_for}"
    return line


def limit_text(look: Look, rates: Rates) -> str:
    """When the run will end and what limits that, or why it does not go on."""
    run = look.run
    if has_ended(run):
        recall, wait = recall_text(run), wait_text(run, look.now)
        return "; ".join(text for text in ("ended", recall, wait) if text is not None)
    obstacle = _nothing_moves(look)
    if obstacle is not None and not run.holds:
        return obstacle
    parts = [wait_text(run, look.now), _left(look, rates)]
    return "; ".join(part for part in parts if part is not None) or "settling"


def _left(look: Look, rates: Rates) -> str | None:
    run = look.run
    if run.eta is None:
        return None
    seconds, left, measured = (run.eta - look.now).total_seconds(), batches_left(run), rates.per_second
    if run.wait is None and measured and measured[1] > 0 and run.bound_by not in {HOURS, SPREAD, EXPIRY}:
        at_this_pace = left / measured[1]
        if at_this_pace > MUCH_SLOWER * seconds:
            return f"about {duration(at_this_pace)} left at the measured pace"
        if run.bound_by == REQUEST_TIME:  # which the estimate can only guess
            seconds = at_this_pace
    return f"about {duration(seconds)} left, limited by the {run.bound_by}"


def wait_text(run: ShownRun, now: datetime) -> str | None:
    """What a run waits for; None when it goes on, and when it has ended."""
    if run.wait is None:
        return None
    words = words_of_wait(run.wait, run.account)
    return words.text.format(
        until=moment(words.until),
        left=duration(0.0 if words.until is None else (words.until - now).total_seconds()),
        **{name: one_line(value) for name, value in words.values.items()},
    )


def _nothing_moves(look: Look) -> str | None:
    for part, seconds in look.quiet.items():
        if seconds is None or seconds > QUIET_SECONDS:
            seen = "was ever seen" if seconds is None else f"seen for {duration(seconds)}"
            return f"nothing moves: no {part} {seen}; is `campaigns up` running?"
    return None


def progress_line(look: Look, rates: Rates) -> str:
    """One line about the run."""
    run = look.run
    of = "" if run.whole_list else f" of {run.planned:,}"
    line = f"run {run_name(run.id)} {run.state}: {run.accepted:,}{of} accepted"
    counts = ((run.saved, "saved"), (run.rejected, "rejected"), (run.unknown, "unknown"), (run.cancelled, "cancelled"))
    line += "".join(f", {count:,} {name}" for count, name in counts if count)
    line += f", {run.waiting:,} waiting"
    measured = rates.per_second
    if measured is not None and not has_ended(run):
        line += f"; {measured[0]:,.0f} recipients/s, {measured[1] * 60:,.0f} requests/min"
    return f"{line}; {limit_text(look, rates)}"
