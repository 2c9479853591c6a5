"""What a decision about unknown batches would do, to be agreed to before it is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from campaigns.domain.messages.message import from_json
from campaigns.flow.reconcile.decidable import (
    Verdict,
    decidable_batches,
    refuse_for_probe,
    refuse_reopening,
    refuse_what_passes_over,
)
from campaigns.store.campaigns.campaigns import find_campaign
from campaigns.store.database.engine import Store
from campaigns.store.holds.stops import stop_of
from campaigns.store.runs.content import message_of_run
from campaigns.store.runs.runs import find_run


@dataclass(frozen=True, slots=True)
class Resend:
    """The batches that would be decided, and for `resend` sent again."""

    run_id: int
    campaign_id: int
    campaign: str  # its name
    account_id: str
    text: str
    price: Decimal | None  # US dollars; None: the message is free
    batches: list[int]
    recipients: int
    stopped: str | None  # why its account is stopped: nothing is sent before that is lifted


def preview_resend(store: Store, run_id: int, *, seqs: Sequence[int] | None, despite: Sequence[str] = ()) -> Resend:
    """What `decide` with the verdict `resend` would send again; changes nothing.

    Raises what `decide` would raise, so that nobody is asked about what is refused afterwards.
    """
    return preview_decision(store, run_id, seqs=seqs, verdict="resend", despite=despite)


def preview_decision(
    store: Store,
    run_id: int,
    *,
    seqs: Sequence[int] | None,
    verdict: Verdict,
    message_id: str | None = None,
    despite: Sequence[str] = (),
) -> Resend:
    """What `decide` would decide about; changes nothing. Raises what `decide` would raise."""
    with store.read() as connection:
        run = find_run(connection, run_id)
        rows = decidable_batches(connection, run, seqs, verdict)
        refuse_for_probe(connection, run, verdict, message_id)
        for row in rows:
            refuse_what_passes_over(connection, run, row, verdict, despite)
        if verdict == "resend":
            refuse_reopening(connection, run, now=store.now(connection))
        message = from_json(message_of_run(connection, run_id))
        stop = stop_of(connection, run.account_id)
        return Resend(
            run_id=run_id,
            campaign_id=run.campaign_id,
            campaign=find_campaign(connection, run.campaign_id).name,
            account_id=run.account_id,
            text=message.text,
            price=message.price,
            batches=[row.seq for row in rows],
            recipients=sum(row.size for row in rows),
            stopped=None if stop is None else stop.reason,
        )
