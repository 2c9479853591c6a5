"""Ask the vendor how many fans the accepted batches of a run went to, and keep the numbers as evidence.

It moves nothing: `audit verify` compares. What was told becomes evidence after every few questions, with a sealed
event. After a crash in between, whoever asks again within the hour goes on from the answers that there are.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Connection

from campaigns.domain.errors import NotAllowed, PacerAway
from campaigns.domain.states import EvidenceKind
from campaigns.domain.upstream.questions import Purpose, Question, QuestionKind, item_as_kept, kept_item
from campaigns.domain.upstream.queue_items import ItemContent
from campaigns.flow.sending.ask_vendor import ask
from campaigns.flow.sending.lane_context import LaneContext
from campaigns.store.accounts.bindings import find_upstream
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.reconcile.questions import counts_not_kept
from campaigns.store.reconcile.sent_counts import FAULTY, TOLD, Count, counts
from campaigns.store.runs.runs import RunRow, find_run

KEPT_TOGETHER = 50

HOLDS_FOR = timedelta(hours=1)
"""How long an answer that did not become evidence is gone on from."""


def ask_sent_counts(
    sender: LaneContext, run_id: int, *, most: int, actor: str, beforehand: Callable[[int], object]
) -> int:
    """Ask about each accepted batch of a run that is not known to have gone to all its fans; returns how many.

    Each costs a credit and a slot of the reserve. `beforehand` is told how many it will be. Raises NotAllowed, with
    nothing asked, when that is more than `most` or the run is another vendor's; VendorRefused, VendorAway or PacerAway
    in the middle, when what was told until then is kept.
    """
    with sender.store.read() as connection:
        found = find_run(connection, run_id)
        upstream, team = find_upstream(connection, found.account_id)
        wanted = [one for one in counts(connection, run_id) if one.count is None or one.count < one.size]
        before = _told_before(connection, sender, run_id)
    asked = [one for one in wanted if one.message_id not in before]
    if upstream != sender.upstream or (asked and team not in {None, sender.team()}):
        raise NotAllowed(f"Run {run_id} was sent through {upstream}, and the key in force is not the one for it.")
    if len(asked) > most:
        raise NotAllowed(
            f"Run {run_id} has {len(asked):,} accepted batches to ask about, a credit each; nothing was asked. "
            f"Allow it with --credits {len(asked)}."
        )
    beforehand(len(asked))
    # None: the vendor does not show the message.
    told: list[tuple[Count, ItemContent | None]] = [
        (one, before[one.message_id]) for one in wanted if one.message_id in before
    ]
    try:
        for one in asked:
            told.append((one, _ask(sender, found, one)))
            if len(told) >= KEPT_TOGETHER:
                _keep(sender, found, told, actor=actor)
    finally:
        _keep(sender, found, told, actor=actor)
    return len(asked)


def _ask(sender: LaneContext, found: RunRow, one: Count) -> ItemContent | None:
    """One question. The budget may keep it waiting: nobody else waits for it meanwhile."""
    about = (found.account_id, found.id, one.batch_id, one.message_id)
    question = Question(QuestionKind.ITEM, Purpose.COUNT, *about)
    while True:
        try:
            return ask(sender, question, lambda: sender.gateway.item(found.account_id, one.message_id), item_as_kept)
        except PacerAway as away:
            if away.after_seconds is None:
                raise
            sender.sleep(away.after_seconds)


def _told_before(connection: Connection, sender: LaneContext, run_id: int) -> dict[str, ItemContent | None]:
    """What was told when an earlier asking broke off, lately enough to hold still, by message ID."""
    since = sender.store.now(connection) - HOLDS_FOR
    known = counts_not_kept(connection, run_id, since=since)
    return {message_id: kept_item(kept) for message_id, kept in known.items()}


def _keep(sender: LaneContext, found: RunRow, told: list[tuple[Count, ItemContent | None]], *, actor: str) -> None:
    """Keep what was told, and forget it here."""
    if not told:
        return
    with sender.store.write() as connection:
        now = sender.store.now(connection)
        counted = [(one, content, None if content is None else content.sent_count) for one, content in told]
        for one, content, count in counted:
            failed = {FAULTY: [one.message_id]} if content is not None and content.has_error else {}
            Act(connection, now, actor).record_evidence(
                one.batch_id,
                kind=EvidenceKind.LOOK,
                number=one.attempts,
                reason="an operator asked for the sent count",
                detail={TOLD: {} if count is None else {one.message_id: count}, **failed},
            )
        Act(connection, now, actor).record(
            EventKind.COUNTS_ASKED,
            account_id=found.account_id,
            campaign_id=found.campaign_id,
            run_id=found.id,
            detail={"batches": {str(one.seq): count for one, _, count in counted}},
        )
    told.clear()
