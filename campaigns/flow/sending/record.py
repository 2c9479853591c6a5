"""Write an outcome: settle its attempt, its batch and, at the end, its run, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from campaigns.crashpoint import crash_point
from campaigns.domain.errors import RequestLost, StaleClaim, TryLater
from campaigns.domain.ids import run_name
from campaigns.domain.sending.pacing import Limits, back_off_seconds
from campaigns.domain.states import BATCH_TAKEN, BatchState, EvidenceKind, HoldKind, RunState, taken_state
from campaigns.domain.upstream.outcome import PROVES_NOT_SENT, HoldScope, Outcome, OutcomeKind
from campaigns.flow.sending.error_threshold import hold_if_failing
from campaigns.flow.sending.halve import halve, may_halve, stop_halving, with_size_advice
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.backup.restored import MAY_HAVE_BEEN_SENT, batch_may_repeat
from campaigns.store.database.engine import Store
from campaigns.store.database.postgresql import wait_briefly
from campaigns.store.holds.holds import Held, place_hold
from campaigns.store.reconcile.answers import FAILED
from campaigns.store.reconcile.searches import look_now
from campaigns.store.runs.runs import end_run_if_done, find_run
from campaigns.store.sending.attempts import OpenAttempt, add_outcome, first_look, own_message, settle_batch
from campaigns.store.sending.batches import anything_waits, batch_state
from campaigns.store.sending.lanes import hold_lane, lock_for_hold
from campaigns.store.sending.on_record import attempt_stands, recorded_before

SETTLES = {
    OutcomeKind.REJECTED: BatchState.REJECTED,
    OutcomeKind.UNKNOWN: BatchState.UNKNOWN,
}
"""The outcomes that settle a batch, beside `accepted`. All others prove that nothing was sent: it waits again."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The state of a batch after its outcome was written."""

    state: BatchState
    wait_seconds: float = 0.0  # the pause of its account before the next send


@dataclass(frozen=True, slots=True)
class _Next:
    state: BatchState
    wait_seconds: float = 0.0
    counts_as_failure: bool = False
    is_doubted: bool = False  # this request sent nothing, but the record of a later one for the batch may be lost


@dataclass(frozen=True, slots=True)
class _Rules:
    """What decides, beside the outcome, where a batch goes."""

    limits: Limits
    jitter: float
    costs_attempt: bool


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
    """Write what an attempt proved, and move its batch to the state that follows.

    `costs_attempt` False: we stopped it ourselves before a byte left, so it does not count against the batch.
    `briefly`: the caller has other accounts to serve, and gets DatabaseBusy soon when somebody holds the account's
    lock. Raises StaleClaim when the attempt's lease ran out and somebody else settled it: the answer is then kept as
    evidence, and no batch is moved. Raises RequestLost when the database does not know the attempt, because it was
    restored from a backup meanwhile: nothing is written. Raises DatabaseAway: nothing is written, and the call may be
    repeated. A crash before the commit leaves the batch in flight, and its lease makes it unknown.
    """
    rules = _Rules(limits, jitter, costs_attempt)
    try:
        with store.write() as connection:
            if briefly:
                wait_briefly(connection)
            lock_for_hold(connection, opened.account_id, None if outcome.hold is None else outcome.hold.scope)
            recorded = _record(Act(connection, store.now(connection), actor), opened, outcome, rules)
            crash_point("record.written")
            return recorded
    except TryLater:
        raise
    except Exception as fault:
        # When rows are missing, or other rows have their numbers, the database may refuse them with any error.
        with store.write() as connection:
            if briefly:
                wait_briefly(connection)
            hold_lane(connection, opened.account_id)
            if not attempt_stands(connection, opened):
                raise RequestLost(
                    f"Request {opened.fence} of account {opened.account_id} is not on record: the database was "
                    "restored from a backup since then, or is a new one."
                ) from fault
            if not isinstance(fault, StaleClaim):
                raise
            act = Act(connection, store.now(connection), actor)
            before = recorded_before(connection, opened, with_size_advice(connection, opened, outcome))
            if before is not None:
                # By ourselves: the commit was done, and only its confirmation was lost.
                state, available_at = before
                return Recorded(state, max(0.0, (available_at - act.now).total_seconds()))
            _keep_late_answer(act, opened, outcome)
        raise


