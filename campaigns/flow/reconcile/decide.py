"""Record an operator's decision about unknown batches: accepted, not sent, or send again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from campaigns.domain.errors import NotAllowed, UsageError
from campaigns.domain.messages.message import from_json
from campaigns.domain.states import BatchState, CampaignState, EvidenceKind, RunState, taken_state
from campaigns.domain.upstream.queue_items import MESSAGE_ID
from campaigns.flow.reconcile.decidable import (
    Verdict,
    decidable_batches,
    its_own_message,
    known_messages,
    refuse_for_probe,
    refuse_what_passes_over,
    taken_by_search,
)
from campaigns.flow.reconcile.message_sets import leave_set
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.campaigns.campaigns import find_campaign
from campaigns.store.database.engine import Store
from campaigns.store.reconcile.known_messages import KnownMessage
from campaigns.store.reconcile.ownership import give_back
from campaigns.store.runs.content import message_of_run
from campaigns.store.runs.runs import RunRow, end_run_if_done, find_run, move_run
from campaigns.store.sending.attempts import OpenAttempt, own_message
from campaigns.store.sending.batches import anything_is_looked_for, decide_batch
from campaigns.store.sending.lanes import hold_lane

__all__ = ["LEADS_TO", "Verdict", "decide"]

LEADS_TO: dict[Verdict, BatchState] = {
    "accepted": BatchState.ACCEPTED,
    "not-sent": BatchState.CANCELLED,
    "resend": BatchState.READY,
}


@dataclass(frozen=True, slots=True)
class _Decision:
    """What is decided, by whom and why."""

    verdict: Verdict
    message_id: str | None
    despite: frozenset[str]  # message IDs on record that the operator names
    reason: str
    actor: str
    now: datetime


def decide(
    store: Store,
    run_id: int,
    *,
    seqs: Sequence[int] | None,
    verdict: Verdict,
    message_id: str | None = None,
    despite: Sequence[str] = (),
    reason: str,
    actor: str,
) -> dict[str, Any]:
    """Settle unknown batches (all of the run for None) by an operator's word; all of them or none.

    `resend` may message fans a second time: it is the one way past law 1, and stands in the audit with name and
    reason. A message ID on record for any of the users must be named: as `message_id` when it is theirs, in `despite`
    when it is not. What a search or an earlier decision took wrongly is given back. One that is accepted without an ID
    is looked up at the vendor. Raises NotAllowed when one of them may not be decided so, or the message ID belongs to
    another batch; UsageError for what is no message ID.
    """
    for one in (message_id, *despite):
        if one is not None and not MESSAGE_ID.fullmatch(one):
            raise UsageError(f"'{one}' is no message ID; copy it from the vendor's queue: digits, or letters and - _.")
    with store.write() as connection:
        hold_lane(connection, find_run(connection, run_id).account_id)
        # Read again under the lock: whoever had it may have cancelled or ended the run.
        found = find_run(connection, run_id)
        now = store.now(connection)
        decision = _Decision(verdict, message_id, frozenset(despite), reason, actor, now)
        rows = decidable_batches(connection, found, seqs, verdict)
        refuse_for_probe(connection, found, verdict, message_id)
        if message_id is not None and (verdict != "accepted" or len(rows) != 1):
            raise NotAllowed("A message ID belongs to one accepted batch: pass it with one --batch and --as accepted.")
        for row in rows:
            refuse_what_passes_over(connection, found, row, verdict, decision.despite)
        if verdict == "resend":
            _reopen(connection, found, reason=reason, actor=actor, now=now)
        for row in rows:
            _settle(connection, found, row, decision, [one.id for one in rows])
        end_run_if_done(Act(connection, now, actor), run_id)
        return {
            "run_id": run_id,
            "as": verdict,
            "batches": [row.seq for row in rows],
            "recipients": sum(row.size for row in rows),
            "state": find_run(connection, run_id).state.value,
        }


def _reopen(connection: Connection, found: RunRow, *, reason: str, actor: str, now: datetime) -> None:
    if found.state in {RunState.CANCELLING, RunState.CANCELLED}:
        raise NotAllowed(
            f"Run {found.id} is {found.state.value}: nothing of it is sent again. Decide accepted or not-sent."
        )
    if find_campaign(connection, found.campaign_id).state is CampaignState.ARCHIVED:
        raise NotAllowed(
            f"Run {found.id} is of campaign {found.campaign_id}, which is archived and sends nothing any more. Decide "
            "accepted or not-sent."
        )
    if found.expires_at is not None and found.expires_at <= now:
        raise NotAllowed(
            f"Run {found.id} expired at {found.expires_at.isoformat(timespec='seconds')}, and nothing of it is sent "
            f"any more. Decide not-sent; `campaigns runs rerun {found.id} --cancelled --reason TEXT` then reaches them."
        )
    if found.whole_list:
        raise NotAllowed(
            f"Run {found.id} went to whole lists, which are never sent again. Decide accepted or not-sent."
        )
    if from_json(message_of_run(connection, found.id)).uses_one_use_media:
        raise NotAllowed(
            f"Run {found.id} used a one-use ofapi_media_ ID, which its first request may have burned; it is never sent "
            "again. Decide accepted or not-sent."
        )
    if anything_is_looked_for(connection, found.id):
        raise NotAllowed(
            f"The vendor's queue is still being searched for unknown batches of run {found.id}; decide to send one "
            "again after the last look."
        )
    if found.state in {RunState.FINISHED, RunState.FINISHED_WITH_FAILURES} and move_run(
        connection, found.id, start=found.state, end=RunState.SENDING, now=now
    ):
        Act(connection, now, actor).record(
            EventKind.RUN_REOPENED, run_id=found.id, account_id=found.account_id, reason=reason
        )


def _settle(connection: Connection, found: RunRow, row: Any, decision: _Decision, together: Sequence[int]) -> None:
    known = known_messages(connection, found, row)
    taken = taken_by_search(connection, found, row)
    message_id = decision.message_id
    if message_id is None and decision.verdict == "accepted":
        message_id = its_own_message(known, row)
    leave_set(connection, found.account_id, row, message_id, together=together, now=decision.now)
    if row.message_id in taken and row.message_id != message_id:
        give_back(connection, found.account_id, row.message_id, now=decision.now)
    _own(connection, found, row, message_id, now=decision.now)
    _move(connection, found, row, decision, message_id)
    named = [one for one in known if one.message_id in decision.despite | taken - {message_id}]
    _keep(connection, found, row, decision, message_id=message_id, named=named)


def _own(connection: Connection, found: RunRow, row: Any, message_id: str | None, *, now: datetime) -> None:
    if message_id is None:
        return
    attempt = OpenAttempt(row.id, row.seq, row.attempts, 0, found.id, found.account_id, 0)
    if not own_message(connection, attempt, message_id, now=now):
        raise NotAllowed(
            f"Message ID {message_id} belongs to another batch of {found.account_id} already; look at the vendor's "
            "queue for this batch's own, or decide without --message-id."
        )


def _move(connection: Connection, found: RunRow, row: Any, decision: _Decision, message_id: str | None) -> None:
    is_accepted = decision.verdict == "accepted"
    seen, to = BatchState(row.state), LEADS_TO[decision.verdict]
    if is_accepted:
        to = taken_state(saves=from_json(message_of_run(connection, found.id)).save_for_later)
    moved = decide_batch(
        connection,
        row.id,
        to,
        seen=seen,
        message_id=message_id,
        error=None if is_accepted else f"decided {decision.verdict}: {decision.reason}",
        now=decision.now,
        find_at=decision.now if is_accepted and message_id is None else None,
    )
    if not moved:
        raise NotAllowed(f"Batch {row.seq} of run {found.id} was decided by somebody else at the same moment.")


def _keep(
    connection: Connection,
    found: RunRow,
    row: Any,
    decision: _Decision,
    *,
    message_id: str | None,
    named: Sequence[KnownMessage],
) -> None:
    """Write the decision, and beside it which messages on record it names."""
    act = Act(connection, decision.now, decision.actor)
    common: dict[str, Any] = {"kind": EvidenceKind.DECISION, "reason": decision.reason}
    for one in named:
        detail = {"named_by": decision.verdict}
        act.record_evidence(one.batch_id, number=one.number, message_id=one.message_id, detail=detail, **common)
    detail = {"as": decision.verdict}
    act.record_evidence(row.id, number=row.attempts, message_id=message_id, detail=detail, **common)
    names = {"despite": sorted({one.message_id for one in named})} if named else {}
    act.record(
        EventKind.UNKNOWN_DECIDED,
        account_id=found.account_id,
        run_id=found.id,
        batch_seq=row.seq,
        reason=decision.reason,
        detail={"as": decision.verdict, "message_id": message_id, "recipients": row.size, **names},
    )
