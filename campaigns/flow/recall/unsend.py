"""Unsend the messages of an account's recalls: one DELETE for each accepted batch, as an attempt on the record.

Before anything new is sent. Each request is committed before it is made, and no transaction is open during it. Unlike
a POST it may be made again: taking back what is taken back changes nothing, and no fan is reached by it. So after a
crash, or an answer that proves nothing, the item is looked at and, if it still stands, asked for again; nobody has to
decide. Where the look cannot be made, asking again does no harm either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

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
    """Do what is due of the account's recalls; answers how the lane stands, and the DELETEs made.

    Raises DatabaseAway; whatever it raises, the lane is then among the stranded.
    """
    made = 0
    step = Step(claim)
    try:
        while step.claim is not None:
            with sender.store.read() as connection:
                now = sender.store.now(connection)
                step = replace(step, failures=lane_failures(connection, claim.account_id))
                found = due_recall(connection, claim.account_id, upstream=sender.upstream, now=now)
                wanted = None if found is None else next_wanted(connection, found)
            if found is None or step.leave or not goes_on() or sender.stopping():
                break
            if wanted is None:
                finish_if_done(sender.store, found, upstream=sender.upstream, actor=sender.owner)
                continue
            step = _take_back(sender, step, found, wanted)
            made += step.sent
    except Exception:
        sender.stranded[claim.account_id] = step
        raise
    return replace(step, sent=False), made


def _take_back(sender: LaneContext, step: Step, found: RecallRow, wanted: WantedBack) -> Step:
    assert step.claim is not None
    due = _due_ahead(sender, wanted)
    permits = take_permits(sender, step.claim, looks_first=wanted.before is not None or due is not None)
    if isinstance(permits, Wait):
        _postpone(sender, found, permits)
        return step
    try:
        opened, claim = _commit(sender, step.claim, found, wanted)
    except StaleClaim:
        give_back(sender, permits)
        return step
    if claim is None or opened is None:
        give_back(sender, permits)
        return replace(step, claim=None)
    crash_point("unsend.committed")
    tried = _Try(found, wanted, opened, claim, permits, due)
    looked = _look(sender, tried) if still_permitted(sender, permits) else NO_ROOM
    outcome, stopped = (looked, False) if looked is not None else _delete(sender, tried)
    crash_point("unsend.answered")
    tell_pacer(sender, permits, NOTHING_DELETED if looked is not None else outcome)
    return _record(sender, tried, outcome, stopped=stopped, by_look=looked is not None)


def _commit(
    sender: LaneContext, claim: LaneClaim, found: RecallRow, wanted: WantedBack
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
        if due_recall(connection, claim.account_id, upstream=sender.upstream, now=now) != found:
            raise StaleClaim(f"Recall {found.id} cannot go on now.")
        deadline = timedelta(seconds=limits.request_timeout_seconds)
        opened = open_unsend(
            connection, found, wanted, fence=ours.fence, worker=sender.owner, now=now, deadline=deadline
        )
        return opened, ours


def _look(sender: LaneContext, tried: _Try) -> UnsendOutcome | None:
    """What the item shows; None when it shows that it still stands, or cannot be looked at: then it is asked again."""
    wanted, found, permit = tried.wanted, tried.recall, tried.permits.to_look
    if permit is None:
        return None
    about = (found.account_id, found.run_id, wanted.batch_id, wanted.message_id)
    question = Question(QuestionKind.ITEM, Purpose.RECALL, *about)
    try:
        item = ask(
            sender, question, lambda: sender.gateway.item(found.account_id, wanted.message_id), item_as_kept, permit
        )
    except (VendorAway, VendorRefused, PacerAway) as obstacle:
        # What the vendor is still to send is not touched before it was seen how long that takes.
        judged = None if tried.due is None else UnsendOutcome(UnsendKind.NOT_SENT, f"could not look: {obstacle}")
    else:
        shown = _as_shown(tried, item)
        until_gone = found.until_gone or (_must_be_seen(tried) and wanted.confirmed)
        judged = judge_item(shown, wanted.before, wanted.words, until_gone=until_gone)
        judged = judged or _judge_time(sender, tried, item)
    if judged is None and wanted.doubts >= sender.limits.max_attempts:
        return UnsendOutcome(UnsendKind.IMPOSSIBLE, f"given up after {wanted.doubts} requests: {wanted.words}")
    return judged


def _as_shown(tried: _Try, item: ItemContent | None) -> ItemContent | None:
    """The item; no source says what `canUnsend` means of one that is still to be sent."""
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
        found, now = handed_over_batch(connection, wanted.batch_id), sender.store.now(connection)
    return found.due if found is not None and found.due > now else None


def _delete(sender: LaneContext, tried: _Try) -> tuple[UnsendOutcome, bool]:
    """Ask for it to be taken back. The second answer: we stopped it ourselves, before a byte left."""
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
    """Whether the vendor's word is not enough, since something is sent to the same fans once it is taken back."""
    return tried.recall.until_gone or tried.due is not None or tried.recall.for_run_id is not None


def _record(sender: LaneContext, tried: _Try, outcome: UnsendOutcome, *, stopped: bool, by_look: bool) -> Step:
    found = tried.recall
    failures, wait, waits_for = _pause(sender, tried, outcome, stopped=stopped)
    with sender.store.write() as connection:
        lock_for_hold(connection, found.account_id, None if outcome.hold is None else outcome.hold.scope)
        now = sender.store.now(connection)
        if add_unsend_outcome(connection, tried.opened, outcome, by_look=by_look, now=now):
            until = now + timedelta(seconds=wait)
            postpone_recall(connection, found.id, until=until, waits_for=waits_for, failures=failures)
            if outcome.hold is not None:
                _hold(connection, found, outcome, actor=sender.owner, now=now)
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
    """Failures in a row, how long the recall waits, and what for. What was just confirmed is looked at at once."""
    found = tried.recall
    if outcome.error == YET_TO_BE_SEEN and not found.until_gone and not tried.wanted.confirmed:
        return 0, 0.0, None
    if outcome.kind is UnsendKind.THROTTLED:
        return found.failures, outcome.retry_after_seconds or 0.0, "cool-down"
    if outcome.kind in {UnsendKind.UNCLEAR, UnsendKind.NOT_SENT} and not stopped:
        return found.failures + 1, back_off_seconds(found.failures + 1, sender.chance()), "the vendor"
    return 0, 0.0, None


def _hold(connection: Connection, found: RecallRow, outcome: UnsendOutcome, *, actor: str, now: datetime) -> None:
    assert outcome.hold is not None
    if outcome.hold.scope is HoldScope.TEAM:
        held = Held(upstream=find_run(connection, found.run_id).upstream)
    else:
        held = Held(account_id=found.account_id)
    reason = outcome.error or f"the vendor answered {outcome.http_status}"
    place_hold(Act(connection, now, actor), held, outcome.hold.kind, reason=reason)


def _postpone(sender: LaneContext, found: RecallRow, wait: Wait) -> None:
    with sender.store.write() as connection:
        until = sender.store.now(connection) + timedelta(seconds=max(wait.seconds, 0.1))
        postpone_recall(connection, found.id, until=until, waits_for=wait.why, failures=found.failures)
