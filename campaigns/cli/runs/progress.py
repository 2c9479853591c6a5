"""How a run gets on: what is settled, how fast, when it will end and what binds that, and what its end means."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from campaigns.cli.kit.output import counted, duration, moment, one_line
from campaigns.domain.schedules.sending_hours import read_windows
from campaigns.domain.sending.forecast import EXPIRY, HOURS, SPREAD, Forecast, forecast
from campaigns.domain.sending.pacing import Limits, estimate
from campaigns.domain.states import REFUSED_BY_VENDOR

RATE_SECONDS = 60.0
LEAST_RATE_SECONDS = 3.0
"""No rate is shown before that much was measured."""

QUIET_SECONDS = 15.0
"""A worker or beat that gave no sign for longer is called missing."""

SHORT_WAIT_SECONDS = 3.0
"""Waits up to this are the ordinary pace, and not worth a word."""

MUCH_SLOWER = 1.5
"""A measured pace that much slower than the estimate is believed instead of it."""

REQUEST_TIME = "request time"

FINAL = {"finished", "finished_with_failures", "cancelled", "skipped"}

OK, STOPPED, REJECTED, UNKNOWN, VENDOR = 0, 4, 5, 6, 7


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a run. Times are seconds."""

    at: float  # on a clock that only goes forward
    run: dict[str, Any]
    quiet: dict[str, float | None] = field(default_factory=dict)  # part -> since its last sign; None: never seen
    lane_waits: float = 0.0  # until the account may start again
    now: datetime | None = None  # by the database's clock


@dataclass(slots=True)
class Rates:
    """What was settled lately."""

    looks: deque[tuple[float, int, int]] = field(default_factory=deque)

    def add(self, look: Look) -> None:
        """Take one more look into account."""
        self.looks.append((look.at, settled(look.run), settled_batches(look.run)))
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


def settled(run: dict[str, Any]) -> int:
    """Recipients who are not waiting any more."""
    return int(run["accepted"] + run["saved"] + run["rejected"] + run["unknown"] + run["cancelled"])


def settled_batches(run: dict[str, Any]) -> int:
    """Batches for which a request was made and is settled."""
    return sum(run["batches"].get(state, 0) for state in ("accepted", "saved", "rejected", "unknown"))


def batches_left(run: dict[str, Any]) -> int:
    """Batches that still wait or are in flight."""
    return sum(run["batches"].get(state, 0) for state in ("ready", "sending"))


def exit_code(run: dict[str, Any]) -> int | None:
    """What a run's end means to a script, or None while it goes on by itself, or while it is being taken back."""
    kinds = {hold["kind"] for hold in run["holds"]}
    recall = run.get("recall")
    if run["state"] in FINAL:
        if recall and not recall["finished_at"]:
            return VENDOR if kinds & REFUSED_BY_VENDOR else None
        return _end_code(run)
    if run["state"] == "cancelling" or not kinds:
        return None
    return VENDOR if kinds & REFUSED_BY_VENDOR else STOPPED


def _end_code(run: dict[str, Any]) -> int:
    if (run.get("recall") or {}).get("failed"):
        return REJECTED
    if run["state"] in {"cancelled", "skipped"}:
        return STOPPED
    if run["unknown"]:
        return UNKNOWN
    if run["rejected"]:
        return REJECTED
    return STOPPED if run.get("expired") else OK


def recall_words(run: dict[str, Any]) -> str | None:
    """How far a run was taken back; None when nobody asked for that."""
    recall = run.get("recall")
    if recall is None:
        return None
    line = f"{recall['unsent']:,} of {counted(recall['batches'], 'accepted batch')} taken back"
    line += "".join(
        f", {recall[name]:,} {word}" for name, word in (("failed", "still out"), ("unknown", "unknown")) if recall[name]
    )
    if recall["waits_for"]:
        line += f", waits for {recall['waits_for']}"
    return line


def outlook(run: dict[str, Any], limits: Limits, now: datetime) -> Forecast | None:
    """When the run will end if nothing gets in its way, and what binds it; None when it has ended or is held."""
    if run["state"] in FINAL or run["holds"] or run["state"] == "due":
        return None
    at_its_own_time = _later(run["resumes_at"], now) if _waits_for_its_time(run) else None
    return forecast(
        batches_left(run),
        limits,
        at_its_own_time or now,
        windows=read_windows(run.get("sending_hours", [])),
        last_at=_later(run.get("last_batch_at"), now),
        expires_at=_later(run.get("expires_at"), now),
    )


