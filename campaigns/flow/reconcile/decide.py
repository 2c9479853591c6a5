"""Record an operator's decision about unknown batches: accepted, not sent, or send again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from campaigns.domain.errors import NotAllowed, UsageError
from campaigns.domain.ids import run_name
from campaigns.domain.messages.message import from_json
from campaigns.domain.people import Reason
from campaigns.domain.states import BatchState, EvidenceKind, RunState, taken_state
from campaigns.domain.upstream.queue_items import MESSAGE_ID
from campaigns.flow.reconcile.decidable import (
    Verdict,
    decidable_batches,
    its_own_message,
    known_messages,
    refuse_for_probe,
    refuse_reopening,
    refuse_what_passes_over,
    taken_by_search,
)
from campaigns.flow.reconcile.message_sets import leave_set
from campaigns.flow.runs.shown import refuse_other
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.engine import Store
from campaigns.store.reconcile.known_messages import KnownMessage
from campaigns.store.reconcile.ownership import give_back
from campaigns.store.runs.content import message_of_run
from campaigns.store.runs.runs import RunRow, end_run_if_done, find_run, move_run
from campaigns.store.sending.attempts import own_message
from campaigns.store.sending.batches import BatchRow, decide_batch
from campaigns.store.sending.lanes import hold_lane

__all__ = ["LEADS_TO", "Decided", "Verdict", "decide"]

LEADS_TO: dict[Verdict, BatchState] = {
    "accepted": BatchState.ACCEPTED,
    "not-sent": BatchState.CANCELLED,
    "resend": BatchState.READY,
}


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that was recorded."""

    run_id: int
    verdict: Verdict
    batches: list[int]
    recipients: int
    state: RunState  # of the run, afterwards


@dataclass(frozen=True, slots=True)
class _Decision:
    """What is decided, and why."""

    verdict: Verdict
    message_id: str | None
    despite: frozenset[str]  # message IDs on record that the operator names
    reason: str


def decide(
    store: Store,
    run_id: int,
    *,
    seqs: Sequence[int] | None,
    verdict: Verdict,
    message_id: str | None = None,
    despite: Sequence[str] = (),
    reason: str,
    shown: int | None = None,
    actor: str,
) -> Decided:
    """Settle unknown batches as an operator decides (all of the run for None); all of them or none.

    `resend` may message fans a second time: it is the one exception to law 1, and the audit keeps the operator's name
    and reason. A message ID on record for any of the users must be named: as `message_id` when it is the batch's own,
    in `despite` when it is not. An ID that a search or an earlier decision took wrongly is given back. A batch that is
    accepted without an ID is looked up at the vendor. `shown`: how many of these batches a person was shown as unknown.
    Raises NotAllowed when one of the batches may not be decided so, or the message ID belongs to another batch;
    UsageError for an ID that is not valid; Outdated when another number is unknown now, since a search may have proved
    one; NotFound.
    """
    reason = Reason(reason)
    _refuse_invalid([*([] if message_id is None else [message_id]), *despite])
    with store.write() as connection:
        hold_lane(connection, find_run(connection, run_id).account_id)
        # Read again under the lock: whoever had the lock may have cancelled or ended the run.
        run = find_run(connection, run_id)
        act = Act(connection, store.now(connection), actor)
        decision = _Decision(verdict, message_id, frozenset(despite), reason)
        rows = decidable_batches(connection, run, seqs, verdict)
        refuse_other(shown, sum(row.state is BatchState.UNKNOWN for row in rows), f"unknown batches of run {run_id}")
        refuse_for_probe(connection, run, verdict, message_id)
        if message_id is not None and (verdict != "accepted" or len(rows) != 1):
            raise NotAllowed("A message ID belongs to one batch, which is decided accepted; name that batch alone.")
        for row in rows:
            refuse_what_passes_over(connection, run, row, verdict, decision.despite)
        if verdict == "resend":
            _reopen(act, run, reason)
        for row in rows:
            _settle(act, run, row, decision, [each.id for each in rows])
        end_run_if_done(act, run_id)
        recipients = sum(row.size for row in rows)
        return Decided(run_id, verdict, [row.seq for row in rows], recipients, find_run(connection, run_id).state)


