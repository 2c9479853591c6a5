"""Search the vendor's queue for unknown batches: adopt the one item that fits, search again later, or ask a person.

While a batch of an account is searched for, its lane sends nothing, so that an unexplained item can belong to one
attempt only. Questions take permits of the reserve, and no transaction is open meanwhile. A crash in the middle changes
nothing: the look is made again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from campaigns.domain.errors import NotAllowed, PacerAway, VendorAway, VendorRefused
from campaigns.domain.ids import run_name
from campaigns.domain.reconcile.matching import Key
from campaigns.domain.reconcile.search import Finding, Judgement
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem
from campaigns.flow.reconcile.cases import Case, by_its_message, by_record, case_of
from campaigns.flow.reconcile.picture import Looked, picture_of
from campaigns.flow.reconcile.questions import (
    ask_items,
    ask_list,
    ask_saved,
    ask_scheduled,
    keep_last_obstacle,
    postpone,
)
from campaigns.flow.reconcile.settle_search import settle
from campaigns.flow.runs.shown import refuse_other
from campaigns.flow.sending.account_questions import QuestionsUsedUp
from campaigns.flow.sending.lane_context import LaneContext
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.engine import Store
from campaigns.store.reconcile.questions import account_may_be_asked
from campaigns.store.reconcile.searches import due_looks, look_again
from campaigns.store.runs.runs import find_run
from campaigns.store.sending.lanes import LaneClaim, lock_lanes


@dataclass(frozen=True, slots=True)
class Searched:
    """The result of the looks of an account."""

    looks: int
    apart_seconds: float = 0.0  # the pause that the lane needs, so that dates tell later messages from absent ones


@dataclass(frozen=True, slots=True)
class SearchAsked:
    """What workers will search for, because an operator asked."""

    runs: list[int]
    batches: int


def look_for_unknowns(context: LaneContext, claim: LaneClaim) -> Searched:
    """Make every look that is due on an account whose lane is ours; stops as soon as it no longer is."""
    account_id = claim.account_id
    made, apart = 0, timedelta(0)
    while not context.stopping():
        with context.store.read() as connection:
            now = context.store.now(connection)
            cases = [case_of(connection, batch) for batch in due_looks(connection, account_id, now=now)]
            may_ask = account_may_be_asked(connection, account_id, upstream=context.upstream, now=now)
        looked = _by_record(cases) or (_ask(context, cases) if cases and may_ask else None)
        if looked is None:
            break
        gave_up = settle(context, claim, looked)
        if gave_up is None:
            break
        if gave_up:
            apart = max(apart, looked.apart)
        made += len(looked.judged)
    return Searched(made, apart.total_seconds())


def ask_to_look(store: Store, run_id: int | None, *, shown: int | None = None, actor: str) -> SearchAsked:
    """Have every unknown batch searched for now, of one run or of all, also those that were given up. A worker looks.

    `shown`: the unknown batches that a person was shown; another number raises Outdated. Raises NotFound, or NotAllowed
    when nothing is unknown.
    """
    with store.write() as connection:
        lock_lanes(connection, None if run_id is None else [find_run(connection, run_id).account_id])
        act = Act(connection, store.now(connection), actor)
        of_batches = look_again(connection, run_id, now=act.now)
        if not of_batches:
            which = "No run has an" if run_id is None else f"Run {run_name(run_id)} has no"
            raise NotAllowed(f"{which} unknown batch, so there is nothing to search for.")
        refuse_other(shown, len(of_batches), "unknown batches")
        runs = sorted(set(of_batches))
        for each in runs:
            act.record(EventKind.SEARCH_ASKED, run_id=each)
    return SearchAsked(runs, len(of_batches))


def _by_record(cases: list[Case]) -> Looked | None:
    """What late answers prove about some of the cases, without a question to the vendor; None: about none."""
    known = [(case, judgement) for case in cases if (judgement := by_record(case)) is not None]
    return Looked(known) if known else None


def _ask(context: LaneContext, cases: list[Case]) -> Looked | None:
    """One look for all the cases, or for those that need one question less; None when it could not be made."""
    # An answer since the last of them came due is new enough for all.
    payer = max(cases, key=lambda case: case.batch.due_at)
    try:
        looked = _look(context, cases, payer)
    except QuestionsUsedUp as used_up:
        of_its_run = [case for case in cases if case.batch.run_id == payer.batch.run_id]
        return Looked([(case, Judgement(Finding.UNCLEAR, str(used_up))) for case in of_its_run], is_last=True)
    except (VendorAway, VendorRefused, PacerAway) as obstacle:
        postpone(context, payer.batch, obstacle)
        return None
    keep_last_obstacle(context, payer.batch)
    return looked


def _look(context: LaneContext, cases: list[Case], payer: Case) -> Looked:
    named = [case for case in cases if case.own_message is not None]
    if named:
        return _look_at_own(context, payer if payer in named else named[0])
    saves = [case for case in cases if case.message.save_for_later]
    if saves:
        return _look_at_saved(context, saves, payer if payer in saves else saves[0])
    return _look_at_list(context, cases, payer)


def _look_at_own(context: LaneContext, case: Case) -> Looked:
    """Look at the message that the vendor's own answer named together with a fault."""
    contents = ask_items(context, case.batch, [QueueItem(case.own_message or "", None)])
    return Looked([(case, by_its_message(case, contents))], seen=_counts(contents))