def _waits_for_its_time(run: dict[str, Any]) -> bool:
    """Whether it was to be handed over, could not be in time, and is sent by us when its time has come."""
    return run.get("resumes_at") is not None and run["resumes_at"] == run.get("scheduled_date")


def _seconds(later: datetime, now: datetime) -> float:
    return (later - now).total_seconds()


def _later(text: str | None, now: datetime) -> datetime | None:
    """A time of the run that is still to come."""
    found = datetime.fromisoformat(text) if text else None
    return found if found and found > now else None


def binding(look: Look, rates: Rates, limits: Limits) -> str:
    """When the run will end and what binds that, or why it does not go on."""
    run = look.run
    if run["state"] in FINAL:
        taken_back = recall_words(run)
        return "ended" if taken_back is None else f"ended; {taken_back}"
    stopped = _stopped_by(look)
    if stopped is not None:
        return stopped
    left = batches_left(run)
    if not left:
        return _before_or_after_its_batches(run)
    expected = None if look.now is None else outlook(run, limits, look.now)
    if look.now is not None and expected is not None and expected.bound_by in {HOURS, SPREAD, EXPIRY}:
        return f"about {duration(_seconds(expected.ends_at, look.now))} left, bound by the {expected.bound_by}"
    bound = estimate(left, limits)
    measured = rates.per_second
    seconds = bound.seconds
    if measured and measured[1] > 0:
        at_this_pace = left / measured[1]
        if at_this_pace > MUCH_SLOWER * bound.seconds:
            return f"about {duration(at_this_pace)} left at the measured pace"
        if bound.bound_by == REQUEST_TIME:  # which the estimate can only guess
            seconds = at_this_pace
    return f"about {duration(seconds)} left, bound by the {bound.bound_by}"


def _before_or_after_its_batches(run: dict[str, Any]) -> str:
    if run.get("waits_for_recall_of"):
        return f"waits until run {run['waits_for_recall_of'][0]} is taken back"
    if run["state"] == "due" and run.get("after_run_id"):
        return f"waits until run {run['after_run_id']} has ended"
    return "planning" if run["state"] == "due" else "settling"


def waits_words(run: dict[str, Any]) -> str:
    """Until when a run waits by itself, and why: hours, or it was too late to hand it over."""
    why = "not handed over; sent at" if _waits_for_its_time(run) else "outside its sending hours until"
    return f"{why} {moment(run['resumes_at'])}"


def _stopped_by(look: Look) -> str | None:
    if look.run["holds"]:
        return f"held: {one_line(look.run['holds'][0]['reason'])}"
    for part, seconds in look.quiet.items():
        if seconds is None or seconds > QUIET_SECONDS:
            seen = "was ever seen" if seconds is None else f"seen for {duration(seconds)}"
            return f"nothing moves: no {part} {seen}; is `campaigns up` running?"
    opens = None if look.now is None else _later(look.run.get("resumes_at"), look.now)
    if opens is not None:
        return waits_words(look.run)
    if look.lane_waits > SHORT_WAIT_SECONDS:
        why = (look.run.get("lane") or {}).get("waits_for") or "its turn"
        return f"the account waits {duration(look.lane_waits)} more ({one_line(why)})"
    following = None if look.now is None else _later(look.run.get("next_batch_at"), look.now)
    if following is not None and look.now is not None and _seconds(following, look.now) > SHORT_WAIT_SECONDS:
        return f"its next batch goes at {moment(following)}"
    return None


def words(look: Look, rates: Rates, limits: Limits) -> str:
    """One line about the run."""
    run = look.run
    of = "" if run["whole_list"] else f" of {run['planned']:,}"
    line = f"run {run['id']} {run['state']}: {run['accepted']:,}{of} accepted"
    line += "".join(f", {run[name]:,} {name}" for name in ("saved", "rejected", "unknown", "cancelled") if run[name])
    line += f", {run['waiting']:,} waiting"
    measured = rates.per_second
    if measured is not None and run["state"] not in FINAL:
        line += f"; {measured[0]:,.0f} recipients/s, {measured[1] * 60:,.0f} requests/min"
    return f"{line}; {binding(look, rates, limits)}"
