"""Unsend the messages of an account's recalls: one DELETE for each accepted batch, recorded like an attempt.

Before anything new is sent. Each request is committed before it is made, and no transaction is open during it. Unlike
a POST it may be repeated: to unsend a message twice changes nothing, and reaches no fan. So after a crash, or a reply
that proves nothing, the message is looked at and, if it is still there, the DELETE is repeated; nobody has to decide.
Where the look cannot be made, a repeated DELETE does no harm either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from campaigns.crashpoint import crash_point
from campaigns.domain.errors import PacerAway, StaleClaim, VendorAway, VendorRefused
from campaigns.domain.schedules.handoff import too_late_to_take_back
from campaigns.domain.sending.pacing import back_off_seconds
from campaigns.domain.upstream.outcome import HoldScope
from campaigns.domain.upstream.questions import Purpose, Question, QuestionKind, item_as_kept
from campaigns.domain.upstream.queue_items import ItemContent
from campaigns.domain.upstream.unsend_outcome import (
    YET_TO_BE_SEEN,
    UnsendKind,
    UnsendOutcome,
    judge_item,
    unless_seen,
)
from campaigns.flow.recall.permits import Permits, Wait, give_back, still_permitted, take_permits, tell_pacer
from campaigns.flow.recall.recall import finish_if_done
from campaigns.flow.sending.ask_vendor import ask
from campaigns.flow.sending.lane_context import LaneContext, Step
from campaigns.store.audit.events import Act
from campaigns.store.handoff.handed_over import handed_over_batch
from campaigns.store.holds.holds import Held, place_hold
from campaigns.store.recall.recalls import RecallRow, due_recall, postpone_recall
from campaigns.store.recall.unsend_requests import OpenUnsend, WantedBack, add_unsend_outcome, next_wanted, open_unsend
from campaigns.store.runs.runs import find_run
from campaigns.store.sending.attempts import renew_lane
from campaigns.store.sending.lanes import LaneClaim, lane_failures, lock_for_hold

NO_ROOM = UnsendOutcome(UnsendKind.NOT_SENT, "the shared rate budget had no room")
NOTHING_DELETED = UnsendOutcome(UnsendKind.NOT_SENT)


@dataclass(frozen=True, slots=True)
class _Try:
    """One request: what it is for, and under which claim it is made."""

    recall: RecallRow
    wanted: WantedBack
    opened: OpenUnsend
    claim: LaneClaim
    permits: Permits
    due: datetime | None  # when the vendor is to send it, if that is still to come


def carry_out_recalls(sender: LaneContext, claim: LaneClaim, goes_on: Callable[[], bool]) -> tuple[Step, int]:
    """Carry on the account's recalls that are due; returns the step of the lane, and the number of DELETEs made.

    Raises DatabaseAway; whatever it raises, the lane is then among the stranded ones.
    """
    made = 0
    step = Step(claim)
    try:
        while step.claim is not None:
            with sender.store.read() as connection:
                now = sender.store.now(connection)
                step = replace(step, failures=lane_failures(connection, claim.account_id))
                recall = due_recall(connection, claim.account_id, upstream=sender.upstream, now=now)
                wanted = None if recall is None else next_wanted(connection, recall)
            if recall is None or step.leave or not goes_on() or sender.stopping():
                break
            if wanted is None:
                finish_if_done(sender.store, recall, upstream=sender.upstream, actor=sender.owner)
                continue
            step = _unsend(sender, step, recall, wanted)
            made += step.sent
    except Exception:
        sender.stranded[claim.account_id] = step
        raise
    return replace(step, sent=False), made


def _unsend(sender: LaneContext, step: Step, recall: RecallRow, wanted: WantedBack) -> Step:
    assert step.claim is not None
    due = _due_ahead(sender, wanted)
    permits = take_permits(sender, step.claim, looks_first=wanted.before is not None or due is not None)
    if isinstance(permits, Wait):
        _postpone(sender, recall, permits)
        return step
    try:
        opened, claim = _commit(sender, step.claim, recall, wanted)
    except StaleClaim:
        give_back(sender, permits)
        return step
    if claim is None or opened is None:
        give_back(sender, permits)
        return replace(step, claim=None)
    crash_point("unsend.committed")
    tried = _Try(recall, wanted, opened, claim, permits, due)
    looked = _look(sender, tried) if still_permitted(sender, permits) else NO_ROOM
    outcome, stopped = (looked, False) if looked is not None else _delete(sender, tried)
    crash_point("unsend.answered")
    tell_pacer(sender, permits, NOTHING_DELETED if looked is not None else outcome)
    return _record(sender, tried, outcome, stopped=stopped, by_look=looked is not None)


def _commit(
    sender: LaneContext, claim: LaneClaim, recall: RecallRow, wanted: WantedBack
) -> tuple[OpenUnsend | None, LaneClaim | None]:
    """Commit the next request under a renewed lease; nothing when the lane was lost. Raises StaleClaim."""
    limits = sender.limits
    with sender.store.write() as connection:
        now = sender.store.now(connection)
        renewed = renew_lane(connection, claim, now=now, lease=timedelta(seconds=limits.lease_seconds))
        if renewed is None:
            return None, None
        ours, _ = renewed
        # Read again under the lock: a hold may stop it, and a decision may have moved the batch.
        if due_recall(connection, claim.account_id, upstream=sender.upstream, now=now) != recall:
            raise StaleClaim(f"Recall {recall.id} cannot go on now.")
        deadline = timedelta(seconds=limits.request_timeout_seconds)
        opened = open_unsend(
            connection, recall, wanted, fence=ours.fence, worker=sender.owner, now=now, deadline=deadline
        )
        return opened, ours


def _look(sender: LaneContext, tried: _Try) -> UnsendOutcome | None:
    """What a look at the message proves; None when it is still there, or cannot be looked at: repeat the DELETE."""
    wanted, recall, permit = tried.wanted, tried.recall, tried.permits.to_look
    if permit is None:
        return None
    about = (recall.account_id, recall.run_id, wanted.batch_id, wanted.message_id)
    question = Question(QuestionKind.ITEM, Purpose.RECALL, *about)
    try:
        item = ask(
            sender, question, lambda: sender.gateway.item(recall.account_id, wanted.message_id), item_as_kept, permit
        )
    except (VendorAway, VendorRefused, PacerAway) as obstacle:
        # What the vendor is still to send is not unsent before a look has shown how much time is left.
        judged = None if tried.due is None else UnsendOutcome(UnsendKind.NOT_SENT, f"could not look: {obstacle}")
    else:
        shown = _as_shown(tried, item)
        until_gone = recall.until_gone or (_must_be_seen(tried) and wanted.confirmed)
        judged = judge_item(shown, wanted.before, wanted.words, until_gone=until_gone)
        judged = judged or _judge_time(sender, tried, item)
    if judged is None and wanted.doubts >= sender.limits.max_attempts:
        return UnsendOutcome(UnsendKind.IMPOSSIBLE, f"given up after {wanted.doubts} requests: {wanted.words}")
    return judged


def _as_shown(tried: _Try, item: ItemContent | None) -> ItemContent | None:
    """The item without `canUnsend`, if it is still to be sent: no source says what that means then."""
    return item if item is None or tried.due is None else replace(item, can_unsend=None)


def _judge_time(sender: LaneContext, tried: _Try, item: ItemContent | None) -> UnsendOutcome | None:
    if tried.due is None or item is None:
        return None
    with sender.store.read() as connection:
        late = too_late_to_take_back(item, sender.store.now(connection))
    return None if late is None else UnsendOutcome(UnsendKind.IMPOSSIBLE, late)


def _due_ahead(sender: LaneContext, wanted: WantedBack) -> datetime | None:
    """When the vendor is to send a batch that was handed over, if that is still to come."""
    with sender.store.read() as connection:
        batch, now = handed_over_batch(connection, wanted.batch_id), sender.store.now(connection)
    return batch.due if batch is not None and batch.due > now else None


def _delete(sender: LaneContext, tried: _Try) -> tuple[UnsendOutcome, bool]:
    """Make the DELETE. The second value: we stopped it ourselves, before a byte left."""
    limits, stopped, permitted_at = sender.limits, False, tried.permits.to_delete.at

    def may_start() -> str | None:
        nonlocal stopped
        reason = sender.reason_not_to_start(permitted_at)
        stopped = reason is not None
        return reason

    outcome = sender.gateway.unsend(
        tried.recall.account_id,
        tried.wanted.message_id,
        deadline_seconds=limits.request_timeout_seconds,
        may_start=may_start,
    )
    return unless_seen(outcome) if _must_be_seen(tried) else outcome, stopped


def _must_be_seen(tried: _Try) -> bool:
    """Whether a reply is not enough and a look must confirm it: something is sent to the same fans afterwards."""
    return tried.recall.until_gone or tried.due is not None or tried.recall.for_run_id is not None


def _record(sender: LaneContext, tried: _Try, outcome: UnsendOutcome, *, stopped: bool, by_look: bool) -> Step:
    recall = tried.recall
    failures, wait, waits_for = _pause(sender, tried, outcome, stopped=stopped)
    with sender.store.write() as connection:
        lock_for_hold(connection, recall.account_id, None if outcome.hold is None else outcome.hold.scope)
        now = sender.store.now(connection)
        if add_unsend_outcome(connection, tried.opened, outcome, by_look=by_look, now=now):
            until = now + timedelta(seconds=wait)
            postpone_recall(connection, recall.id, until=until, waits_for=waits_for, failures=failures)
            if outcome.hold is not None:
                _hold(Act(connection, now, sender.owner), recall, outcome)
        crash_point("unsend.written")
    crash_point("unsend.recorded")
    throttled = outcome.kind is UnsendKind.THROTTLED
    return Step(
        tried.claim,
        leave=throttled,
        sent=not by_look,
        wait_seconds=wait if throttled else 0.0,
        waits_for=waits_for if throttled else None,
    )


def _pause(sender: LaneContext, tried: _Try, outcome: UnsendOutcome, *, stopped: bool) -> tuple[int, float, str | None]:
    """Failures in a row, how long the recall waits, and what for. A confirmed message is looked at at once."""
    recall = tried.recall
    if outcome.error == YET_TO_BE_SEEN and not recall.until_gone and not tried.wanted.confirmed:
        return 0, 0.0, None
    if outcome.kind is UnsendKind.THROTTLED:
        return recall.failures, outcome.retry_after_seconds or 0.0, "cool-down"
    if outcome.kind in {UnsendKind.UNCLEAR, UnsendKind.NOT_SENT} and not stopped:
        return recall.failures + 1, back_off_seconds(recall.failures + 1, sender.chance()), "the vendor"
    return 0, 0.0, None


def _hold(act: Act, recall: RecallRow, outcome: UnsendOutcome) -> None:
    assert outcome.hold is not None
    if outcome.hold.scope is HoldScope.TEAM:
        held = Held(upstream=find_run(act.connection, recall.run_id).upstream)
    else:
        held = Held(account_id=recall.account_id)
    reason = outcome.error or f"the vendor answered {outcome.http_status}"
    place_hold(act, held, outcome.hold.kind, reason=reason)


def _postpone(sender: LaneContext, recall: RecallRow, wait: Wait) -> None:
    with sender.store.write() as connection:
        until = sender.store.now(connection) + timedelta(seconds=max(wait.seconds, 0.1))
        postpone_recall(connection, recall.id, until=until, waits_for=wait.why, failures=recall.failures)
