"""The outlook of a run: when it will end and what limits that, what it waits for, and what its end means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from sqlalchemy import Connection

from campaigns.domain.reconcile.search import look_delays
from campaigns.domain.reconcile.windows import DATES_AGREE, WHOLE_SECOND
from campaigns.domain.schedules.sending_hours import read_windows
from campaigns.domain.sending.forecast import EXPIRY, HOURS, Forecast, forecast
from campaigns.domain.sending.pacing import WAKE_SECONDS, Limits
from campaigns.domain.states import RUN_OPEN, BatchState, HoldKind, RunState
from campaigns.store.runs.lane_work import LaneWork, Search, lane_work
from campaigns.store.runs.times import OpenHours
from campaigns.store.views.runs import RunView, run_of

LANE_RESTS = 2 * DATES_AGREE + 2 * WHOLE_SECOND
"""After a search without a finding the lane rests for about this long: see `Skew.apart`."""

SHORT_WAIT = timedelta(seconds=3)
"""A lane that waits at most this long keeps its usual pace; such a wait is not shown."""

SEARCH = "search at the vendor"
"""What limits a run while an unknown batch of its account is searched for."""


class HoldOnRun(Protocol):
    """The part of an open hold that an outlook needs."""

    @property
    def kind(self) -> HoldKind: ...
    @property
    def reason(self) -> str: ...


class LaneOfRun(Protocol):
    """The part of an account's lane that an outlook needs."""

    @property
    def available_at(self) -> datetime | None: ...
    @property
    def waits_for(self) -> str | None: ...


class AnyRun(Protocol):
    """The part of a run that an outlook needs; `RunView` and the rows of `status` have it."""

    @property
    def id(self) -> int: ...
    @property
    def state(self) -> RunState: ...
    @property
    def accepted(self) -> int: ...
    @property
    def batches(self) -> Mapping[BatchState, int]: ...
    @property
    def holds(self) -> Sequence[HoldOnRun]: ...
    @property
    def lane(self) -> LaneOfRun | None: ...
    @property
    def waits_for_recall_of(self) -> Sequence[int]: ...
    @property
    def after_run_id(self) -> int | None: ...
    @property
    def scheduled_date(self) -> datetime | None: ...
    @property
    def sending_hours(self) -> Sequence[OpenHours]: ...
    @property
    def resumes_at(self) -> datetime | None: ...
    @property
    def next_batch_at(self) -> datetime | None: ...
    @property
    def last_batch_at(self) -> datetime | None: ...
    @property
    def expires_at(self) -> datetime | None: ...


class Wait(StrEnum):
    """What a run waits for."""

    HOLD = "hold"
    RECALL = "recall"  # of an earlier run, or of another run of the account
    EARLIER_RUN = "earlier_run"
    PLAN = "plan"
    SEARCH = "search"
    OWN_TIME = "own_time"  # it was too late to be handed over, so we send it at its own time
    HOURS = "hours"
    LANE = "lane"  # a cool-down, an open circuit, or something that the account's lane cannot reach
    NEXT_BATCH = "next_batch"
    VENDOR = "vendor"  # it was handed over, and the vendor sends it at its own time


@dataclass(frozen=True, slots=True)
class RunWait:
    """What a run waits for, and until when; None: nobody knows how long."""

    kind: Wait
    until: datetime | None = None
    reason: str | None = None
    run_id: int | None = None  # the other run that it waits for


@dataclass(frozen=True, slots=True)
class ShownRun(RunView):
    """A run as every edge shows it: what is stored about it, when it will end, and what limits that."""

    eta: datetime | None  # None: it has ended, or nobody knows
    bound_by: str | None
    wait: RunWait | None


class End(StrEnum):
    """What the end of a run means for the command that waits for it."""

    SUCCESS = "success"
    STOPPED = "stopped"  # paused, cancelled, skipped or expired
    REJECTED = "rejected"  # some were rejected, or could not be recalled
    UNKNOWN = "unknown"  # a person decides what became of some
    REFUSED = "refused"  # the vendor refuses until a person has removed the cause