def _look_at_list(context: LaneContext, cases: list[Case], payer: Case) -> Looked:
    items = ask_list(context, payer.batch)
    looked = _matched(context, cases, payer, items, [])
    hidden = _not_listed_yet(context, looked)
    if not hidden:
        return looked
    scheduled = ask_scheduled(context, payer.batch, list(hidden.values()))
    if scheduled is None:
        return _without_calendar(looked, hidden)
    return _matched(context, cases, payer, items, scheduled)


def _matched(
    context: LaneContext, cases: list[Case], payer: Case, items: list[QueueItem], scheduled: list[ItemContent]
) -> Looked:
    """What the list proves, together with what the calendar shows (`scheduled`)."""
    listed, known = {item.id for item in items}, {content.id for content in scheduled}
    everything = [*items, *(QueueItem(item.id, item.date) for item in scheduled if item.id not in listed)]
    with context.store.read() as connection:
        picture = picture_of(connection, cases, everything, now=context.store.now(connection))
    possible = picture.worth_asking([case.batch.key for case in cases])
    if possible is None:
        reason = f"{len(picture.unowned)} unexplained items are listed"
        return Looked([(case, Judgement(Finding.UNCLEAR, reason)) for case in cases])
    asked = ask_items(context, payer.batch, [item for item in possible if item.id not in known])
    return picture.judged(cases, possible, [*asked, *scheduled])


def _not_listed_yet(context: LaneContext, looked: Looked) -> dict[Key, datetime]:
    """When the vendor is to send the scheduled messages that its list does not show, by request."""
    with context.store.read() as connection:
        now = context.store.now(connection)
    conclusive = {Finding.FOUND, Finding.FOUND_TOGETHER}
    open_ones = [case for case, judgement in looked.judged if judgement.finding not in conclusive]
    return {case.batch.key: due for case in open_ones if (due := case.due_ahead(now)) is not None}


def _without_calendar(looked: Looked, hidden: Collection[Key]) -> Looked:
    """The look when the calendar is not shown: a message that only the calendar might show is unclear, not absent."""
    judged = [
        (case, _unclear(judgement) if case.batch.key in hidden and judgement.finding is Finding.ABSENT else judgement)
        for case, judgement in looked.judged
    ]
    return replace(looked, judged=judged)


def _unclear(judgement: Judgement) -> Judgement:
    reason = f"{judgement.reason}, but the vendor does not show what it is to send later"
    return Judgement(Finding.UNCLEAR, reason)


def _look_at_saved(context: LaneContext, cases: list[Case], payer: Case) -> Looked:
    """Look at what the vendor keeps for later: a list of its own, which may name the users."""
    items = ask_saved(context, payer.batch)
    listed = [QueueItem(item.id, item.date) for item in items]
    with context.store.read() as connection:
        picture = picture_of(connection, cases, listed, now=context.store.now(connection), saved=items)
    contents = [ItemContent(item.id, item.text, item.is_free, None, item.date) for item in items]
    return picture.judged(cases, picture.unowned, contents)


def _counts(contents: list[ItemContent]) -> dict[str, int | None]:
    return {content.id: content.sent_count for content in contents}
