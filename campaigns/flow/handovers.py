"""Beside 4e: what stands in the way of an edit, and what a recall that has ended proves of what was handed over."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from campaigns.domain.errors import NotAllowed
from campaigns.domain.states import BatchState
from campaigns.domain.zones import on_clocks
from campaigns.flow.wording import zone_of_campaign
from campaigns.store.audit import EventKind, record_event, record_evidence
from campaigns.store.batches import decide_batch
from campaigns.store.campaigns import find_campaign, find_revision
from campaigns.store.handovers import handed_over, runs_handed_over
from campaigns.store.runs import RunRow, find_run
from campaigns.store.unsends import unsent_at

TAKEN_BACK = "taken back before its time"
"""Why a batch is cancelled that the vendor had, and will not send."""


def refuse_handed_over(connection: Connection, campaign_id: int, *, now: datetime) -> None:
    """Raise NotAllowed while the vendor is still to send something of a campaign, which nothing here would change."""
    for run_id in runs_handed_over(connection, campaign_id, now=now):
        campaign = find_campaign(connection, campaign_id)
        zone = zone_of_campaign(connection, campaign, find_revision(connection, campaign_id, campaign.revision))
        at = on_clocks(min(batch.due for batch in handed_over(connection, run_id)), zone)
        raise NotAllowed(
            f"Run {run_id} of campaign {campaign_id} is handed over to the vendor for {at} and cannot be "
            f"changed there; take it back with `campaigns runs recall {run_id} --reason TEXT`, or wait for its time."
        )


def cancel_taken_back(connection: Connection, run_id: int, *, actor: str, now: datetime) -> None:
    """Cancel the batches of a run that were confirmed to be taken back before their time."""
    at = unsent_at(connection, run_id)
    cancelled = []
    for batch in handed_over(connection, run_id):
        if batch.batch_id not in at or at[batch.batch_id] >= batch.due:
            continue
        seen, to = BatchState.ACCEPTED, BatchState.CANCELLED
        decide_batch(connection, batch.batch_id, to, seen=seen, message_id=None, error=TAKEN_BACK, now=now)
        record_evidence(
            connection,
            batch.batch_id,
            kind="look",
            at=now,
            actor=actor,
            number=batch.number,
            reason=TAKEN_BACK,
            detail={"to": to.value, "due": batch.due.isoformat(), "unsent_at": at[batch.batch_id].isoformat()},
        )
        cancelled.append(batch.seq)
    if cancelled:
        _say(connection, find_run(connection, run_id), cancelled, actor=actor, now=now)


def _say(connection: Connection, found: RunRow, cancelled: list[int], *, actor: str, now: datetime) -> None:
    record_event(
        connection,
        EventKind.HANDOVER_TAKEN_BACK,
        at=now,
        actor=actor,
        run_id=found.id,
        campaign_id=found.campaign_id,
        account_id=found.account_id,
        detail={"batches": len(cancelled), "first": cancelled[:20]},
    )
