"""Recall a run: ask for every accepted batch of it to be unsent. The lane does that (`flow/recall/unsend.py`).

A recall begins when nothing of its run waits, is in flight or is searched for. An unknown batch cannot be unsent, since
nobody knows its message; unknown batches are counted and named.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from campaigns.crashpoint import crash_point
from campaigns.domain.errors import NotAllowed
from campaigns.domain.ids import run_name
from campaigns.domain.people import Reason
from campaigns.domain.printable import MOST_NAMED
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import RUN_OPEN, BatchState, EvidenceKind, HoldKind, RunState
from campaigns.flow.runs.pause_resume_cancel import cancel_open_run
from campaigns.flow.runs.shown import refuse_other
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
"""In these states more of a run may still be accepted: an operator cancels it first."""

DECIDED_AGAIN_SECONDS = 30.0
"""A recall that waits for a decision about shared messages is tried again after this time."""


@dataclass(frozen=True, slots=True)
class RecallAnswer:
    """What a recall is about, in batches; a worker does the work."""

    run_id: int
    state: RunState
    batches: int  # accepted ones that are to be unsent
    unsent: int  # those that were unsent before
    unknown: int  # those that cannot be unsent, since nobody knows their messages


def recall_run(
    store: Store, run_id: int, *, reason: str, actor: str, dry_run: bool = False, shown: int | None = None
) -> RecallAnswer:
    """Ask for every accepted batch of a run to be unsent; a worker does it, the newest batch first.

    `dry_run` writes nothing, and needs no reason. `shown`: the batches that a person was shown; another number raises
    Outdated. Raises NotAllowed when the run may still send, when nothing of it is
    accepted or all of that is unsent, or when it is being recalled already.
    """
    if dry_run:
        with store.read() as connection:
            return _answer(find_run(connection, run_id), _refuse_or_count(connection, run_id))
    reason = Reason(reason)
    with store.write() as connection:
        hold_lane(connection, find_run(connection, run_id).account_id)
        standing = _refuse_or_count(connection, run_id)
        refuse_other(shown, len(standing.out), f"accepted batches of run {run_id} that are not unsent")
        run = find_run(connection, run_id)
        _ask(Act(connection, store.now(connection), actor), run, for_run_id=None, reason=reason)
        return _answer(run, standing)


def _refuse_or_count(connection: Connection, run_id: int) -> Standing:
    run = find_run(connection, run_id)
    if run.state in MAY_SEND:
        raise NotAllowed(
            f"Run {run_name(run_id)} is {run.state.value} and may send more; cancel it first, then recall what was "
            "accepted.",
            Remedy(Do.CANCEL_RUN, run=run_id),
        )
    if has_open_recall(connection, run_id):
        raise NotAllowed(f"Run {run_name(run_id)} is being recalled already.", Remedy(Do.WATCH_RUN, run=run_id))
    standing = standing_of(connection, run_id)
    if run.state is not RunState.CANCELLING and not standing.out:
        if standing.unsent:
            raise NotAllowed(f"All of run {run_name(run_id)} is unsent already.")
        raise NotAllowed(f"Nothing of run {run_name(run_id)} was accepted, so there is nothing to unsend.")
    return standing


def _answer(run: RunRow, standing: Standing) -> RecallAnswer:
    return RecallAnswer(
        run_id=run.id,
        state=run.state,
        batches=len(standing.out),
        unsent=len(standing.unsent),
        unknown=len(standing.unknown),
    )


def ask_back(act: Act, run_id: int, *, reason: str) -> bool:
    """Ask for a run to be recalled, in the caller's transaction, which holds the account's lock.

    Returns False when it is being recalled already. The recall begins when nothing of the run waits or is in flight.
    """
    if has_open_recall(act.connection, run_id):
        return False
    _ask(act, find_run(act.connection, run_id), for_run_id=None, reason=reason)
    return True


def recall_earlier(act: Act, campaign_id: int, *, for_run_id: int, besides: Iterable[int] = (), reason: str) -> None:
    """Recall what a new run of the campaign replaces: the run before it with its reruns, and the runs `besides`.

    It also recalls every other run that was sent under the overlap rule `unsend` and never recalled, such as a rerun of
    an earlier run or a backfilled run: fans would keep both. It runs in the
    transaction that opens the new run.
    """
    connection = act.connection
    before = earlier_run(connection, campaign_id, for_run_id)
    lineage = [] if before is None else lineage_runs(connection, find_run(connection, before).lineage)
    since = _rule_since(connection, campaign_id)
    others = [] if since is None else never_recalled(connection, campaign_id, for_run_id, since=since)
    for run_id in sorted({*besides, *lineage, *others}):
        ask_recall(act, run_id, for_run_id=for_run_id, reason=reason)


def _rule_since(connection: Connection, campaign_id: int) -> datetime | None:
    """Since when the campaign has had the overlap rule `unsend`; what it sent before is not recalled."""
    since = None
    for at, timing in timings_since(connection, campaign_id):
        since = (since or at) if timing.overlap == "unsend" else None
    return since


def ask_recall(act: Act, run_id: int, *, for_run_id: int, reason: str) -> None:
    """Cancel a run if it is open, and ask for its recall before another run of the campaign may start.

    Runs in the caller's transaction, which holds the account's lock. Until the recall has ended the new run stays
    `due`; a recall that cannot unsend everything pauses the new run. Nothing is asked for when there is nothing to
    unsend. The runs that this run was to replace are recalled too: else fans would get both.
    """
    connection = act.connection
    run = find_run(connection, run_id)
    if run.state in RUN_OPEN:
        cancel_open_run(act, run, reason=reason)
        run = find_run(connection, run_id)
    for other in {run_id, *_replaced_by(connection, run)} - set(recalled_for(connection, for_run_id)):
        target = find_run(connection, other)
        if target.state in RUN_OPEN or _is_out(connection, other):
            _ask(act, target, for_run_id=for_run_id, reason=reason)


def _replaced_by(connection: Connection, run: RunRow) -> list[int]:
    """The runs that this run was to replace; empty once it has sent anything itself."""
    return recalled_for(connection, run.id) if not run.batch_count else []


def _is_out(connection: Connection, run_id: int) -> bool:
    standing = standing_of(connection, run_id)
    return bool(standing.out or standing.unknown or has_open_recall(connection, run_id))


def _ask(act: Act, run: RunRow, *, for_run_id: int | None, reason: str) -> None:
    add_recall(act, run.id, run.account_id, for_run_id=for_run_id, reason=reason)
    act.record(
        EventKind.RECALL_ASKED,
        run_id=run.id,
        campaign_id=run.campaign_id,
        account_id=run.account_id,
        reason=reason,
        detail=None if for_run_id is None else {"for_run_id": for_run_id},
    )


def finish_if_done(store: Store, recall: RecallRow, *, upstream: str, actor: str) -> None:
    """End a recall that has no more requests to make; the run that waits for it may start, or is paused."""
    with store.write() as connection:
        waiting = None if recall.for_run_id is None else find_run(connection, recall.for_run_id)
        lock_lanes(connection, sorted({recall.account_id, *([] if waiting is None else [waiting.account_id])}))
        act = Act(connection, store.now(connection), actor)
        still_due = due_recall(connection, recall.account_id, upstream=upstream, now=act.now)
        if still_due is None or still_due.id != recall.id or next_wanted(connection, recall) is not None:
            return
        shared = waits_for_decision(connection, recall.run_id)
        if shared:
            until = act.now + timedelta(seconds=DECIDED_AGAIN_SECONDS)
            postpone_recall(connection, recall.id, until=until, waits_for=_which_is_whose(shared), failures=0)
            return
        standing = standing_of(connection, recall.run_id)
        if not finish_recall(connection, recall.id, standing, now=act.now):
            return
        cancel_taken_back(act, recall.run_id)
        left_out = _still_out(connection, recall, standing)
        _record_finished(act, recall, standing, left_out)
        if waiting is not None and left_out is not None and find_run(connection, waiting.id).state is RunState.DUE:
            place_hold(act, Held(run_id=waiting.id), HoldKind.RECALL, reason=left_out)
    crash_point("recall.finished")


def _which_is_whose(seqs: list[int]) -> str:
    named = ", ".join(str(seq) for seq in seqs[:MOST_NAMED])
    return f"a decision which message is whose: batch {named} shares messages with a run that stays"


def _still_out(connection: Connection, recall: RecallRow, standing: Standing) -> str | None:
    """A sentence about the batches that could not be unsent; None when all were."""
    parts = []
    if standing.out:
        reasons = why_still_out(connection, recall.id, standing.out[:MOST_NAMED])
        by_reason: dict[str, list[str]] = {}
        for seq in standing.out[:MOST_NAMED]:
            by_reason.setdefault(reasons.get(seq, "its message ID is not known"), []).append(str(seq))
        named = [f"{', '.join(batches)} ({reason})" for reason, batches in by_reason.items()]
        whole = len(standing.out) + len(standing.unsent)
        out = f"{len(standing.out)} of {whole} accepted batches are still out"
        parts.append(f"{out}: {', '.join(named)}{_and_more(standing.out)}")
    if standing.unknown:
        named = [str(seq) for seq in standing.unknown[:MOST_NAMED]]
        cannot = "unknown, so nobody knows what to unsend"
        parts.append(f"{cannot}: {', '.join(named)}{_and_more(standing.unknown)}")
    return f"run {run_name(recall.run_id)} was not unsent completely: {'; '.join(parts)}" if parts else None


def _and_more(seqs: list[int]) -> str:
    return f" and {len(seqs) - MOST_NAMED} more" if len(seqs) > MOST_NAMED else ""


def _record_finished(act: Act, recall: RecallRow, standing: Standing, left_out: str | None) -> None:
    run = find_run(act.connection, recall.run_id)
    act.record(
        EventKind.RECALL_FINISHED,
        run_id=run.id,
        campaign_id=run.campaign_id,
        account_id=run.account_id,
        reason=left_out,
        detail={
            "unsent": len(standing.unsent),
            "failed": len(standing.out),
            "unknown": len(standing.unknown),
            "for_run_id": recall.for_run_id,
        },
    )


TAKEN_BACK = "unsent before its time"
"""The error of a batch that is cancelled because its handed-over message was unsent before the vendor sent it."""


def cancel_taken_back(act: Act, run_id: int) -> None:
    """Cancel the batches of a run whose messages were seen to be unsent before their time."""
    at = unsent_at(act.connection, run_id, seen=True)
    cancelled = []
    for batch in handed_over(act.connection, run_id):
        if batch.batch_id not in at or at[batch.batch_id] >= batch.due:
            continue
        seen, to = BatchState.ACCEPTED, BatchState.CANCELLED
        decide_batch(act.connection, batch.batch_id, to, seen=seen, message_id=None, error=TAKEN_BACK, now=act.now)
        act.record_evidence(
            batch.batch_id,
            kind=EvidenceKind.LOOK,
            number=batch.number,
            reason=TAKEN_BACK,
            detail={"to": to.value, "due": batch.due.isoformat(), "unsent_at": at[batch.batch_id].isoformat()},
        )
        cancelled.append(batch.seq)
    if cancelled:
        run = find_run(act.connection, run_id)
        act.record(
            EventKind.HANDOVER_TAKEN_BACK,
            run_id=run.id,
            campaign_id=run.campaign_id,
            account_id=run.account_id,
            detail={"batches": len(cancelled), "first": cancelled[:20]},
        )
