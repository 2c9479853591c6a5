"""The questions of a search. Each is asked once for each look, and whoever asks again continues from its answer.

A look may need several answers while the rate budget has room for one. What was answered since the look was due is not
asked again: neither after a crash, nor for another batch of the account.
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
    list_as_kept,
    saved_as_kept,
    scheduled_as_kept,
)
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem, SavedItem
from campaigns.flow.sending.account_questions import put_off, require_questions_left
from campaigns.flow.sending.ask_vendor import ask
from campaigns.flow.sending.lane_context import LaneContext
from campaigns.store.reconcile.questions import asked_for_look, known_items, known_list, last_obstacle
from campaigns.store.reconcile.searches import LookedFor


def ask_list(context: LaneContext, batch: LookedFor) -> list[QueueItem]:
    """The vendor's list of the account's messages, as it was when the look was due or later.

    Raises QuestionsUsedUp, VendorAway, VendorRefused or PacerAway; see `ask`.
    """
    with context.store.read() as connection:
        known = known_list(connection, batch.account_id, _fresh(batch))
        if known is None:
            require_questions_left(context, connection, batch.run_id)
    if known is not None:
        return known

    def put() -> list[QueueItem]:
        items = context.gateway.queue(batch.account_id)
        crash_point("search.asked")
        return items

    return ask(context, _question(batch, QuestionKind.LIST), put, list_as_kept)


def ask_saved(context: LaneContext, batch: LookedFor) -> list[SavedItem]:
    """The vendor's list of what it keeps for later. Raises as `ask_list` does."""
    with context.store.read() as connection:
        require_questions_left(context, connection, batch.run_id)

    def put() -> list[SavedItem]:
        items = context.gateway.saved(batch.account_id)
        crash_point("search.asked")
        return items

    return ask(context, _question(batch, QuestionKind.SAVED), put, saved_as_kept)


def ask_scheduled(context: LaneContext, batch: LookedFor, dates: Collection[datetime]) -> list[ItemContent] | None:
    """What the vendor will still send on the days of these dates; None when it does not show its calendar.

    Raises QuestionsUsedUp or PacerAway. Ask this last: nobody continues from its answer.
    """
    with context.store.read() as connection:
        require_questions_left(context, connection, batch.run_id)
    days = [moment.astimezone(UTC).date() for moment in dates]

    def put() -> list[ItemContent]:
        items = context.gateway.scheduled(batch.account_id, min(days), max(days) + timedelta(days=1))
        crash_point("search.asked")
        return items

    try:
        return ask(context, _question(batch, QuestionKind.SAVED), put, scheduled_as_kept)
    except (VendorAway, VendorRefused):
        return None  # the question has that on record; the list alone can still show the message


def ask_items(context: LaneContext, batch: LookedFor, possible: Sequence[QueueItem]) -> list[ItemContent]:
    """What the vendor shows of these items, without those that it does not show. Raises as `ask_list` does."""
    contents = []
    with context.store.read() as connection:
        known = known_items(connection, batch.account_id, _fresh(batch))
    for item in possible:
        content = known[item.id].content if item.id in known else _ask_item(context, batch, item.id)
        if content is not None:
            contents.append(content)
    return contents


def _ask_item(context: LaneContext, batch: LookedFor, message_id: str) -> ItemContent | None:
    with context.store.read() as connection:
        require_questions_left(context, connection, batch.run_id)
    return ask(
        context,
        _question(batch, QuestionKind.ITEM, message_id),
        lambda: context.gateway.item(batch.account_id, message_id),
        item_as_kept,
    )


def postpone(context: LaneContext, batch: LookedFor, obstacle: VendorAway | VendorRefused | PacerAway) -> None:
    """Postpone a look. Only the first failure in a row becomes evidence now; `keep_last_obstacle` adds the last one."""
    if put_off(context, batch.account_id, obstacle) == 1:
        _keep(context, batch, f"could not look: {obstacle}")


def keep_last_obstacle(context: LaneContext, batch: LookedFor) -> None:
    """Before a look is written that failed for a while: keep as evidence how often it failed, and the last reason."""
    if batch.ask_failures < 2:  # noqa: PLR2004 - the first is kept already
        return
    with context.store.read() as connection:
        last = last_obstacle(connection, batch.account_id)
    if last is not None:
        at, error = last
        _keep(context, batch, f"could not look {batch.ask_failures} times, the last time at {at.isoformat()}: {error}")


def _keep(context: LaneContext, batch: LookedFor, reason: str) -> None:
    with context.store.write() as connection:
        context.act(connection).record_evidence(
            batch.batch_id, kind=EvidenceKind.LOOK, number=batch.number, reason=reason[:500]
        )


def _question(batch: LookedFor, kind: QuestionKind, message_id: str | None = None) -> Question:
    about = (batch.account_id, batch.run_id, batch.batch_id, message_id)
    return Question(kind, Purpose.SEARCH, *about, look=batch.looks)


def _fresh(batch: LookedFor) -> Any:
    return asked_for_look(batch.batch_id, batch.looks, due_at=batch.due_at)
