"""Search the vendor's queue for an unknown: adopt the one item that it can be, search again later, or ask a person.

While a batch of an account is being looked for, its lane sends nothing more, so that an unexplained item can belong
to one attempt only. Questions are asked with permits of the reserve and without a transaction. A crash in the middle
changes nothing: the look is made again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from campaigns.crashpoint import crash_point
from campaigns.domain.errors import NotAllowed, PacerAway, VendorAway, VendorRefused
from campaigns.domain.reconcile.search import Finding, Judgement
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem
from campaigns.flow.reconcile.cases import Case, by_its_message, by_record, case_of
from campaigns.flow.reconcile.picture import Looked, picture_of
from campaigns.flow.reconcile.settle_search import settle
from campaigns.flow.sending.ask_vendor import permit_to_ask
from campaigns.flow.sending.lane_context import Sender
from campaigns.store.audit.events import EventKind, record_event, record_evidence
from campaigns.store.database.engine import Store
from campaigns.store.reconcile.searches import LookedFor, due_looks, look_again, postpone_look
from campaigns.store.runs.runs import find_run
from campaigns.store.sending.lanes import lock_lanes

AGAIN_SECONDS = 5.0
"""How soon a look is tried again that could not be made."""


@dataclass(frozen=True, slots=True)
class Searched:
    """What the looks of an account came to."""

    looks: int
    apart_seconds: float = 0.0  # how long the lane should wait, so that later messages can be told from absent ones


def look_for_unknowns(sender: Sender, account_id: str) -> Searched:
    """Make every look that is due on an account whose lane is ours."""
    made, apart = 0, timedelta(0)
    while not sender.stopping():
        with sender.store.read() as connection:
            due = due_looks(connection, account_id, now=sender.store.now(connection))
            cases = [case_of(connection, found) for found in due]
        looked = _look(sender, cases) if cases else None
        if looked is None:
            break
        if settle(sender, looked):
            apart = max(apart, looked.apart)
        made += len(looked.judged)
    return Searched(made, apart.total_seconds())


def ask_to_look(store: Store, run_id: int | None, *, actor: str) -> dict[str, Any]:
    """Have every unknown batch looked for now, of one run or of all, also those that were given up. A worker looks.

    Raises NotAllowed when nothing is unknown.
    """
    with store.write() as connection:
        now = store.now(connection)
        lock_lanes(connection, None if run_id is None else [find_run(connection, run_id).account_id])
        of_runs = look_again(connection, run_id, now=now)
        if not of_runs:
            where = "No run" if run_id is None else f"Run {run_id}"
            raise NotAllowed(f"{where} has an unknown batch, so there is nothing to look for.")
        for found in sorted(set(of_runs)):
            record_event(connection, EventKind.SEARCH_ASKED, at=now, actor=actor, run_id=found)
    return {"runs": sorted(set(of_runs)), "batches": len(of_runs)}


def _look(sender: Sender, cases: list[Case]) -> Looked | None:
    """One look for all of them, or for those that need a question less; None when it could not be made."""
    known = [(case, judgement) for case in cases if (judgement := by_record(case)) is not None]
    if known:
        return Looked(known)
    named = [case for case in cases if case.own_message is not None]
    try:
        if named:
            contents = _ask_items(sender, named[0].found, [QueueItem(named[0].own_message or "", None)])
            return Looked([(named[0], by_its_message(named[0], contents))], seen=_counts(contents))
        saves = [case for case in cases if case.message.save_for_later]
        if saves:
            return _look_at_saved(sender, saves)
        return _look_at_list(sender, cases, _ask_list(sender, cases[0].found))
    except (VendorAway, VendorRefused, PacerAway) as obstacle:
        for case in cases:
            _postpone(sender, case.found, str(obstacle))
        return None


def _look_at_list(sender: Sender, cases: list[Case], items: list[QueueItem]) -> Looked:
    with sender.store.read() as connection:
        picture = picture_of(connection, cases, items, now=sender.store.now(connection))
    possible = picture.worth_asking([case.found.key for case in cases])
    if possible is None:
        reason = f"{len(picture.unowned)} unexplained items are listed"
        return Looked([(case, Judgement(Finding.UNCLEAR, reason)) for case in cases])
    return picture.judged(cases, possible, _ask_items(sender, cases[0].found, possible))


def _look_at_saved(sender: Sender, cases: list[Case]) -> Looked:
    """What the vendor keeps for later stands in a list of its own, which may say for whom it is kept."""
    found = cases[0].found
    key = _permit(sender, found, "saved")
    items = sender.gateway.saved(found.account_id)
    crash_point("search.asked")
    sender.pacer.answered(key)
    listed = [QueueItem(item.id, item.date) for item in items]
    with sender.store.read() as connection:
        picture = picture_of(connection, cases, listed, now=sender.store.now(connection), saved=items)
    contents = [ItemContent(item.id, item.text, item.is_free, None, item.date) for item in items]
    return picture.judged(cases, picture.unowned, contents)


def _counts(contents: list[ItemContent]) -> dict[str, int | None]:
    return {content.id: content.sent_count for content in contents}


def _ask_list(sender: Sender, found: LookedFor) -> list[QueueItem]:
    key = _permit(sender, found, "list")
    items = sender.gateway.queue(found.account_id)
    crash_point("search.asked")
    sender.pacer.answered(key)
    return items


def _ask_items(sender: Sender, found: LookedFor, possible: list[QueueItem]) -> list[ItemContent]:
    contents = []
    for item in possible:
        key = _permit(sender, found, item.id)
        content = sender.gateway.item(found.account_id, item.id)
        sender.pacer.answered(key)
        if content is not None:
            contents.append(content)
    return contents


def _permit(sender: Sender, found: LookedFor, what: str) -> str:
    """A slot of the reserve. Raises PacerAway when there is none now: then the look is made later."""
    with sender.store.read() as connection:
        asked_at = sender.store.now(connection)
    key = f"look:{found.batch_id}:{found.number}:{found.looks}:{what}:{asked_at.timestamp()}"
    return permit_to_ask(sender, found.account_id, key)


def _postpone(sender: Sender, found: LookedFor, obstacle: str) -> None:
    with sender.store.write() as connection:
        now = sender.store.now(connection)
        postpone_look(connection, found, until=now + timedelta(seconds=AGAIN_SECONDS))
        record_evidence(
            connection,
            found.batch_id,
            kind="look",
            at=now,
            actor=sender.owner,
            number=found.number,
            reason=f"could not look: {obstacle}"[:500],
        )
