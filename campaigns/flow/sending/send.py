"""One send: commit the attempt with its re-checks, POST, record the outcome.

The one file that may POST a message. No transaction is open during the call, and no request is made that was not
committed before: from that commit on, a crash means unknown. Nothing below this file retries.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

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
from campaigns.flow.sending.known_messages import is_stopped_by_evidence
from campaigns.flow.sending.lane_context import LaneContext, Step
from campaigns.flow.sending.pick_batch import next_in_time, said_by_batch, text_form
from campaigns.flow.sending.record import Recorded, record_outcome
from campaigns.flow.sending.spool_outcome import keep_outcome
from campaigns.flow.sending.withhold_suppressed import users_left
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.sending.attempts import OpenAttempt, ReadyBatch, open_attempt, renew_lane
from campaigns.store.sending.identity import permit_key
from campaigns.store.sending.lanes import LaneClaim

RECORD_TRIES = (0.1, 0.5, 1.0, 2.0)
"""Seconds between tries to write an outcome. When all fail, it is kept on this host and written later."""


@dataclass(frozen=True, slots=True)
class _Committed:
    opened: OpenAttempt
    claim: LaneClaim
    body: bytes


def send_one(sender: LaneContext, claim: LaneClaim, failures: int, permitted_at: float | None = None) -> Step:
    """Send the lane's next batch; the caller has the pacer's permit for it, which goes back when there is none.

    `permitted_at` is when that was asked for, on the worker's clock: just now unless said.
    """
    started = sender.monotonic() if permitted_at is None else permitted_at
    committed: _Committed | LaneClaim | None
    try:
        committed = _commit_attempt(sender, claim)
    except StaleClaim:
        committed = claim  # rolled back whole; whoever changed the run or the batch has the say
    if not isinstance(committed, _Committed):
        _refund(sender, permit_key(claim.name, claim.fence + 1, claim.incarnation), claim.account_id)
        return Step(committed, leave=True, failures=failures)
    crash_point("send.committed")
    waits_for, unnoted = "the shared rate budget", _lost_permit(sender, committed.opened, started)
    if unnoted is None:
        waits_for, unnoted = "the fence book", _note_fence(sender, committed.claim)
    if unnoted is None:
        outcome, stopped = _post(sender, committed, started)
        crash_point("send.answered")
    else:
        outcome, stopped = Outcome(OutcomeKind.NOT_SENT, error=unnoted), True
    try:
        step = _finish(sender, committed, outcome, stopped=stopped, failures=failures)
    except Exception:
        sender.stranded[claim.account_id] = Step(committed.claim, leave=True, failures=failures)
        raise
    if unnoted is None or step.claim is None:
        return step
    wait = back_off_seconds(failures + 1, sender.chance())
    return replace(step, leave=True, wait_seconds=wait, waits_for=waits_for, failures=failures + 1)


def _lost_permit(sender: LaneContext, opened: OpenAttempt, permitted_at: float) -> str | None:
    """Ask again for a permit that grew old before its attempt was committed; a reason not to send when there is none.

    Meanwhile Redis may have lost its state, which was then rebuilt without this request.
    """
    if sender.monotonic() - permitted_at <= PERMIT_SECONDS:
        return None
    try:
        permit = sender.pacer.acquire(opened.permit_key, opened.account_id, hold_seconds=sender.limits.lease_seconds)
    except PacerAway as away:
        return str(away)
    return None if permit.granted else f"its place in the shared rate budget was lost ({permit.why})"


def _note_fence(sender: LaneContext, claim: LaneClaim) -> str | None:
    """Keep the committed fence outside the database; a reason not to send when that cannot be done.

    Before a byte leaves: a database restored from an earlier backup is recognised by it, whatever came of the request.
    """
    try:
        is_first = sender.fences.note(claim.name, claim.fence)
    except FencesAway as away:
        return str(away)
    return None if is_first else f"fence {claim.fence} of its lane was used before: was the database put back?"


def _commit_attempt(sender: LaneContext, claim: LaneClaim) -> _Committed | LaneClaim | None:
    """Commit the next attempt with all its re-checks. A bare claim: nothing to send. None: the lane was lost.

    The transaction holds the account's lock: a pause, a cancel or a suppression committed before it is seen here.
    """
    lease = timedelta(seconds=sender.limits.lease_seconds)
    with sender.store.write() as connection:
        now = sender.store.now(connection)
        renewed = renew_lane(connection, claim, now=now, lease=lease)
        if renewed is None:
            return None
        ours, suppressions = renewed
        chosen = _next_that_may_go(connection, sender, ours.account_id, suppressions, now)
        if chosen is None:
            return ours
        ready, message, users, now = chosen
        mark = _mark(sender, ours, now) if ready.is_marked else None
        form = BodyForm(sender.rf_as, text_form(connection, sender, ours.account_id, message), mark)
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
            now=now,
            deadline=timedelta(seconds=sender.limits.request_timeout_seconds),
            lease=lease,
        )
        if ready.run_state is RunState.PLANNED:
            _say_started(connection, sender, ready, ours)
        crash_point("send.written")
    return _Committed(replace(opened, saves=message.save_for_later), ours, body)


def _next_that_may_go(
    connection: Connection, sender: LaneContext, account_id: str, suppressions: int, now: datetime
) -> tuple[ReadyBatch, Message, list[int], datetime] | None:
    """The batch to send, what it says, to whom, and when it was looked at; None when nothing is left to send."""
    while True:
        found = next_in_time(connection, sender, account_id, now=now)
        if found is None:
            return None
        ready, now = found
        if is_stopped_by_evidence(connection, ready, actor=sender.owner, now=now):
            continue
        message = as_sent(said_by_batch(connection, sender, ready), now)
        names_lists = bool(message.user_lists)
        users = users_left(
            connection, account_id, ready, suppressions, names_lists=names_lists, actor=sender.owner, now=now
        )
        if users is not None:
            return ready, message, users, now


def _mark(sender: LaneContext, claim: LaneClaim, now: datetime) -> str:
    """A mark that no other attempt has, also none that a restored database makes again."""
    chance = sender.random_bytes(LEAST_CHANCE)
    return new_mark(account_id=claim.account_id, fence=claim.fence, at=now, chance=chance)


def _say_started(connection: Connection, sender: LaneContext, ready: ReadyBatch, claim: LaneClaim) -> None:
    Act(connection, sender.store.now(connection), sender.owner).record(
        EventKind.RUN_STARTED, account_id=claim.account_id, campaign_id=ready.campaign_id, run_id=ready.run_id
    )


def _post(sender: LaneContext, committed: _Committed, started: float) -> tuple[Outcome, bool]:
    """Make the request. The second answer: we stopped it ourselves, before a byte left."""
    limits = sender.limits
    stopped = False

    def may_start() -> str | None:
        nonlocal stopped
        reason = None
        if sender.stopping():
            reason = "the worker is stopping"
        elif sender.monotonic() + limits.request_timeout_seconds > started + limits.lease_seconds:
            # Whoever slept past the lease must not send: the batch may be unknown by now, or somebody else's.
            reason = "too little of the lease was left"
        elif sender.monotonic() >= started + limits.request_timeout_seconds:
            # Searches take it that nothing leaves after the deadline on record.
            reason = "its deadline was over before it could start"
        stopped = reason is not None
        crash_point("send.first_byte")
        return reason

    outcome = sender.gateway.send(
        committed.opened.account_id,
        committed.body,
        deadline_seconds=limits.request_timeout_seconds,
        may_start=may_start,
    )
    return outcome, stopped


def _finish(sender: LaneContext, committed: _Committed, outcome: Outcome, *, stopped: bool, failures: int) -> Step:
    """Record first, then tell the pacer: a slot that is freed late is safe, one freed early is not."""
    opened, claim = committed.opened, committed.claim
    try:
        recorded = _record(sender, opened, outcome, stopped=stopped)
        crash_point("record.committed")
    except RequestLost:
        keep_outcome(sender.spool, opened, outcome, costs_attempt=not stopped)  # evidence of a request that is lost
        recorded = None
    except StaleClaim:
        recorded = None
    _tell_pacer(sender, opened, outcome)
    if recorded is None:
        return Step(None, sent=True)
    if outcome.kind is OutcomeKind.NOT_SENT and not stopped:
        return after_not_sent(sender, claim, failures)
    if recorded.state is BatchState.UNKNOWN:
        return after_unknown(sender, claim, failures)
    if recorded.wait_seconds:
        return Step(claim, leave=True, sent=True, wait_seconds=recorded.wait_seconds, waits_for="cool-down")
    return Step(claim, sent=True)


def _record(sender: LaneContext, opened: OpenAttempt, outcome: Outcome, *, stopped: bool) -> Recorded:
    """Write the answer, or keep it on this host whatever stops that; only an absent database is tried again here."""
    kept = False
    for wait in (*RECORD_TRIES, None):
        try:
            return record_outcome(
                sender.store,
                opened,
                outcome,
                sender.limits,
                actor=sender.owner,
                jitter=sender.chance(),
                costs_attempt=not stopped,
            )
        except StaleClaim:
            raise  # the answer stands as evidence
        except Exception as fault:
            # At once, since this process may not live until the last try; written twice, it is written once.
            kept = kept or keep_outcome(sender.spool, opened, outcome, costs_attempt=not stopped)
            if wait is None or not isinstance(fault, DatabaseAway):
                raise
            sender.sleep(wait)
    raise AssertionError("the last try returns or raises")


def _refund(sender: LaneContext, key: str, account_id: str) -> None:
    try:
        sender.pacer.refund(key, account_id)
    except PacerAway:
        return  # the slot frees itself, later than it could


def _tell_pacer(sender: LaneContext, opened: OpenAttempt, outcome: Outcome) -> None:
    report = outcome.report
    try:
        if outcome.http_status is not None:
            sender.pacer.answered(
                opened.permit_key, limit_minute=report.limit_minute, remaining_minute=report.remaining_minute
            )
        elif outcome.kind is OutcomeKind.NOT_SENT:
            sender.pacer.refund(opened.permit_key, opened.account_id)
        # No answer: the vendor may still be counting it, so its slot is held as long as the request might have lasted.
        if outcome.kind is OutcomeKind.THROTTLED:
            sender.pacer.cool_down(opened.account_id, outcome.retry_after_seconds or 0.0)
    except PacerAway:
        return  # the slot is freed by itself, later than it could be; the cool-down stands in SQL too
