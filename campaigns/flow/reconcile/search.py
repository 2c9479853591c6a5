"""Search the vendor's queue for an unknown: adopt the one item that it can be, search again later, or ask a person.

While a batch of an account is being looked for, its lane sends nothing more, so that an unexplained item can belong
to one attempt only. Questions are asked with permits of the reserve and without a transaction. A crash in the middle
changes nothing: the look is made again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from campaigns.domain.errors import NotAllowed, PacerAway, VendorAway, VendorRefused
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
    """What the looks of an account came to."""

    looks: int
    apart_seconds: float = 0.0  # how long the lane should wait, so that later messages can be told from absent ones


def look_for_unknowns(sender: LaneContext, claim: LaneClaim) -> Searched:
    """Make every look that is due on an account whose lane is ours; ends without a word once it no longer is."""
    account_id = claim.account_id
    made, apart = 0, timedelta(0)
    while not sender.stopping():
        with sender.store.read() as connection:
            now = sender.store.now(connection)
            cases = [case_of(connection, found) for found in due_looks(connection, account_id, now=now)]
            may_ask = account_may_be_asked(connection, account_id, upstream=sender.upstream, now=now)
        looked = _by_record(cases) or (_ask(sender, cases) if cases and may_ask else None)
        if looked is None:
            break
        gave_up = settle(sender, claim, looked)
        if gave_up is None:
            break
        if gave_up:
            apart = max(apart, looked.apart)
        made += len(looked.judged)
    return Searched(made, apart.total_seconds())


def ask_to_look(store: Store, run_id: int | None, *, actor: str) -> dict[str, Any]:
    """Have every unknown batch looked for now, of one run or of all, also those that were given up. A worker looks.

    Raises NotAllowed when nothing is unknown.
    """
    with store.write() as connection:
        lock_lanes(connection, None if run_id is None else [find_run(connection, run_id).account_id])
        now = store.now(connection)
        of_runs = look_again(connection, run_id, now=now)
        if not of_runs:
            where = "No run" if run_id is None else f"Run {run_id}"
            raise NotAllowed(f"{where} has an unknown batch, so there is nothing to look for.")
        for found in sorted(set(of_runs)):
            Act(connection, now, actor).record(EventKind.SEARCH_ASKED, run_id=found)
    return {"runs": sorted(set(of_runs)), "batches": len(of_runs)}


def _by_record(cases: list[Case]) -> Looked | None:
    """What late answers prove of some of them, for which the vendor need not be asked; None: of none."""
    known = [(case, judgement) for case in cases if (judgement := by_record(case)) is not None]
    return Looked(known) if known else None


def _ask(sender: LaneContext, cases: list[Case]) -> Looked | None:
    """One look for all of them, or for those that need a question less; None when it could not be made."""
    # What was asked since the last of them came due is new enough for each.
    payer = max(cases, key=lambda case: case.found.due_at)
    try:
        looked = _look(sender, cases, payer)
    except QuestionsUsedUp as spent:
        of_its_run = [case for case in cases if case.found.run_id == payer.found.run_id]
        return Looked([(case, Judgement(Finding.UNCLEAR, str(spent))) for case in of_its_run], is_last=True)
    except (VendorAway, VendorRefused, PacerAway) as obstacle:
        postpone(sender, payer.found, obstacle)
        return None
    keep_last_obstacle(sender, payer.found)
    return looked


def _look(sender: LaneContext, cases: list[Case], payer: Case) -> Looked:
    named = [case for case in cases if case.own_message is not None]
    if named:
        return _look_at_own(sender, payer if payer in named else named[0])
    saves = [case for case in cases if case.message.save_for_later]
    if saves:
        return _look_at_saved(sender, saves, payer if payer in saves else saves[0])
    return _look_at_list(sender, cases, payer)


def _look_at_own(sender: LaneContext, case: Case) -> Looked:
    """The message that the vendor's own answer named, together with a fault."""
    contents = ask_items(sender, case.found, [QueueItem(case.own_message or "", None)])
    return Looked([(case, by_its_message(case, contents))], seen=_counts(contents))


def _look_at_list(sender: LaneContext, cases: list[Case], payer: Case) -> Looked:
    items = ask_list(sender, payer.found)
    looked = _matched(sender, cases, payer, items, [])
    hidden = _not_listed_yet(sender, looked)
    if not hidden:
        return looked
    scheduled = ask_scheduled(sender, payer.found, list(hidden.values()))
    if scheduled is None:
        return _without_calendar(looked, hidden)
    return _matched(sender, cases, payer, items, scheduled)


def _matched(
    sender: LaneContext, cases: list[Case], payer: Case, items: list[QueueItem], scheduled: list[ItemContent]
) -> Looked:
    """What the list proves, and with it what the calendar shows as `scheduled`."""
    listed, known = {item.id for item in items}, {content.id for content in scheduled}
    everything = [*items, *(QueueItem(item.id, item.date) for item in scheduled if item.id not in listed)]
    with sender.store.read() as connection:
        picture = picture_of(connection, cases, everything, now=sender.store.now(connection))
    possible = picture.worth_asking([case.found.key for case in cases])
    if possible is None:
        reason = f"{len(picture.unowned)} unexplained items are listed"
        return Looked([(case, Judgement(Finding.UNCLEAR, reason)) for case in cases])
    asked = ask_items(sender, payer.found, [item for item in possible if item.id not in known])
    return picture.judged(cases, possible, [*asked, *scheduled])


def _not_listed_yet(sender: LaneContext, looked: Looked) -> dict[Key, datetime]:
    """When the vendor is to send those that it has for a later time and whose messages its list does not show."""
    with sender.store.read() as connection:
        now = sender.store.now(connection)
    found = {Finding.FOUND, Finding.FOUND_TOGETHER}
    open_ones = [case for case, judgement in looked.judged if judgement.finding not in found]
    return {case.found.key: due for case in open_ones if (due := case.due_ahead(now)) is not None}


def _without_calendar(looked: Looked, hidden: Collection[Key]) -> Looked:
    """Nothing is absent that only the calendar might show."""
    judged = [
        (case, _unclear(judgement) if case.found.key in hidden and judgement.finding is Finding.ABSENT else judgement)
        for case, judgement in looked.judged
    ]
    return replace(looked, judged=judged)


def _unclear(judgement: Judgement) -> Judgement:
    reason = f"{judgement.reason}, but the vendor does not show what it is to send later"
    return Judgement(Finding.UNCLEAR, reason)


def _look_at_saved(sender: LaneContext, cases: list[Case], payer: Case) -> Looked:
    """What the vendor keeps for later stands in a list of its own, which may say for whom it is kept."""
    items = ask_saved(sender, payer.found)
    listed = [QueueItem(item.id, item.date) for item in items]
    with sender.store.read() as connection:
        picture = picture_of(connection, cases, listed, now=sender.store.now(connection), saved=items)
    contents = [ItemContent(item.id, item.text, item.is_free, None, item.date) for item in items]
    return picture.judged(cases, picture.unowned, contents)


def _counts(contents: list[ItemContent]) -> dict[str, int | None]:
    return {content.id: content.sent_count for content in contents}
