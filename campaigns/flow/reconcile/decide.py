"""Record an operator's decision about unknown batches: accepted, not sent, or send again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from campaigns.domain.errors import NotAllowed, NotFound, UsageError
from campaigns.domain.messages.message import from_json
from campaigns.domain.states import BatchState, CampaignState, RunState, taken_state
from campaigns.domain.upstream.queue_items import MESSAGE_ID
from campaigns.store.audit.events import EventKind, record_event, record_evidence
from campaigns.store.campaigns.campaigns import find_campaign, refuse_probe
from campaigns.store.database.engine import Store
from campaigns.store.reconcile.searches import was_found
from campaigns.store.runs.content import message_of_run
from campaigns.store.runs.runs import RunRow, end_run_if_done, find_run, move_run
from campaigns.store.sending.attempts import OpenAttempt, own_message
from campaigns.store.sending.batches import anything_is_looked_for, batches_by_seq, decide_batch
from campaigns.store.sending.lanes import hold_lane

Verdict = Literal["accepted", "not-sent", "resend"]

LEADS_TO: dict[Verdict, BatchState] = {
    "accepted": BatchState.ACCEPTED,
    "not-sent": BatchState.CANCELLED,
    "resend": BatchState.READY,
}


def decide(
    store: Store,
    run_id: int,
    *,
    seqs: Sequence[int] | None,
    verdict: Verdict,
    message_id: str | None = None,
    reason: str,
    actor: str,
) -> dict[str, Any]:
    """Settle unknown batches (all of the run for None) by an operator's word; all of them or none.

    `resend` may message fans a second time: it is the one way past law 1, and stands in the audit with name and
    reason. Raises NotAllowed when one of them is not unknown, or the message ID belongs to another batch; UsageError
    for what is no message ID.
    """
    if message_id is not None and not MESSAGE_ID.fullmatch(message_id):
        raise UsageError(
            f"'{message_id}' is no message ID; copy it from the vendor's queue: digits, or letters and - _."
        )
    with store.write() as connection:
        hold_lane(connection, find_run(connection, run_id).account_id)
        # Read again under the lock: whoever had it may have cancelled or ended the run.
        found = find_run(connection, run_id)
        now = store.now(connection)
        rows = _unknown_batches(connection, found, seqs)
        _refuse_for_probe(connection, found, verdict, message_id)
        if message_id is not None and (verdict != "accepted" or len(rows) != 1):
            raise NotAllowed("A message ID belongs to one accepted batch: pass it with one --batch and --as accepted.")
        if verdict == "resend":
            _reopen(connection, found, reason=reason, actor=actor, now=now)
        for row in rows:
            _settle(connection, found, row, verdict, message_id=message_id, reason=reason, actor=actor, now=now)
        end_run_if_done(connection, run_id, now=now, actor=actor)
        return {
            "run_id": run_id,
            "as": verdict,
            "batches": [row.seq for row in rows],
            "recipients": sum(row.size for row in rows),
            "state": find_run(connection, run_id).state.value,
        }


def _unknown_batches(connection: Connection, found: RunRow, seqs: Sequence[int] | None) -> list[Any]:
    if seqs is None:
        rows = batches_by_seq(connection, found.id, seqs=None, state=BatchState.UNKNOWN)
        if not rows:
            raise NotAllowed(f"Run {found.id} has no unknown batch, so there is nothing to decide.")
        return rows
    rows = batches_by_seq(connection, found.id, seqs=seqs)
    missing = sorted(set(seqs) - {row.seq for row in rows})
    if missing:
        raise NotFound(f"Run {found.id} has no batch {missing[0]}; `campaigns runs batches {found.id}` lists them.")
    for row in rows:
        overrules = row.state == BatchState.ACCEPTED and was_found(connection, row.id)
        if row.state != BatchState.UNKNOWN and not overrules:
            raise NotAllowed(f"Batch {row.seq} of run {found.id} is {row.state}, not unknown; nothing was decided.")
    return rows


def _refuse_for_probe(connection: Connection, found: RunRow, verdict: Verdict, message_id: str | None) -> None:
    """What a probe scheduled must be deleted by its ID, and a second message would be one more to delete."""
    campaign = find_campaign(connection, found.campaign_id)
    if verdict == "resend":
        refuse_probe(campaign)
    if verdict == "accepted" and message_id is None and campaign.kind == "probe":
        raise NotAllowed(
            f"Run {found.id} is a probe: its message is to be deleted by its ID. Pass --message-id, or decide not-sent "
            "when the vendor shows no such message."
        )


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
        record_event(
            connection,
            EventKind.RUN_REOPENED,
            at=now,
            actor=actor,
            run_id=found.id,
            account_id=found.account_id,
            reason=reason,
        )


def _settle(
    connection: Connection,
    found: RunRow,
    row: Any,
    verdict: Verdict,
    *,
    message_id: str | None,
    reason: str,
    actor: str,
    now: datetime,
) -> None:
    if message_id is not None:
        attempt = OpenAttempt(row.id, row.seq, row.attempts, 0, found.id, found.account_id, 0)
        if not own_message(connection, attempt, message_id, now=now):
            raise NotAllowed(
                f"Message ID {message_id} belongs to another batch of {found.account_id} already; look at the vendor's "
                "queue for this batch's own, or decide without --message-id."
            )
    error = None if verdict == "accepted" else f"decided {verdict}: {reason}"
    seen, to = BatchState(row.state), LEADS_TO[verdict]
    if to is BatchState.ACCEPTED:
        to = taken_state(saves=from_json(message_of_run(connection, found.id)).save_for_later)
    if not decide_batch(connection, row.id, to, seen=seen, message_id=message_id, error=error, now=now):
        raise NotAllowed(f"Batch {row.seq} of run {found.id} was decided by somebody else at the same moment.")
    record_evidence(
        connection,
        row.id,
        kind="decision",
        at=now,
        actor=actor,
        number=row.attempts,
        reason=reason,
        message_id=message_id,
        detail={"as": verdict},
    )
    record_event(
        connection,
        EventKind.UNKNOWN_DECIDED,
        at=now,
        actor=actor,
        account_id=found.account_id,
        run_id=found.id,
        batch_seq=row.seq,
        reason=reason,
        detail={"as": verdict, "message_id": message_id, "recipients": row.size},
    )
