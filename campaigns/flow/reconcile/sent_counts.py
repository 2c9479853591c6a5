"""Ask the vendor how many fans the accepted batches of a run went to, and keep the numbers as evidence.

It moves nothing: `audit verify` compares. What was told is kept after every few questions, with an event, which is
sealed; a crash in between loses the last few answers, and they may be asked for again.
"""

from __future__ import annotations

from collections.abc import Callable

from campaigns.domain.errors import NotAllowed
from campaigns.domain.upstream.queue_items import ItemContent
from campaigns.flow.sending.ask_vendor import ASK_SECONDS
from campaigns.flow.sending.lane_context import Sender
from campaigns.store.accounts.bindings import find_upstream
from campaigns.store.audit.events import EventKind, record_event, record_evidence
from campaigns.store.reconcile.sent_counts import FAULTY, TOLD, Count, counts
from campaigns.store.runs.runs import RunRow, find_run

KEPT_TOGETHER = 50


def ask_sent_counts(sender: Sender, run_id: int, *, most: int, actor: str, beforehand: Callable[[int], object]) -> int:
    """Ask about each accepted batch of a run that is not known to have gone to all its fans; answers how many.

    Each costs a credit and a slot of the reserve. `beforehand` is told how many it will be. Raises NotAllowed, with
    nothing asked, when that is more than `most` or the run is another vendor's; VendorRefused, VendorAway or PacerAway
    in the middle, when what was told until then is kept.
    """
    with sender.store.read() as connection:
        found = find_run(connection, run_id)
        upstream, team = find_upstream(connection, found.account_id)
        asked = [one for one in counts(connection, run_id) if one.count is None or one.count < one.size]
    if upstream != sender.upstream or (asked and team not in {None, sender.team()}):
        raise NotAllowed(f"Run {run_id} was sent through {upstream}, and the key in force is not the one for it.")
    if len(asked) > most:
        raise NotAllowed(
            f"Run {run_id} has {len(asked):,} accepted batches to ask about, a credit each; nothing was asked. "
            f"Allow it with --credits {len(asked)}."
        )
    beforehand(len(asked))
    told: list[tuple[Count, ItemContent | None]] = []  # None: the vendor does not show the message
    try:
        for one in asked:
            told.append((one, _ask(sender, found, one)))
            if len(told) == KEPT_TOGETHER:
                _keep(sender, found, told, actor=actor)
    finally:
        _keep(sender, found, told, actor=actor)
    return len(asked)


def _ask(sender: Sender, found: RunRow, one: Count) -> ItemContent | None:
    """One question. The budget may keep it waiting: nobody else waits for it meanwhile."""
    with sender.store.read() as connection:
        asked_at = sender.store.now(connection)
    key = f"count:{one.batch_id}:{asked_at.timestamp()}"
    permit = sender.pacer.acquire(key, found.account_id, hold_seconds=ASK_SECONDS, reserved=True)
    while not permit.granted:
        sender.sleep(permit.wait_seconds)
        permit = sender.pacer.acquire(key, found.account_id, hold_seconds=ASK_SECONDS, reserved=True)
    content = sender.gateway.item(found.account_id, one.message_id)
    sender.pacer.answered(key)
    return content


def _keep(sender: Sender, found: RunRow, told: list[tuple[Count, ItemContent | None]], *, actor: str) -> None:
    """Keep what was told, and forget it here."""
    if not told:
        return
    with sender.store.write() as connection:
        now = sender.store.now(connection)
        counted = [(one, content, None if content is None else content.sent_count) for one, content in told]
        for one, content, count in counted:
            failed = {FAULTY: [one.message_id]} if content is not None and content.has_error else {}
            record_evidence(
                connection,
                one.batch_id,
                kind="look",
                at=now,
                actor=actor,
                number=one.attempts,
                reason="an operator asked for the sent count",
                detail={TOLD: {} if count is None else {one.message_id: count}, **failed},
            )
        record_event(
            connection,
            EventKind.COUNTS_ASKED,
            at=now,
            actor=actor,
            account_id=found.account_id,
            campaign_id=found.campaign_id,
            run_id=found.id,
            detail={"batches": {str(one.seq): count for one, _, count in counted}},
        )
    told.clear()
