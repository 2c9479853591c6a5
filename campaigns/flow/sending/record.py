"""Settle an attempt, its batch and its run from an outcome, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from campaigns.crashpoint import crash_point
from campaigns.domain.errors import RequestLost, StaleClaim, TryLater
from campaigns.domain.sending.pacing import Limits, back_off_seconds
from campaigns.domain.states import BATCH_TAKEN, BatchState, EvidenceKind, HoldKind, RunState, taken_state
from campaigns.domain.upstream.outcome import PROVES_NOT_SENT, HoldScope, Outcome, OutcomeKind
from campaigns.flow.sending.error_threshold import hold_if_failing
from campaigns.flow.sending.halve import halve, in_view_of_size, may_halve, stop_halving
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.backup.restored import MAY_HAVE_BEEN_SENT, batch_may_repeat
from campaigns.store.database.engine import Store
from campaigns.store.database.postgresql import wait_briefly
from campaigns.store.holds.holds import Held, open_hold
from campaigns.store.reconcile.answers import FAILED
from campaigns.store.reconcile.searches import attempt_deadline, look_now
from campaigns.store.runs.runs import end_run_if_done, find_run
from campaigns.store.sending.attempts import OpenAttempt, add_outcome, own_message, settle_batch
from campaigns.store.sending.batches import anything_waits, batch_state
from campaigns.store.sending.lanes import hold_lane, lock_lanes
from campaigns.store.sending.on_record import attempt_stands, recorded_before

SETTLES = {
    OutcomeKind.REJECTED: BatchState.REJECTED,
    OutcomeKind.UNKNOWN: BatchState.UNKNOWN,
}
"""Outcomes that settle a batch, beside `accepted`. All others prove that nothing was sent, and it waits again."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a batch."""

    state: BatchState
    wait_seconds: float = 0.0  # how long its account should wait before the next send


@dataclass(frozen=True, slots=True)
class _Next:
    state: BatchState
    wait_seconds: float = 0.0
    counts_as_failure: bool = False
    is_doubted: bool = False  # nothing came of this request, but a later one for the batch may be lost


def record_outcome(
    store: Store,
    opened: OpenAttempt,
    outcome: Outcome,
    limits: Limits,
    *,
    actor: str,
    jitter: float = 0.0,
    costs_attempt: bool = True,
    briefly: bool = False,
) -> Recorded:
    """Write what an attempt proved and move its batch there.

    `costs_attempt` False: it was stopped by ourselves before a byte left, which says nothing against the batch.
    `briefly`: the caller has others to serve, and gets DatabaseBusy soon when somebody keeps the account's lock.
    Raises StaleClaim when the attempt's lease ran out and somebody else settled it: the answer is then kept as
    evidence, and no batch is moved. Raises RequestLost when the database does not know the attempt, since it was
    restored from a backup meanwhile: nothing is written. Raises DatabaseAway; nothing is written then, and the call
    may be repeated.
    """
    try:
        with store.write() as connection:
            if briefly:
                wait_briefly(connection)
            _lock(connection, opened, outcome)
            now = store.now(connection)
            recorded = _record(
                connection, opened, outcome, limits, actor=actor, jitter=jitter, costs_attempt=costs_attempt, now=now
            )
            crash_point("record.written")
            return recorded
    except TryLater:
        raise
    except Exception as fault:
        # Rows that are not there, or another's under the same numbers, may be refused in any way.
        with store.write() as connection:
            if briefly:
                wait_briefly(connection)
            hold_lane(connection, opened.account_id)
            if not attempt_stands(connection, opened):
                raise RequestLost(
                    f"Request {opened.fence} of account {opened.account_id} is not on record: the database was "
                    "restored from a backup since it was made, or made anew."
                ) from fault
            if not isinstance(fault, StaleClaim):
                raise
            now = store.now(connection)
            before = recorded_before(connection, opened, in_view_of_size(connection, opened, outcome))
            if before is not None:
                # By ourselves: the commit was done, and only the news of it was lost.
                state, available_at = before
                return Recorded(state, max(0.0, (available_at - now).total_seconds()))
            _keep_late_answer(connection, opened, outcome, actor=actor, now=now)
        raise


def _record(
    connection: Connection,
    opened: OpenAttempt,
    outcome: Outcome,
    limits: Limits,
    *,
    actor: str,
    jitter: float,
    costs_attempt: bool,
    now: datetime,
) -> Recorded:
    outcome = in_view_of_size(connection, opened, _own(connection, opened, outcome, now))
    step = _next(connection, opened, outcome, limits, jitter=jitter, costs_attempt=costs_attempt)
    if outcome.kind in PROVES_NOT_SENT and batch_may_repeat(connection, opened.batch_id, opened.number):
        step = replace(step, state=BatchState.UNKNOWN, is_doubted=True)
    refused = None if step.is_doubted else may_halve(connection, opened, outcome)
    if refused is not None:
        step = _Next(BatchState.SPLIT)
    is_looked_for = step.state is BatchState.UNKNOWN and not step.is_doubted
    retry_at = now + timedelta(seconds=step.wait_seconds)
    settled = settle_batch(
        connection,
        opened,
        step.state,
        now=now,
        available_at=retry_at,
        counts_as_failure=step.counts_as_failure,
        message_id=outcome.message_id if step.state in BATCH_TAKEN else None,
        error=MAY_HAVE_BEEN_SENT if step.is_doubted else outcome.error,
        look_at=_look_at(connection, opened, limits, now) if is_looked_for else None,
    )
    if not settled:
        raise StaleClaim(f"Batch {opened.batch_seq} of run {opened.run_id} was settled by somebody else.")
    throttled = outcome.kind is OutcomeKind.THROTTLED
    add_outcome(connection, opened, outcome, now=now, retry_at=retry_at if throttled else None)
    if is_looked_for and outcome.message_id is not None:
        _keep_failed(connection, opened, outcome, actor=actor, now=now)
    if outcome.hold is not None:
        _hold(connection, opened, outcome, actor=actor, now=now)
    if refused is not None:
        halve(connection, opened, refused, outcome, actor=actor, now=now)
    elif step.state is BatchState.REJECTED:
        stop_halving(connection, opened, outcome, actor=actor, now=now)
        hold_if_failing(connection, opened, outcome, limits, actor=actor, now=now)
    if step.state is not BatchState.READY:
        end_run_if_done(Act(connection, now, actor), opened.run_id)
    return Recorded(step.state, step.wait_seconds)