def _refuse_invalid(message_ids: Sequence[str]) -> None:
    for given in message_ids:
        if not MESSAGE_ID.fullmatch(given):
            raise UsageError(
                f"'{given}' is not a valid message ID; copy it from the vendor's queue: digits, or letters and - _."
            )


def _reopen(act: Act, run: RunRow, reason: str) -> None:
    """Let an ended run send again. Raises NotAllowed when nothing of it may be sent."""
    refuse_reopening(act.connection, run, now=act.now)
    if run.state in {RunState.FINISHED, RunState.FINISHED_WITH_FAILURES} and move_run(
        act.connection, run.id, start=run.state, end=RunState.SENDING, now=act.now
    ):
        act.record(EventKind.RUN_REOPENED, run_id=run.id, account_id=run.account_id, reason=reason)


def _settle(act: Act, run: RunRow, row: BatchRow, decision: _Decision, together: Sequence[int]) -> None:
    connection, now = act.connection, act.now
    known = known_messages(connection, run, row)
    taken = taken_by_search(connection, run, row)
    message_id = decision.message_id
    if message_id is None and decision.verdict == "accepted":
        message_id = its_own_message(run, known, row)
    leave_set(connection, run, row, message_id, together=together, now=now)
    if row.message_id is not None and row.message_id in taken and row.message_id != message_id:
        give_back(connection, run.account_id, row.message_id, now=now)
    _own(act, run, row, message_id)
    _move(act, run, row, decision, message_id)
    named = [one for one in known if one.message_id in decision.despite | taken - {message_id}]
    _keep(act, run, row, decision, message_id=message_id, named=named)


def _own(act: Act, run: RunRow, row: BatchRow, message_id: str | None) -> None:
    if message_id is None:
        return
    if not own_message(act.connection, run.account_id, row.id, message_id, now=act.now):
        raise NotAllowed(
            f"Message ID {message_id} belongs to another batch of {run.account_id} already; look at the vendor's "
            "queue for this batch's own, or decide without an ID."
        )


def _move(act: Act, run: RunRow, row: BatchRow, decision: _Decision, message_id: str | None) -> None:
    is_accepted = decision.verdict == "accepted"
    to = LEADS_TO[decision.verdict]
    if is_accepted:
        to = taken_state(saves=from_json(message_of_run(act.connection, run.id)).save_for_later)
    moved = decide_batch(
        act.connection,
        row.id,
        to,
        seen=row.state,
        message_id=message_id,
        error=None if is_accepted else f"decided {decision.verdict}: {decision.reason}",
        now=act.now,
        find_at=act.now if is_accepted and message_id is None else None,
    )
    if not moved:
        raise NotAllowed(f"Batch {row.seq} of run {run_name(run.id)} was decided by somebody else at the same moment.")


def _keep(
    act: Act, run: RunRow, row: BatchRow, decision: _Decision, *, message_id: str | None, named: Sequence[KnownMessage]
) -> None:
    """Write the decision, with the messages on record that it names."""
    common: dict[str, Any] = {"kind": EvidenceKind.DECISION, "reason": decision.reason}
    for one in named:
        detail = {"named_by": decision.verdict}
        act.record_evidence(one.batch_id, number=one.number, message_id=one.message_id, detail=detail, **common)
    detail = {"as": decision.verdict}
    act.record_evidence(row.id, number=row.attempts, message_id=message_id, detail=detail, **common)
    names = {"despite": sorted({one.message_id for one in named})} if named else {}
    act.record(
        EventKind.UNKNOWN_DECIDED,
        account_id=run.account_id,
        run_id=run.id,
        batch_seq=row.seq,
        reason=decision.reason,
        detail={"as": decision.verdict, "message_id": message_id, "recipients": row.size, **names},
    )
