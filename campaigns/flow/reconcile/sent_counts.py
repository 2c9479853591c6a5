"""Ask the vendor how many fans the accepted batches of a run went to, and keep the numbers as evidence.

It moves no batch; `audit verify` compares the numbers. Answers become evidence after every few questions, with a sealed
event. After a crash in between, whoever asks again within the hour continues from the answers there are.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Connection

from campaigns.domain.errors import NotAllowed, PacerAway
from campaigns.domain.ids import run_name
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import EvidenceKind
from campaigns.domain.upstream.questions import Purpose, Question, QuestionKind, item_as_kept
from campaigns.domain.upstream.queue_items import ItemContent
from campaigns.flow.sending.ask_vendor import ask
from campaigns.flow.sending.lane_context import LaneContext
from campaigns.store.accounts.bindings import find_upstream
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.reconcile.questions import counts_not_kept
from campaigns.store.reconcile.sent_counts import FAILED_IDS, SENT_COUNTS, Count, counts
from campaigns.store.runs.runs import RunRow, find_run

KEPT_TOGETHER = 50
"""Answers that become evidence in one transaction."""

HOLDS_FOR = timedelta(hours=1)
"""An answer that did not become evidence is used again for this long."""


def ask_sent_counts(
    context: LaneContext, run_id: int, *, most: int, actor: str, beforehand: Callable[[int], object]
) -> int:
    """Ask about each accepted batch of a run that is not known to have gone to all its fans; returns how many.

    Each costs a credit and a slot of the reserve. `beforehand` is called with their number. Raises NotFound, or
    NotAllowed, with nothing asked, when there are more than `most` or the run belongs to another vendor. Raises
    VendorRefused, VendorAway or PacerAway in the middle: the answers until then are kept.
    """
    with context.store.read() as connection:
        run = find_run(connection, run_id)
        upstream, team = find_upstream(connection, run.account_id)
        wanted = [one for one in counts(connection, run_id) if one.count is None or one.count < one.size]
        earlier = _earlier_answers(connection, context, run_id)
    unasked = [one for one in wanted if one.message_id not in earlier]
    if upstream != context.upstream or (unasked and team not in {None, context.team()}):
        raise NotAllowed(
            f"Run {run_name(run_id)} was sent through {upstream}, and the key in force is not the one for it.",
            Remedy(Do.USE_ITS_KEY, account=run.account_id),
        )
    if len(unasked) > most:
        raise NotAllowed(
            f"Run {run_name(run_id)} has {len(unasked):,} accepted batches to ask about, a credit each; nothing was "
            "asked.",
            Remedy(Do.ALLOW_CREDITS, run=run_id, value=str(len(unasked))),
        )
    beforehand(len(unasked))
    # None: the vendor does not show the message.
    answers: list[tuple[Count, ItemContent | None]] = [
        (one, earlier[one.message_id]) for one in wanted if one.message_id in earlier
    ]
    try:
        for one in unasked:
            answers.append((one, _ask(context, run, one)))
            if len(answers) >= KEPT_TOGETHER:
                _keep(context, run, answers, actor=actor)
    finally:
        _keep(context, run, answers, actor=actor)
    return len(unasked)


def _ask(context: LaneContext, run: RunRow, one: Count) -> ItemContent | None:
    """Ask one question. It may wait for the budget: nobody else waits for it meanwhile."""
    about = (run.account_id, run.id, one.batch_id, one.message_id)
    question = Question(QuestionKind.ITEM, Purpose.COUNT, *about)
    while True:
        try:
            return ask(context, question, lambda: context.gateway.item(run.account_id, one.message_id), item_as_kept)
        except PacerAway as away:
            if away.after_seconds is None:
                raise
            context.sleep(away.after_seconds)


def _earlier_answers(connection: Connection, context: LaneContext, run_id: int) -> dict[str, ItemContent | None]:
    """The answers of an earlier call that broke off within HOLDS_FOR, by message ID."""
    since = context.store.now(connection) - HOLDS_FOR
    return counts_not_kept(connection, run_id, since=since)


def _keep(context: LaneContext, run: RunRow, answers: list[tuple[Count, ItemContent | None]], *, actor: str) -> None:
    """Write these answers as evidence, and empty the list."""
    if not answers:
        return
    with context.store.write() as connection:
        act = Act(connection, context.store.now(connection), actor)
        counted = [(one, content, None if content is None else content.sent_count) for one, content in answers]
        for one, content, count in counted:
            failed = {FAILED_IDS: [one.message_id]} if content is not None and content.has_error else {}
            act.record_evidence(
                one.batch_id,
                kind=EvidenceKind.LOOK,
                number=one.attempts,
                reason="an operator asked for the sent count",
                detail={SENT_COUNTS: {} if count is None else {one.message_id: count}, **failed},
            )
        act.record(
            EventKind.COUNTS_ASKED,
            account_id=run.account_id,
            campaign_id=run.campaign_id,
            run_id=run.id,
            detail={"batches": {str(one.seq): count for one, _, count in counted}},
        )
    answers.clear()