def _look_at(connection: Connection, opened: OpenAttempt, limits: Limits, now: datetime) -> datetime:
    """When an unknown is looked for first: the settle time after the moment until which it may still have arrived."""
    return max(attempt_deadline(connection, opened.batch_id, opened.number), now) + timedelta(
        seconds=limits.settle_seconds
    )


def _lock(connection: Connection, opened: OpenAttempt, outcome: Outcome) -> None:
    if outcome.hold is not None and outcome.hold.scope is HoldScope.TEAM:
        lock_lanes(connection)
    else:
        hold_lane(connection, opened.account_id)


def _own(connection: Connection, opened: OpenAttempt, outcome: Outcome, now: datetime) -> Outcome:
    """Take the message ID as ours; an ID that another batch owns proves nothing about this one."""
    if outcome.message_id is None or own_message(connection, opened, outcome.message_id, now=now):
        return outcome
    return replace(
        outcome,
        kind=OutcomeKind.UNKNOWN,
        message_id=None,
        error=f"the vendor answered with message ID {outcome.message_id}, which another batch owns already",
    )


def _next(
    connection: Connection,
    opened: OpenAttempt,
    outcome: Outcome,
    limits: Limits,
    *,
    jitter: float,
    costs_attempt: bool,
) -> _Next:
    if outcome.kind is OutcomeKind.ACCEPTED:
        return _Next(taken_state(saves=opened.saves))
    settles = SETTLES.get(outcome.kind)
    if settles is not None:
        return _Next(settles)
    counts = outcome.kind is OutcomeKind.NOT_SENT and costs_attempt
    wait = 0.0
    if outcome.kind is OutcomeKind.THROTTLED:
        wait = outcome.retry_after_seconds or 0.0
    elif counts:
        wait = back_off_seconds(opened.failures + 1, jitter)
    if find_run(connection, opened.run_id).state is RunState.CANCELLING:
        return _Next(BatchState.CANCELLED, wait, counts)
    if counts and opened.failures + 1 >= limits.max_attempts:
        return _Next(BatchState.REJECTED, wait, counts)
    return _Next(BatchState.READY, wait, counts)


def _hold(connection: Connection, opened: OpenAttempt, outcome: Outcome, *, actor: str, now: datetime) -> None:
    assert outcome.hold is not None
    if outcome.hold.scope is HoldScope.RUN and not anything_waits(connection, opened.run_id):
        return
    held = {
        HoldScope.RUN: Held(run_id=opened.run_id),
        HoldScope.ACCOUNT: Held(account_id=opened.account_id),
        HoldScope.TEAM: Held(upstream=find_run(connection, opened.run_id).upstream),
    }[outcome.hold.scope]
    reason = outcome.error or f"the vendor answered {outcome.http_status}"
    open_hold(Act(connection, now, actor), held, outcome.hold.kind, reason=reason)


def _keep_failed(connection: Connection, opened: OpenAttempt, outcome: Outcome, *, actor: str, now: datetime) -> None:
    """The vendor has a message of this attempt and says that it failed: the search looks at that one."""
    Act(connection, now, actor).record_evidence(
        opened.batch_id,
        kind=EvidenceKind.LOOK,
        number=opened.number,
        reason=outcome.error,
        message_id=outcome.message_id,
        detail={"finding": FAILED},
    )


def _keep_late_answer(
    connection: Connection, opened: OpenAttempt, outcome: Outcome, *, actor: str, now: datetime
) -> None:
    """Evidence moves nothing by itself: it owns its message ID, and the next look uses what it proves."""
    detail: dict[str, Any] = {
        "outcome": outcome.kind.value,
        "http_status": outcome.http_status,
        "error": outcome.error,
    }
    if outcome.message_id is not None and not own_message(connection, opened, outcome.message_id, now=now):
        detail["owned_by_another"] = True
    Act(connection, now, actor).record_evidence(
        opened.batch_id,
        kind=EvidenceKind.LATE_ANSWER,
        number=opened.number,
        message_id=outcome.message_id,
        detail=detail,
    )
    Act(connection, now, actor).record(
        EventKind.ANSWER_CAME_LATE,
        account_id=opened.account_id,
        run_id=opened.run_id,
        batch_seq=opened.batch_seq,
        detail={**detail, "message_id": outcome.message_id},
    )
    look_now(connection, opened.batch_id, opened.number, now=now)
    if outcome.message_id is not None and batch_state(connection, opened.batch_id) is BatchState.READY:
        _stop_resend(connection, opened, outcome.message_id, actor=actor, now=now)


def _stop_resend(connection: Connection, opened: OpenAttempt, message_id: str, *, actor: str, now: datetime) -> None:
    """It was decided to send the batch again, before anybody knew that the first request had been accepted."""
    open_hold(
        Act(connection, now, actor),
        Held(run_id=opened.run_id),
        HoldKind.LATE_ANSWER,
        reason=f"batch {opened.batch_seq} is to be sent again, but its first request was accepted as {message_id}",
    )