def _record(act: Act, opened: OpenAttempt, outcome: Outcome, rules: _Rules) -> Recorded:
    connection, now = act.connection, act.now
    outcome = with_size_advice(connection, opened, _own(act, opened, outcome))
    step = _next(connection, opened, outcome, rules)
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
        look_at=first_look(connection, opened, settle_seconds=rules.limits.settle_seconds, now=now)
        if is_looked_for
        else None,
    )
    if not settled:
        raise StaleClaim(f"Batch {opened.batch_seq} of run {run_name(opened.run_id)} was settled by somebody else.")
    throttled = outcome.kind is OutcomeKind.THROTTLED
    add_outcome(connection, opened, outcome, now=now, retry_at=retry_at if throttled else None)
    if is_looked_for and outcome.message_id is not None:
        _keep_failed(act, opened, outcome)
    if outcome.hold is not None:
        _hold(act, opened, outcome)
    if refused is not None:
        halve(act, opened, refused, outcome)
    elif step.state is BatchState.REJECTED:
        stop_halving(act, opened, outcome)
        hold_if_failing(act, opened, outcome, rules.limits)
    if step.state is not BatchState.READY:
        end_run_if_done(act, opened.run_id)
    return Recorded(step.state, step.wait_seconds)


def _own(act: Act, opened: OpenAttempt, outcome: Outcome) -> Outcome:
    """Take the message ID as ours; an ID that another batch owns proves nothing about this one."""
    if outcome.message_id is None or _owns(act, opened, outcome.message_id):
        return outcome
    return replace(
        outcome,
        kind=OutcomeKind.UNKNOWN,
        message_id=None,
        error=f"the vendor answered with message ID {outcome.message_id}, which another batch owns already",
    )


def _owns(act: Act, opened: OpenAttempt, message_id: str) -> bool:
    return own_message(act.connection, opened.account_id, opened.batch_id, message_id, now=act.now)


def _next(connection: Connection, opened: OpenAttempt, outcome: Outcome, rules: _Rules) -> _Next:
    if outcome.kind is OutcomeKind.ACCEPTED:
        return _Next(taken_state(saves=opened.saves))
    settles = SETTLES.get(outcome.kind)
    if settles is not None:
        return _Next(settles)
    counts = outcome.kind is OutcomeKind.NOT_SENT and rules.costs_attempt
    wait = 0.0
    if outcome.kind is OutcomeKind.THROTTLED:
        wait = outcome.retry_after_seconds or 0.0
    elif counts:
        wait = back_off_seconds(opened.failures + 1, rules.jitter)
    if find_run(connection, opened.run_id).state is RunState.CANCELLING:
        return _Next(BatchState.CANCELLED, wait, counts)
    if counts and opened.failures + 1 >= rules.limits.max_attempts:
        return _Next(BatchState.REJECTED, wait, counts)
    return _Next(BatchState.READY, wait, counts)


def _hold(act: Act, opened: OpenAttempt, outcome: Outcome) -> None:
    assert outcome.hold is not None
    if outcome.hold.scope is HoldScope.RUN and not anything_waits(act.connection, opened.run_id):
        return
    held = {
        HoldScope.RUN: Held(run_id=opened.run_id),
        HoldScope.ACCOUNT: Held(account_id=opened.account_id),
        HoldScope.TEAM: Held(upstream=find_run(act.connection, opened.run_id).upstream),
    }[outcome.hold.scope]
    reason = outcome.error or f"the vendor answered {outcome.http_status}"
    place_hold(act, held, outcome.hold.kind, reason=reason)


def _keep_failed(act: Act, opened: OpenAttempt, outcome: Outcome) -> None:
    """The vendor has a message of this attempt and reports a fault: the search looks at that message."""
    act.record_evidence(
        opened.batch_id,
        kind=EvidenceKind.LOOK,
        number=opened.number,
        reason=outcome.error,
        message_id=outcome.message_id,
        detail={"finding": FAILED},
    )


def _keep_late_answer(act: Act, opened: OpenAttempt, outcome: Outcome) -> None:
    """Evidence moves no batch: it owns its message ID, and the next look uses what it proves."""
    detail: dict[str, Any] = {
        "outcome": outcome.kind.value,
        "http_status": outcome.http_status,
        "error": outcome.error,
    }
    if outcome.message_id is not None and not _owns(act, opened, outcome.message_id):
        detail["owned_by_another"] = True
    act.record_evidence(
        opened.batch_id,
        kind=EvidenceKind.LATE_ANSWER,
        number=opened.number,
        message_id=outcome.message_id,
        detail=detail,
    )
    act.record(
        EventKind.ANSWER_CAME_LATE,
        account_id=opened.account_id,
        run_id=opened.run_id,
        batch_seq=opened.batch_seq,
        detail={**detail, "message_id": outcome.message_id},
    )
    look_now(act.connection, opened.batch_id, opened.number, now=act.now)
    if outcome.message_id is not None and batch_state(act.connection, opened.batch_id) is BatchState.READY:
        _stop_resend(act, opened, outcome.message_id)


def _stop_resend(act: Act, opened: OpenAttempt, message_id: str) -> None:
    """Somebody decided to send the batch again before anybody knew that its first request had been accepted."""
    place_hold(
        act,
        Held(run_id=opened.run_id),
        HoldKind.LATE_ANSWER,
        reason=f"batch {opened.batch_seq} is to be sent again, but its first request was accepted as {message_id}",
    )
