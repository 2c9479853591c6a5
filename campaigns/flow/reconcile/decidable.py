"""What an operator may decide about a batch: a message ID on record must be named, never passed over silently."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from campaigns.domain.errors import NotAllowed, NotFound, UsageError
from campaigns.domain.ids import campaign_name, run_name
from campaigns.domain.messages.message import from_json
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import BatchState, CampaignState, RunState
from campaigns.store.campaigns.campaigns import find_campaign, refuse_probe
from campaigns.store.reconcile.answers import late_answer, was_answered
from campaigns.store.reconcile.known_messages import KnownMessage, unnamed_for
from campaigns.store.reconcile.message_sets import members_of
from campaigns.store.runs.content import message_of_run
from campaigns.store.runs.runs import RunRow, lineage_runs
from campaigns.store.sending.batches import BatchRow, anything_is_looked_for, batches_by_seq, lives_elsewhere

Verdict = Literal["accepted", "not-sent", "resend"]

ON_EVIDENCE = (BatchState.CANCELLED, BatchState.READY)
"""A batch in one of these states may be decided accepted when a message ID of it is on record."""


def decidable_batches(
    connection: Connection, run: RunRow, seqs: Sequence[int] | None, verdict: Verdict
) -> list[BatchRow]:
    """The batches to decide about: the unknown ones of the run, or those with these numbers.

    Raises NotAllowed, NotFound, or UsageError when the list of numbers is empty.
    """
    if seqs is None:
        rows = batches_by_seq(connection, run.id, seqs=None, state=BatchState.UNKNOWN)
        if not rows:
            raise NotAllowed(f"Run {run_name(run.id)} has no unknown batch, so there is nothing to decide.")
        return rows
    if not seqs:
        raise UsageError(f"No batch of run {run_name(run.id)} is named, so there is nothing to decide.")
    rows = batches_by_seq(connection, run.id, seqs=seqs)
    missing = sorted(set(seqs) - {row.seq for row in rows})
    if missing:
        raise NotFound(f"Run {run_name(run.id)} has no batch {missing[0]}.", Remedy(Do.LIST_BATCHES, run=run.id))
    for row in rows:
        if row.state is not BatchState.UNKNOWN and not _may_overrule(connection, run, row, verdict):
            raise NotAllowed(
                f"Batch {row.seq} of run {run_name(run.id)} is {row.state}, not unknown; nothing was decided."
            )
    return rows


def refuse_for_probe(connection: Connection, run: RunRow, verdict: Verdict, message_id: str | None) -> None:
    """Raise NotAllowed for a decision that leaves a probe's message at the vendor: it is deleted by its ID."""
    campaign = find_campaign(connection, run.campaign_id)
    if verdict == "resend":
        refuse_probe(campaign)
    if verdict == "accepted" and message_id is None and campaign.kind == "probe":
        raise NotAllowed(
            f"Run {run_name(run.id)} is a probe: its message is deleted by its ID, and no ID is given.",
            Remedy(Do.DECIDE_ACCEPTED, run=run.id, value="ID"),
            Remedy(Do.DECIDE_NOT_SENT, run=run.id),
        )


def refuse_reopening(connection: Connection, run: RunRow, *, now: datetime) -> None:
    """Raise NotAllowed when nothing of a run may be sent again."""
    otherwise = "Decide accepted or not-sent."
    if run.state in {RunState.CANCELLING, RunState.CANCELLED}:
        raise NotAllowed(f"Run {run_name(run.id)} is {run.state}: nothing of it is sent again. {otherwise}")
    if find_campaign(connection, run.campaign_id).state is CampaignState.ARCHIVED:
        raise NotAllowed(
            f"Run {run_name(run.id)} belongs to campaign {campaign_name(run.campaign_id)}, which is archived and no "
            f"longer sends. {otherwise}"
        )
    if run.expires_at is not None and run.expires_at <= now:
        raise NotAllowed(
            f"Run {run_name(run.id)} expired at {run.expires_at.isoformat(timespec='seconds')}, and no longer sends.",
            Remedy(Do.RERUN_CANCELLED, run=run.id),
        )
    if run.whole_list:
        raise NotAllowed(f"Run {run_name(run.id)} went to whole lists, which are never sent again. {otherwise}")
    if from_json(message_of_run(connection, run.id)).uses_one_use_media:
        raise NotAllowed(
            f"Run {run_name(run.id)} used a one-use ofapi_media_ ID, which its first request may have used up; it "
            "is never sent "
            f"again. {otherwise}"
        )
    if anything_is_looked_for(connection, run.id):
        raise NotAllowed(
            f"The vendor's queue is still being searched for unknown batches of run {run_name(run.id)}; decide to "
            "send one "
            "again after the last look."
        )


