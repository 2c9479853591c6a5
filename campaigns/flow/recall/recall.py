"""Recall a run: ask for every accepted batch of it to be unsent. The lane does that (`flow/recall/unsend.py`).

A run is taken back when it is final: nothing of it waits, is in flight or is looked for. What is unknown cannot be
taken back, since nobody knows which message it became; it is counted and named.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from campaigns.crashpoint import crash_point
from campaigns.domain.errors import NotAllowed
from campaigns.domain.states import RUN_OPEN, BatchState, EvidenceKind, HoldKind, RunState
from campaigns.domain.upstream.outcome import MOST_NAMED
from campaigns.flow.runs.pause_resume_cancel import cancel_open_run
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.engine import Store
from campaigns.store.handoff.handed_over import handed_over
from campaigns.store.holds.holds import Held, place_hold
from campaigns.store.recall.recalls import (
    RecallRow,
    Standing,
    add_recall,
    due_recall,
    earlier_run,
    finish_recall,
    has_open_recall,
    never_recalled,
    postpone_recall,
    recalled_for,
)
from campaigns.store.recall.unsend_requests import (
    next_wanted,
    standing_of,
    unsent_at,
    waits_for_decision,
    why_still_out,
)
from campaigns.store.runs.runs import RunRow, find_run, lineage_runs
from campaigns.store.schedules.occurrences import timings_since
from campaigns.store.sending.batches import decide_batch
from campaigns.store.sending.lanes import hold_lane, lock_lanes

MAY_SEND = RUN_OPEN - {RunState.CANCELLING}
"""States in which more of a run may still be accepted: an operator cancels it first."""

DECIDED_AGAIN_SECONDS = 30.0
"""How soon a recall that waits for a decision about shared messages is looked at again."""

HOLD = "recall"
"""The kind of the hold on a run whose predecessor could not be taken back whole."""


def recall_run(store: Store, run_id: int, *, reason: str, actor: str) -> dict[str, Any]:
    """Ask for every accepted batch of a run to be taken back; a worker does it, the newest batch first.

    Raises NotAllowed when the run may still send, when nothing of it is accepted or all of that is taken back, or when
    it is being recalled already.
    """
    with store.write() as connection:
        hold_lane(connection, find_run(connection, run_id).account_id)
        found = find_run(connection, run_id)
        if found.state in MAY_SEND:
            raise NotAllowed(
                f"Run {run_id} is {found.state.value} and may send more; first `campaigns runs cancel {run_id} "
                "--reason TEXT`, then recall what had left."
            )
        if has_open_recall(connection, run_id):
            raise NotAllowed(f"Run {run_id} is being recalled already; `campaigns runs watch {run_id}` shows it.")
        standing = standing_of(connection, run_id)
        if found.state is not RunState.CANCELLING and not standing.out:
            what = "is taken back already" if standing.unsent else "was accepted, so there is nothing to take back"
            raise NotAllowed(f"{'All' if standing.unsent else 'Nothing'} of run {run_id} {what}.")
        _ask(connection, found, for_run_id=None, reason=reason, actor=actor, now=store.now(connection))
    return {
        "run_id": run_id,
        "state": found.state.value,
        "batches": len(standing.out),
        "unsent": len(standing.unsent),
        "unknown": len(standing.unknown),
    }


def ask_back(connection: Connection, run_id: int, *, reason: str, actor: str, now: datetime) -> bool:
    """Have a run taken back, in the caller's transaction, which holds the account's lock; False when it is already.

    It begins when nothing of the run waits or is in flight any more.
    """
    if has_open_recall(connection, run_id):
        return False
    _ask(connection, find_run(connection, run_id), for_run_id=None, reason=reason, actor=actor, now=now)
    return True


def recall_earlier(
    connection: Connection,
    campaign_id: int,
    *,
    for_run_id: int,
    besides: Iterable[int] = (),
    reason: str,
    actor: str,
    now: datetime,
) -> None:
    """Take back what a new run of the campaign replaces: the run before it with its reruns, and those `besides`.

    And every other run that went out under the overlap rule `unsend` and was never taken back, as a rerun of an earlier
    one or a backfilled one: fans would keep both. In the transaction that opens the new run.
    """
    before = earlier_run(connection, campaign_id, for_run_id)
    lineage = [] if before is None else lineage_runs(connection, find_run(connection, before).lineage)
    since = _rule_since(connection, campaign_id)
    others = [] if since is None else never_recalled(connection, campaign_id, for_run_id, since=since)
    for run_id in sorted({*besides, *lineage, *others}):
        ask_recall(connection, run_id, for_run_id=for_run_id, reason=reason, actor=actor, now=now)


def _rule_since(connection: Connection, campaign_id: int) -> datetime | None:
    """Since when the campaign has had the overlap rule; what it sent before was never meant to be taken back."""
    since = None
    for at, timing in timings_since(connection, campaign_id):
        since = (since or at) if timing.overlap == "unsend" else None
    return since


def ask_recall(connection: Connection, run_id: int, *, for_run_id: int, reason: str, actor: str, now: datetime) -> None:
    """Cancel a run if it is open, and have it taken back before another one of the campaign may start.

    In the caller's transaction, which holds the account's lock. Until the recall has ended the new run stays `due`; one
    that does not take back all of it holds the new run. Nothing is asked for when there is nothing to take back. What
    the run itself was still waiting for is taken back too: else the fans would get both.
    """
    found = find_run(connection, run_id)
    if found.state in RUN_OPEN:
        cancel_open_run(connection, found, reason=reason, actor=actor, now=now)
        found = find_run(connection, run_id)
    for other in {run_id, *_before_it(connection, found)} - set(recalled_for(connection, for_run_id)):
        target = find_run(connection, other)
        if target.state in RUN_OPEN or _is_out(connection, other):
            _ask(connection, target, for_run_id=for_run_id, reason=reason, actor=actor, now=now)


def _before_it(connection: Connection, found: RunRow) -> list[int]:
    """The runs that were to be taken back for a run that never came to send anything."""
    return recalled_for(connection, found.id) if not found.batch_count else []


def _is_out(connection: Connection, run_id: int) -> bool:
    standing = standing_of(connection, run_id)
    return bool(standing.out or standing.unknown or has_open_recall(connection, run_id))


def _ask(
    connection: Connection, found: RunRow, *, for_run_id: int | None, reason: str, actor: str, now: datetime
) -> None:
    add_recall(connection, found.id, found.account_id, for_run_id=for_run_id, actor=actor, reason=reason, now=now)
    Act(connection, now, actor).record(
        EventKind.RECALL_ASKED,
        run_id=found.id,
        campaign_id=found.campaign_id,
        account_id=found.account_id,
        reason=reason,
        detail=None if for_run_id is None else {"for_run_id": for_run_id},
    )


def finish_if_done(store: Store, found: RecallRow, *, upstream: str, actor: str) -> None:
    """End a recall of which nothing is left to ask for; the run that waits for it may start, or is held."""
    with store.write() as connection:
        waiting = None if found.for_run_id is None else find_run(connection, found.for_run_id)
        lock_lanes(connection, sorted({found.account_id, *([] if waiting is None else [waiting.account_id])}))
        now = store.now(connection)
        still_due = due_recall(connection, found.account_id, upstream=upstream, now=now)
        if still_due is None or still_due.id != found.id or next_wanted(connection, found) is not None:
            return
        shared = waits_for_decision(connection, found.run_id)
        if shared:
            until = now + timedelta(seconds=DECIDED_AGAIN_SECONDS)
            postpone_recall(connection, found.id, until=until, waits_for=_which_is_whose(shared), failures=0)
            return
        standing = standing_of(connection, found.run_id)
        if not finish_recall(connection, found.id, standing, now=now):
            return
        cancel_taken_back(connection, found.run_id, actor=actor, now=now)
        why = _still_out(connection, found, standing)
        _say_finished(connection, find_run(connection, found.run_id), found, standing, why, actor=actor, now=now)
        if waiting is not None and why is not None and find_run(connection, waiting.id).state is RunState.DUE:
            place_hold(Act(connection, now, actor), Held(run_id=waiting.id), HoldKind.RECALL, reason=why)
    crash_point("recall.finished")


def _which_is_whose(seqs: list[int]) -> str:
    named = ", ".join(str(seq) for seq in seqs[:MOST_NAMED])
    return f"a decision which message is whose: batch {named} shares messages with a run that stays"


def _still_out(connection: Connection, found: RecallRow, standing: Standing) -> str | None:
    """What could not be taken back, in words; None when all was."""
    parts = []
    if standing.out:
        said = why_still_out(connection, found.id, standing.out[:MOST_NAMED])
        by_reason: dict[str, list[str]] = {}
        for seq in standing.out[:MOST_NAMED]:
            by_reason.setdefault(said.get(seq, "its message ID is not known"), []).append(str(seq))
        named = [f"{', '.join(batches)} ({reason})" for reason, batches in by_reason.items()]
        more = f" and {len(standing.out) - MOST_NAMED} more" if len(standing.out) > MOST_NAMED else ""
        whole = len(standing.out) + len(standing.unsent)
        parts.append(f"{len(standing.out)} of {whole} accepted batches are still out: {', '.join(named)}{more}")
    if standing.unknown:
        named = [str(seq) for seq in standing.unknown[:MOST_NAMED]]
        more = f" and {len(standing.unknown) - MOST_NAMED} more" if len(standing.unknown) > MOST_NAMED else ""
        parts.append(f"unknown, so nobody can say what to take back: {', '.join(named)}{more}")
    return f"run {found.run_id} was not taken back whole: {'; '.join(parts)}" if parts else None


def _say_finished(
    connection: Connection,
    found: RunRow,
    ended: RecallRow,
    standing: Standing,
    why: str | None,
    *,
    actor: str,
    now: datetime,
) -> None:
    Act(connection, now, actor).record(
        EventKind.RECALL_FINISHED,
        run_id=found.id,
        campaign_id=found.campaign_id,
        account_id=found.account_id,
        reason=why,
        detail={
            "unsent": len(standing.unsent),
            "failed": len(standing.out),
            "unknown": len(standing.unknown),
            "for_run_id": ended.for_run_id,
        },
    )


TAKEN_BACK = "taken back before its time"
"""Why a batch is cancelled that the vendor had, and will not send."""


def cancel_taken_back(connection: Connection, run_id: int, *, actor: str, now: datetime) -> None:
    """Cancel the batches of a run that were seen to be taken back before their time."""
    at = unsent_at(connection, run_id, seen=True)
    cancelled = []
    for batch in handed_over(connection, run_id):
        if batch.batch_id not in at or at[batch.batch_id] >= batch.due:
            continue
        seen, to = BatchState.ACCEPTED, BatchState.CANCELLED
        decide_batch(connection, batch.batch_id, to, seen=seen, message_id=None, error=TAKEN_BACK, now=now)
        Act(connection, now, actor).record_evidence(
            batch.batch_id,
            kind=EvidenceKind.LOOK,
            number=batch.number,
            reason=TAKEN_BACK,
            detail={"to": to.value, "due": batch.due.isoformat(), "unsent_at": at[batch.batch_id].isoformat()},
        )
        cancelled.append(batch.seq)
    if cancelled:
        _say(connection, find_run(connection, run_id), cancelled, actor=actor, now=now)


def _say(connection: Connection, found: RunRow, cancelled: list[int], *, actor: str, now: datetime) -> None:
    Act(connection, now, actor).record(
        EventKind.HANDOVER_TAKEN_BACK,
        run_id=found.id,
        campaign_id=found.campaign_id,
        account_id=found.account_id,
        detail={"batches": len(cancelled), "first": cancelled[:20]},
    )
