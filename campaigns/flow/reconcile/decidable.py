"""What an operator may decide about a batch: what the record already knows must be named, and not passed over."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal

from sqlalchemy import Connection

from campaigns.domain.errors import NotAllowed, NotFound, UsageError
from campaigns.domain.states import BatchState
from campaigns.store.campaigns.campaigns import find_campaign, refuse_probe
from campaigns.store.reconcile.answers import late_answer, was_answered
from campaigns.store.reconcile.known_messages import KnownMessage, unnamed_for
from campaigns.store.reconcile.message_sets import members_of
from campaigns.store.runs.runs import RunRow, lineage_runs
from campaigns.store.sending.batches import batches_by_seq, lives_elsewhere

Verdict = Literal["accepted", "not-sent", "resend"]

ON_EVIDENCE = (BatchState.CANCELLED, BatchState.READY)
"""States of a batch that may be decided accepted when the record holds a message ID for it."""


def decidable_batches(connection: Connection, found: RunRow, seqs: Sequence[int] | None, verdict: Verdict) -> list[Any]:
    """The batches to decide about: the unknown ones of the run, or those named.

    Raises NotAllowed, NotFound, and UsageError when none is named.
    """
    if seqs is None:
        rows = batches_by_seq(connection, found.id, seqs=None, state=BatchState.UNKNOWN)
        if not rows:
            raise NotAllowed(f"Run {found.id} has no unknown batch, so there is nothing to decide.")
        return rows
    if not seqs:
        raise UsageError(f"No batch of run {found.id} is named, so there is nothing to decide.")
    rows = batches_by_seq(connection, found.id, seqs=seqs)
    missing = sorted(set(seqs) - {row.seq for row in rows})
    if missing:
        raise NotFound(f"Run {found.id} has no batch {missing[0]}; `campaigns runs batches {found.id}` lists them.")
    for row in rows:
        if row.state != BatchState.UNKNOWN and not _may_overrule(connection, found, row, verdict):
            raise NotAllowed(f"Batch {row.seq} of run {found.id} is {row.state}, not unknown; nothing was decided.")
    return rows


def refuse_for_probe(connection: Connection, found: RunRow, verdict: Verdict, message_id: str | None) -> None:
    """What a probe scheduled must be deleted by its ID, and a second message would be one more to delete."""
    campaign = find_campaign(connection, found.campaign_id)
    if verdict == "resend":
        refuse_probe(campaign)
    if verdict == "accepted" and message_id is None and campaign.kind == "probe":
        raise NotAllowed(
            f"Run {found.id} is a probe: its message is to be deleted by its ID. Pass --message-id, or decide not-sent "
            "when the vendor shows no such message."
        )


def _may_overrule(connection: Connection, found: RunRow, row: Any, verdict: Verdict) -> bool:
    """Whether a batch may be decided that is not unknown.

    An acceptance that no answer of the vendor brought may be overruled; what was decided or made ready in spite of a
    message ID on record may be decided accepted.
    """
    if row.state == BatchState.ACCEPTED:
        return not was_answered(connection, row.id, row.attempts, row.message_id)
    if row.state not in ON_EVIDENCE or verdict != "accepted" or row.users is None:
        return False
    if not any(one.batch_id == row.id for one in known_messages(connection, found, row)):
        return False
    other = lives_elsewhere(connection, row, lineage_runs(connection, found.lineage))
    if other is not None:
        raise NotAllowed(
            f"Batch {row.seq} of run {found.id} cannot be accepted while run {other} holds some of its users; "
            f"`campaigns runs cancel {other} --reason TEXT` first."
        )
    return True


def known_messages(connection: Connection, found: RunRow, row: Any) -> list[KnownMessage]:
    """The message IDs on record for any user of a batch that no later decision names."""
    return unnamed_for(connection, found.lineage, row.users, first_user=row.first_user, last_user=row.last_user)


def refuse_what_passes_over(
    connection: Connection, found: RunRow, row: Any, verdict: Verdict, despite: Collection[str]
) -> None:
    """Raises NotAllowed when a decision would let users be sent to for whom an unnamed message ID is on record."""
    if verdict == "accepted":
        return
    named = {*despite, *taken_by_search(connection, found, row)}
    passed_over = [one for one in known_messages(connection, found, row) if one.message_id not in named]
    if not passed_over:
        return
    one = passed_over[0]
    raise NotAllowed(
        f"Batch {row.seq} of run {found.id} cannot be decided {verdict}: {one}, so its fans may have it. Decide "
        f"`--as accepted --message-id {one.message_id}`, or name it with `--despite {one.message_id}`."
    )


def taken_by_search(connection: Connection, found: RunRow, row: Any) -> frozenset[str]:
    """The message IDs that a batch has, alone or in its set, and that no answer of the vendor's brought."""
    if row.message_set is not None:
        members = members_of(connection, found.account_id, row.message_set)
        return frozenset(one.message_id for one in members)
    if row.message_id is None:
        return frozenset()
    late = late_answer(connection, found.account_id, row.id, row.attempts)
    is_answered = late is not None and late.message_id == row.message_id
    return frozenset() if is_answered else frozenset([row.message_id])


def its_own_message(known: Sequence[KnownMessage], row: Any) -> str | None:
    """The message ID that the record names for the batch's last request. Raises NotAllowed when it is not certain."""
    if row.message_set is not None:
        raise NotAllowed(f"Batch {row.seq} shares a set of messages; say which message is its own with --message-id.")
    own = sorted({one.message_id for one in known if (one.batch_id, one.number) == (row.id, row.attempts)})
    if len(own) > 1:
        raise NotAllowed(f"Messages {', '.join(own)} are on record for batch {row.seq}; say which with --message-id.")
    return own[0] if own else None