def show_run(connection: Connection, run_id: int, *, limits: Limits, now: datetime) -> ShownRun:
    """One run with its outlook. Raises NotFound."""
    run = run_of(connection, run_id)
    work = LaneWork() if has_ended(run) else lane_work(connection, run_id, now=now)
    return shown(run, work, limits=limits, now=now)


def shown(run: RunView, work: LaneWork, *, limits: Limits, now: datetime) -> ShownRun:
    """The run with its outlook; a wait for sending hours that is over is left out."""
    values = {field.name: getattr(run, field.name) for field in fields(RunView)}
    values["resumes_at"] = later(run.resumes_at, now)
    wait, expected = wait_of(run, work, limits=limits, now=now), outlook(run, work, limits=limits, now=now)
    return ShownRun(
        **values,
        eta=None if expected is None else expected.ends_at,
        bound_by=None if expected is None else expected.bound_by,
        wait=wait,
    )


def outlook(run: AnyRun, work: LaneWork, *, limits: Limits, now: datetime) -> Forecast | None:
    """When the run will end if nothing new gets in its way, and what limits it; None when nobody knows.

    A search counts until its last look, since only then it is certainly over. The forecast is before the end by at most
    the second that the beat may need to wake the lane.
    """
    wait = wait_of(run, work, limits=limits, now=now)
    if has_ended(run) or (wait is not None and wait.until is None):
        return None
    left, starts = batches_left(run), [now, *filter(None, (run.resumes_at, run.next_batch_at))]
    if run.lane is not None and run.lane.available_at is not None:
        starts.append(run.lane.available_at)
    searched = _search_ends_at(work.searches, limits, now)
    if searched is not None:
        left += sum(work.resends_unknown for search in work.searches if search.run_id == run.id)
        starts.append(searched + LANE_RESTS if left else now)
    expected = forecast(
        left + sum(min(left, others) for others in work.others),
        limits,
        max(starts),
        windows=read_windows([asdict(hours) for hours in run.sending_hours]),
        last_at=later(run.last_batch_at, now),
        expires_at=later(run.expires_at, now),
        busy_accounts=work.busy_accounts,
        seconds_per_request=work.request_seconds,
    )
    own = _search_ends_at((search for search in work.searches if search.run_id == run.id), limits, now)
    if own is not None and own > expected.ends_at:
        expected = replace(expected, ends_at=own)
    if wait is None or expected.bound_by == EXPIRY:
        return expected
    return replace(expected, bound_by=_limit(wait) or expected.bound_by)


def _search_ends_at(searches: Iterable[Search], limits: Limits, now: datetime) -> datetime | None:
    """When the last look of these searches is made; each look begins when the beat has woken the lane for it."""
    delays = look_delays(limits.settle_seconds, limits.settle_looks)
    ends = []
    for search in searches:
        looks_left = delays[search.looks :] or [0.0]  # asked for by a person, after the last one
        seconds = looks_left[-1] - looks_left[0] + len(looks_left) * WAKE_SECONDS
        ends.append(max(search.look_at, now) + timedelta(seconds=seconds))
    return max(ends, default=None)


def _limit(wait: RunWait) -> str | None:
    """What limits a run that waits for this; None: its forecast names the limit."""
    if wait.kind in {Wait.SEARCH, Wait.HOURS}:
        return SEARCH if wait.kind is Wait.SEARCH else HOURS
    return (
        None
        if wait.kind is not Wait.LANE or wait.reason is None
        else wait.reason.partition(":")[0].removeprefix("the ")
    )


