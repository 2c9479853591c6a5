"""One send: commit the attempt with its re-checks, POST, record the outcome.

This is the only file that may POST a message. No transaction is open during the call. Every request is committed before
it is made, and from that commit on a crash means unknown. Nothing below this file retries.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Connection

from campaigns.crashpoint import crash_point
from campaigns.domain.errors import DatabaseAway, FencesAway, PacerAway, RequestLost, StaleClaim
from campaigns.domain.messages.body_form import BodyForm, build_body, form_to_json
from campaigns.domain.messages.marks import LEAST_CHANCE, new_mark
from campaigns.domain.messages.message import Message
from campaigns.domain.schedules.handoff import as_sent
from campaigns.domain.sending.pacing import PERMIT_SECONDS, back_off_seconds
from campaigns.domain.states import BatchState, RunState
from campaigns.domain.upstream.outcome import Outcome, OutcomeKind
from campaigns.flow.sending.circuit_breaker import after_not_sent, after_unknown
from campaigns.flow.sending.known_messages import hold_if_known
from campaigns.flow.sending.lane_context import LaneContext, Step
from campaigns.flow.sending.pick_batch import message_of_batch, next_in_time, text_form
from campaigns.flow.sending.record import Recorded, record_outcome
from campaigns.flow.sending.spool_outcome import keep_outcome
from campaigns.flow.sending.withhold_suppressed import users_left
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.sending.attempts import OpenAttempt, ReadyBatch, open_attempt, renew_lane
from campaigns.store.sending.identity import permit_key
from campaigns.store.sending.lanes import LaneClaim

RECORD_TRIES = (0.1, 0.5, 1.0, 2.0)
"""Seconds between tries to write an outcome. When all fail, this host keeps it and writes it later."""


@dataclass(frozen=True, slots=True)
class _Committed:
    opened: OpenAttempt
    claim: LaneClaim
    body: bytes


def send_one(context: LaneContext, claim: LaneClaim, failures: int, permitted_at: float | None = None) -> Step:
    """Send the lane's next batch. The caller has the pacer's permit for it, which is refunded when there is no batch.

    `permitted_at`: when the permit was asked for, on the worker's clock; None means just now.
    """
    started = context.monotonic() if permitted_at is None else permitted_at
    committed: _Committed | LaneClaim | None
    try:
        committed = _commit_attempt(context, claim)
    except StaleClaim:
        committed = claim  # all of it was rolled back: somebody else changed the run or the batch
    if not isinstance(committed, _Committed):
        _refund(context, permit_key(claim.name, claim.fence + 1, claim.incarnation), claim.account_id)
        return Step(committed, leave=True, failures=failures)
    crash_point("send.committed")
    waits_for, obstacle = "the shared rate budget", _lost_permit(context, committed.opened, started)
    if obstacle is None:
        waits_for, obstacle = "the fence book", _note_fence(context, committed.claim)
    if obstacle is None:
        outcome, stopped = _post(context, committed, started)
        crash_point("send.answered")
    else:
        outcome, stopped = Outcome(OutcomeKind.NOT_SENT, error=obstacle), True
    try:
        step = _finish(context, committed, outcome, stopped=stopped, failures=failures)
    except Exception:
        context.stranded[claim.account_id] = Step(committed.claim, leave=True, failures=failures)
        raise
    if obstacle is None or step.claim is None:
        return step
    wait = back_off_seconds(failures + 1, context.chance())
    return replace(step, leave=True, wait_seconds=wait, waits_for=waits_for, failures=failures + 1)


def _lost_permit(context: LaneContext, opened: OpenAttempt, permitted_at: float) -> str | None:
    """Ask again for a permit that grew old before its attempt was committed; returns a reason not to send, or None.

    Redis may have lost its state meanwhile, and rebuilt it without this request.
    """
    if context.monotonic() - permitted_at <= PERMIT_SECONDS:
        return None
    try:
        permit = context.pacer.acquire(opened.permit_key, opened.account_id, hold_seconds=context.limits.lease_seconds)
    except PacerAway as away:
        return str(away)
    return None if permit.granted else f"its place in the shared rate budget was lost ({permit.why})"


def _note_fence(context: LaneContext, claim: LaneClaim) -> str | None:
    """Keep the committed fence outside the database; returns a reason not to send, or None.

    This comes before the first byte: by the fence we recognise a database restored from an earlier backup, whatever the
    outcome of the request is.
    """
    try:
        is_first = context.fences.note(claim.name, claim.fence)
    except FencesAway as away:
        return str(away)
    return None if is_first else f"fence {claim.fence} of its lane was used before: was the database put back?"


def _commit_attempt(context: LaneContext, claim: LaneClaim) -> _Committed | LaneClaim | None:
    """Commit the next attempt with all its re-checks. Returns the bare claim when nothing is to be sent, None when the
    lane was lost.

    The transaction holds the account's lock, so it sees every pause, cancel and suppression that was committed before.
    """
    lease = timedelta(seconds=context.limits.lease_seconds)
    with context.store.write() as connection:
        act = context.act(connection)
        renewed = renew_lane(connection, claim, now=act.now, lease=lease)
        if renewed is None:
            return None
        ours, suppressions = renewed
        chosen = _next_to_send(act, context, ours.account_id, suppressions)
        if chosen is None:
            return ours
        ready, message, users, act = chosen
        mark = _mark(context, ours, act) if ready.is_marked else None
        form = BodyForm(context.rf_as, text_form(connection, context, ours.account_id, message), mark)
        body = build_body(message, users or None, form)
        opened = open_attempt(
            connection,
            ours,
            ready,
            recipients=len(users) or 1,
            body_sha256=hashlib.sha256(body).hexdigest(),
            body_bytes=len(body),
            form=form_to_json(form),
            mark=form.mark,
            now=act.now,
            deadline=timedelta(seconds=context.limits.request_timeout_seconds),
            lease=lease,
        )
        if ready.run_state is RunState.PLANNED:
            _record_started(connection, context, ready, ours)
        crash_point("send.written")
    return _Committed(replace(opened, saves=message.save_for_later), ours, body)


def _next_to_send(
    act: Act, context: LaneContext, account_id: str, suppressions: int
) -> tuple[ReadyBatch, Message, list[int], Act] | None:
    """The batch to send, its message and users, and the act at the moment of the choice; None: nothing is left."""
    while True:
        chosen = next_in_time(act, context, account_id)
        if chosen is None:
            return None
        ready, act = chosen
        if hold_if_known(act, ready):
            continue
        message = as_sent(message_of_batch(act.connection, context, ready), act.now)
        users = users_left(act, account_id, ready, suppressions, names_lists=bool(message.user_lists))
        if users is not None:
            return ready, message, users, act


def _mark(context: LaneContext, claim: LaneClaim, act: Act) -> str:
    """A mark that no other attempt has, even if a restored database makes this attempt again."""
    chance = context.random_bytes(LEAST_CHANCE)
    return new_mark(account_id=claim.account_id, fence=claim.fence, at=act.now, chance=chance)


def _record_started(connection: Connection, context: LaneContext, ready: ReadyBatch, claim: LaneClaim) -> None:
    context.act(connection).record(
        EventKind.RUN_STARTED, account_id=claim.account_id, campaign_id=ready.campaign_id, run_id=ready.run_id
    )


def _post(context: LaneContext, committed: _Committed, started: float) -> tuple[Outcome, bool]:
    """Make the request; returns its outcome, and whether we stopped it ourselves before a byte left."""
    limits = context.limits
    stopped = False

    def may_start() -> str | None:
        nonlocal stopped
        reason = context.reason_not_to_start(started)
        if reason is None and context.monotonic() >= started + limits.request_timeout_seconds:
            # Searches rely on it that nothing leaves after the deadline on record.
            reason = "its deadline was over before it could start"
        stopped = reason is not None
        crash_point("send.first_byte")
        return reason

    outcome = context.gateway.send(
        committed.opened.account_id,
        committed.body,
        deadline_seconds=limits.request_timeout_seconds,
        may_start=may_start,
    )
    return outcome, stopped


def _finish(context: LaneContext, committed: _Committed, outcome: Outcome, *, stopped: bool, failures: int) -> Step:
    """Record first, then tell the pacer: a slot that is freed late is safe, one freed early is not."""
    opened, claim = committed.opened, committed.claim
    try:
        recorded = _record(context, opened, outcome, stopped=stopped)
        crash_point("record.committed")
    except RequestLost:
        keep_outcome(context.spool, opened, outcome, costs_attempt=not stopped)  # evidence of a lost request
        recorded = None
    except StaleClaim:
        recorded = None
    _tell_pacer(context, opened, outcome)
    if recorded is None:
        return Step(None, sent=True)
    if outcome.kind is OutcomeKind.NOT_SENT and not stopped:
        return after_not_sent(context, claim, failures)
    if recorded.state is BatchState.UNKNOWN:
        return after_unknown(context, claim, failures)
    if recorded.wait_seconds:
        return Step(claim, leave=True, sent=True, wait_seconds=recorded.wait_seconds, waits_for="cool-down")
    return Step(claim, sent=True)


def _record(context: LaneContext, opened: OpenAttempt, outcome: Outcome, *, stopped: bool) -> Recorded:
    """Write the outcome; if that fails, keep it on this host. Only an absent database is tried again here."""
    is_kept = False
    for wait in (*RECORD_TRIES, None):
        try:
            return record_outcome(
                context.store,
                opened,
                outcome,
                context.limits,
                actor=context.owner,
                jitter=context.chance(),
                costs_attempt=not stopped,
            )
        except StaleClaim:
            raise  # the answer is kept as evidence
        except Exception as fault:
            # At once, since this process may not live until the last try. Writing it twice has no further effect.
            is_kept = is_kept or keep_outcome(context.spool, opened, outcome, costs_attempt=not stopped)
            if wait is None or not isinstance(fault, DatabaseAway):
                raise
            context.sleep(wait)
    raise AssertionError("the last try returns or raises")


def _refund(context: LaneContext, key: str, account_id: str) -> None:
    try:
        context.pacer.refund(key, account_id)
    except PacerAway:
        return  # the slot frees itself, later than it could


def _tell_pacer(context: LaneContext, opened: OpenAttempt, outcome: Outcome) -> None:
    report = outcome.report
    try:
        if outcome.http_status is not None:
            context.pacer.answered(
                opened.permit_key, limit_minute=report.limit_minute, remaining_minute=report.remaining_minute
            )
        elif outcome.kind is OutcomeKind.NOT_SENT:
            context.pacer.refund(opened.permit_key, opened.account_id)
        # No answer: the vendor may still count it, so its slot stays taken for as long as the request may have lasted.
        if outcome.kind is OutcomeKind.THROTTLED:
            context.pacer.cool_down(opened.account_id, outcome.retry_after_seconds or 0.0)
    except PacerAway:
        return  # the slot frees itself, later than it could; the cool-down is in SQL too
