"""The questions of a search: each is asked once for each look, whoever asked it, and its answer is gone on from.

A look may need several answers, and the rate budget may have room for one. What is known since the look was due is not
asked again: not after a crash, not for another batch of the account.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from campaigns.crashpoint import crash_point
from campaigns.domain.errors import PacerAway, VendorAway, VendorRefused
from campaigns.domain.states import EvidenceKind
from campaigns.domain.upstream.questions import (
    Purpose,
    Question,
    QuestionKind,
    item_as_kept,
    kept_item,
    kept_list,
    list_as_kept,
    saved_as_kept,
    scheduled_as_kept,
)
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem, SavedItem
from campaigns.flow.sending.account_questions import put_off, require_questions_left
from campaigns.flow.sending.ask_vendor import ask
from campaigns.flow.sending.lane_context import LaneContext
from campaigns.store.audit.events import Act
from campaigns.store.reconcile.questions import asked_for_look, known_items, known_list, last_obstacle
from campaigns.store.reconcile.searches import LookedFor


def ask_list(sender: LaneContext, found: LookedFor) -> list[QueueItem]:
    """The vendor's list of the account's messages, as it was when the look was due or later.

    Raises QuestionsUsedUp, VendorAway, VendorRefused or PacerAway; see `ask`.
    """
    with sender.store.read() as connection:
        known = known_list(connection, found.account_id, _fresh(found))
        if known is None:
            require_questions_left(sender, connection, found.run_id)
    if known is not None:
        return kept_list(known)

    def put() -> list[QueueItem]:
        items = sender.gateway.queue(found.account_id)
        crash_point("search.asked")
        return items

    return ask(sender, _question(found, QuestionKind.LIST), put, list_as_kept)


def ask_saved(sender: LaneContext, found: LookedFor) -> list[SavedItem]:
    """The vendor's list of what it keeps for later. Raises as `ask_list` does."""
    with sender.store.read() as connection:
        require_questions_left(sender, connection, found.run_id)

    def put() -> list[SavedItem]:
        items = sender.gateway.saved(found.account_id)
        crash_point("search.asked")
        return items

    return ask(sender, _question(found, QuestionKind.SAVED), put, saved_as_kept)


def ask_scheduled(sender: LaneContext, found: LookedFor, dates: Collection[datetime]) -> list[ItemContent] | None:
    """What the vendor is still to send on the days of these dates; None when it does not show its calendar.

    Raises QuestionsUsedUp or PacerAway. To be asked last: its answer is not gone on from.
    """
    with sender.store.read() as connection:
        require_questions_left(sender, connection, found.run_id)
    days = [moment.astimezone(UTC).date() for moment in dates]

    def put() -> list[ItemContent]:
        items = sender.gateway.scheduled(found.account_id, min(days), max(days) + timedelta(days=1))
        crash_point("search.asked")
        return items

    try:
        return ask(sender, _question(found, QuestionKind.SAVED), put, scheduled_as_kept)
    except (VendorAway, VendorRefused):
        return None  # the question has it on record; the list alone can still show the message


def ask_items(sender: LaneContext, found: LookedFor, possible: Sequence[QueueItem]) -> list[ItemContent]:
    """What the vendor shows of these items; those that it does not show are left out. Raises as `ask_list` does."""
    contents = []
    with sender.store.read() as connection:
        known = known_items(connection, found.account_id, _fresh(found))
    for item in possible:
        content = kept_item(known[item.id][1]) if item.id in known else _ask_item(sender, found, item.id)
        if content is not None:
            contents.append(content)
    return contents


def _ask_item(sender: LaneContext, found: LookedFor, message_id: str) -> ItemContent | None:
    with sender.store.read() as connection:
        require_questions_left(sender, connection, found.run_id)
    return ask(
        sender,
        _question(found, QuestionKind.ITEM, message_id),
        lambda: sender.gateway.item(found.account_id, message_id),
        item_as_kept,
    )


def postpone(sender: LaneContext, found: LookedFor, obstacle: VendorAway | VendorRefused | PacerAway) -> None:
    """Look later. Only the first failure in a row is evidence now; `keep_last_obstacle` adds the last."""
    if put_off(sender, found.account_id, obstacle) == 1:
        _keep(sender, found, f"could not look: {obstacle}")


def keep_last_obstacle(sender: LaneContext, found: LookedFor) -> None:
    """Before a look is written that could not be made for a while: keep how often, and what stood in its way last."""
    if found.ask_failures < 2:  # noqa: PLR2004 - the first is kept already
        return
    with sender.store.read() as connection:
        last = last_obstacle(connection, found.account_id)
    if last is not None:
        at, why = last
        _keep(sender, found, f"could not look {found.ask_failures} times, the last time at {at.isoformat()}: {why}")


def _keep(sender: LaneContext, found: LookedFor, reason: str) -> None:
    with sender.store.write() as connection:
        Act(connection, sender.store.now(connection), sender.owner).record_evidence(
            found.batch_id, kind=EvidenceKind.LOOK, number=found.number, reason=reason[:500]
        )


def _question(found: LookedFor, kind: QuestionKind, message_id: str | None = None) -> Question:
    about = (found.account_id, found.run_id, found.batch_id, message_id)
    return Question(kind, Purpose.SEARCH, *about, look=found.looks)


def _fresh(found: LookedFor) -> Any:
    return asked_for_look(found.batch_id, found.looks, due_at=found.due_at)
