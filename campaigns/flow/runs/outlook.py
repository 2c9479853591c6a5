"""What becomes of a run: when it will end and what limits that, what it waits for, and what its end means."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from campaigns.domain.schedules.sending_hours import read_windows
from campaigns.domain.sending.forecast import Forecast, forecast
from campaigns.domain.sending.pacing import Limits
from campaigns.domain.states import RUN_OPEN, BatchState, RunState
from campaigns.store.views.runs import RunView, run_of


@dataclass(frozen=True, slots=True)
class ShownRun(RunView):
    """A run as every edge shows it: what is stored about it, when it will end, and what limits that."""

    eta: datetime | None  # None: it has ended, or cannot go on by itself
    bound_by: str | None


class End(StrEnum):
    """What the end of a run means to whoever waits for it."""

    SUCCESS = "success"
    STOPPED = "stopped"  # paused, cancelled, skipped or expired
    REJECTED = "rejected"  # some were rejected, or could not be recalled
    UNKNOWN = "unknown"  # a person decides what became of some
    REFUSED = "refused"  # the vendor refuses until a person has removed the cause


def show_run(connection: Connection, run_id: int, *, limits: Limits, now: datetime) -> ShownRun:
    """One run with its outlook. Raises NotFound."""
    return shown(run_of(connection, run_id), limits=limits, now=now)


def shown(run: RunView, *, limits: Limits, now: datetime) -> ShownRun:
    """The run with its outlook; a wait that is over is left out."""
    values = {field.name: getattr(run, field.name) for field in fields(RunView)}
    values["resumes_at"] = later(run.resumes_at, now)
    expected = outlook(run, limits=limits, now=now)
    return ShownRun(
        **values,
        eta=None if expected is None else expected.ends_at,
        bound_by=None if expected is None else expected.bound_by,
    )


def outlook(run: RunView, *, limits: Limits, now: datetime) -> Forecast | None:
    """When the run will end if nothing new gets in its way, and what limits it; None when it has ended or is held."""
    if has_ended(run) or run.holds or run.state is RunState.DUE:
        return None
    own_time = later(run.resumes_at, now) if waits_for_own_time(run) else None
    return forecast(
        batches_left(run),
        limits,
        own_time or now,
        windows=read_windows([asdict(hours) for hours in run.sending_hours]),
        last_at=later(run.last_batch_at, now),
        expires_at=later(run.expires_at, now),
    )


def has_ended(run: RunView) -> bool:
    """Whether nothing of the run happens by itself any more; a recall of it may still go on."""
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


def batches_left(run: RunView) -> int:
    """Batches that still wait or are in flight."""
    return sum(run.batches.get(state, 0) for state in (BatchState.READY, BatchState.SENDING))


def waits_for_own_time(run: RunView) -> bool:
    """Whether the run was too late to be handed over, so that we send it at its own time."""
    return run.resumes_at is not None and run.resumes_at == run.scheduled_date


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
    """The time, if it is still to come."""
    return time if time is not None and time > now else None