def wait_of(run: AnyRun, work: LaneWork, *, limits: Limits, now: datetime) -> RunWait | None:
    """What the run waits for; None while it goes on, and when it has ended."""
    if has_ended(run):
        is_handed_over = bool(run.accepted) and later(run.scheduled_date, now) is not None
        return RunWait(Wait.VENDOR, run.scheduled_date) if is_handed_over else None
    is_searched = bool(work.searches)
    stopping = [
        hold for hold in run.holds if run.state is not RunState.CANCELLING or (is_searched and hold.kind.is_vendors)
    ]
    if stopping:
        return RunWait(Wait.HOLD, reason=stopping[0].reason)
    if run.state is RunState.DUE:
        return _wait_of_due(run)
    if work.is_recalling and run.state is not RunState.CANCELLING:
        return RunWait(Wait.RECALL)
    return _search_wait(work, limits, now) or _wait_for_time(run, now)


def _wait_of_due(run: AnyRun) -> RunWait:
    if run.waits_for_recall_of:
        return RunWait(Wait.RECALL, run_id=run.waits_for_recall_of[0])
    return RunWait(Wait.PLAN) if run.after_run_id is None else RunWait(Wait.EARLIER_RUN, run_id=run.after_run_id)


def _search_wait(work: LaneWork, limits: Limits, now: datetime) -> RunWait | None:
    until = _search_ends_at(work.searches, limits, now)
    return None if until is None else RunWait(Wait.SEARCH, until, run_id=work.searches[0].run_id)


def _wait_for_time(run: AnyRun, now: datetime) -> RunWait | None:
    if later(run.resumes_at, now) is not None:
        return RunWait(Wait.OWN_TIME if run.resumes_at == run.scheduled_date else Wait.HOURS, run.resumes_at)
    if run.lane is not None and later(run.lane.available_at, now + SHORT_WAIT) is not None:
        return RunWait(Wait.LANE, run.lane.available_at, reason=run.lane.waits_for)
    if later(run.next_batch_at, now + SHORT_WAIT) is not None:
        return RunWait(Wait.NEXT_BATCH, run.next_batch_at)
    return None


def has_ended(run: AnyRun) -> bool:
    """Whether the run has ended; a recall of it may still go on."""
    return run.state not in RUN_OPEN


def is_recalled_now(run: RunView) -> bool:
    """Whether a recall of the run goes on."""
    return run.recall is not None and run.recall.finished_at is None


def recipients_done(run: RunView) -> int:
    """Recipients who no longer wait."""
    return run.accepted + run.saved + run.rejected + run.unknown + run.cancelled


def batches_done(run: RunView) -> int:
    """Batches for which a request was made whose outcome is recorded."""
    done = (BatchState.ACCEPTED, BatchState.SAVED, BatchState.REJECTED, BatchState.UNKNOWN)
    return sum(run.batches.get(state, 0) for state in done)


def batches_left(run: AnyRun) -> int:
    """Batches that still wait or are in flight."""
    return sum(run.batches.get(state, 0) for state in (BatchState.READY, BatchState.SENDING))


def end_of(run: RunView) -> End | None:
    """What the end of a run means; None while it goes on by itself, or while it is being recalled."""
    is_refused = any(hold.kind.is_vendors for hold in run.holds)
    if has_ended(run):
        if is_recalled_now(run):
            return End.REFUSED if is_refused else None
        return _end_of_ended(run)
    if run.state is RunState.CANCELLING or not run.holds:
        return None
    return End.REFUSED if is_refused else End.STOPPED


def _end_of_ended(run: RunView) -> End:
    if run.recall is not None and run.recall.failed:
        return End.REJECTED
    if run.state in {RunState.CANCELLED, RunState.SKIPPED}:
        return End.STOPPED
    if run.unknown:
        return End.UNKNOWN
    if run.rejected:
        return End.REJECTED
    return End.STOPPED if run.expired else End.SUCCESS


def later(time: datetime | None, now: datetime) -> datetime | None:
    """The time if it is in the future, else None."""
    return time if time is not None and time > now else None