def _may_overrule(connection: Connection, run: RunRow, row: BatchRow, verdict: Verdict) -> bool:
    """Whether a batch that is not unknown may be decided.

    An acceptance that no answer of the vendor proved may be overruled. A batch that was decided, or made ready, in
    spite of a message ID on record may be decided accepted.
    """
    if row.state is BatchState.ACCEPTED:
        return not was_answered(connection, row.id, row.attempts, row.message_id)
    if row.state not in ON_EVIDENCE or verdict != "accepted" or row.users is None:
        return False
    if not any(known.batch_id == row.id for known in known_messages(connection, run, row)):
        return False
    other = lives_elsewhere(connection, row, lineage_runs(connection, run.lineage))
    if other is not None:
        raise NotAllowed(
            f"Batch {row.seq} of run {run_name(run.id)} cannot be accepted while run {run_name(other)} has some of "
            "its users.",
            Remedy(Do.CANCEL_RUN, run=other),
        )
    return True


def known_messages(connection: Connection, run: RunRow, row: BatchRow) -> list[KnownMessage]:
    """The message IDs on record for any user of a batch that no later decision names."""
    return unnamed_for(connection, run.lineage, row.users, first_user=row.first_user, last_user=row.last_user)


def refuse_what_passes_over(
    connection: Connection, run: RunRow, row: BatchRow, verdict: Verdict, despite: Collection[str]
) -> None:
    """Raise NotAllowed if a decision would allow a second message to users for whom an unnamed ID is on record."""
    if verdict == "accepted":
        return
    named = {*despite, *taken_by_search(connection, run, row)}
    unnamed = [known for known in known_messages(connection, run, row) if known.message_id not in named]
    if not unnamed:
        return
    first = unnamed[0]
    raise NotAllowed(
        f"Batch {row.seq} of run {run_name(run.id)} cannot be decided {verdict}: {first}, so its fans may have it.",
        Remedy(Do.DECIDE_ACCEPTED, run=first.run_id, value=first.message_id),
        Remedy(Do.DECIDE_DESPITE, run=run.id, value=first.message_id),
    )


def taken_by_search(connection: Connection, run: RunRow, row: BatchRow) -> frozenset[str]:
    """The message IDs that a batch has, alone or in its set, without an answer of the vendor that proves them."""
    if row.message_set is not None:
        members = members_of(connection, run.account_id, row.message_set)
        return frozenset(member.message_id for member in members)
    if row.message_id is None:
        return frozenset()
    late = late_answer(connection, run.account_id, row.id, row.attempts)
    is_answered = late is not None and late.message_id == row.message_id
    return frozenset() if is_answered else frozenset([row.message_id])


def its_own_message(run: RunRow, known: Sequence[KnownMessage], row: BatchRow) -> str | None:
    """The message ID on record for the batch's last request. Raises NotAllowed when there is more than one."""
    remedy = Remedy(Do.DECIDE_ACCEPTED, run=run.id, value="ID")
    if row.message_set is not None:
        raise NotAllowed(f"Batch {row.seq} shares a set of messages, and nobody knows which is its own.", remedy)
    own = sorted({one.message_id for one in known if (one.batch_id, one.number) == (row.id, row.attempts)})
    if len(own) > 1:
        raise NotAllowed(f"Messages {', '.join(own)} are on record for batch {row.seq}; only one is its own.", remedy)
    return own[0] if own else None
