"""Questions to the vendor: what is asked and why, and the form in which an answer is recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from campaigns.domain.upstream.queue_items import ItemContent, Overview, QueueItem, SavedItem

_Shown = TypeVar("_Shown", QueueItem, ItemContent)


class QuestionKind(StrEnum):
    """What the vendor is asked."""

    TEAM = "team"  # the team of the key
    ACCOUNTS = "accounts"  # which accounts the key can see
    LIST = "list"  # the message queue of an account
    ITEM = "item"  # one message of it
    SAVED = "saved"  # what the vendor keeps: for later, or until its scheduled time
    OVERVIEW = "overview"  # the sent messages of an account, with their counts


class Purpose(StrEnum):
    """Why a question is asked."""

    TEAM = "team"  # a worker must know to which team its key belongs
    SEARCH = "search"  # an unknown batch
    FOLLOW = "follow"  # a run that was handed over
    RECALL = "recall"  # a message that is to be unsent
    COUNT = "count"  # an operator asked for sent counts
    PEOPLE = "people"  # an operator checks the key, or adds accounts
    PROBE = "probe"  # what no document of the vendor says


BY_THEMSELVES = (Purpose.SEARCH, Purpose.FOLLOW)
"""Questions that workers ask about a run by themselves: a setting limits their number."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question. It changes nothing at the vendor, and costs a credit and a slot of the minute's budget."""

    kind: QuestionKind
    purpose: Purpose
    account_id: str | None = None  # None: the question is about the key
    run_id: int | None = None  # the run that its credits are charged to
    batch_id: int | None = None
    message_id: str | None = None  # of an ITEM
    look: int | None = None  # for which search for the batch, counted from 0


def list_as_kept(items: Sequence[QueueItem]) -> dict[str, Any]:
    """A list of the vendor, as JSON."""
    return {"items": [_as_kept(item) for item in items]}


def kept_list(found: Mapping[str, Any]) -> list[QueueItem]:
    """The list that was recorded."""
    return [_read(QueueItem, item) for item in found["items"]]


def item_as_kept(content: ItemContent | None) -> dict[str, Any]:
    """What the vendor showed of one message, as JSON; None when it showed nothing."""
    return {"item": None if content is None else _as_kept(content)}


def kept_item(found: Mapping[str, Any]) -> ItemContent | None:
    """What the vendor showed of one message, from the recorded JSON."""
    return None if found["item"] is None else _read(ItemContent, found["item"])


def saved_as_kept(items: Sequence[SavedItem]) -> dict[str, Any]:
    """The saved messages as JSON, without their texts."""
    return {"items": [{"id": item.id, "date": None if item.date is None else item.date.isoformat()} for item in items]}


def scheduled_as_kept(items: Sequence[ItemContent]) -> dict[str, Any]:
    """The scheduled messages as JSON, without their texts."""
    return list_as_kept([QueueItem(item.id, item.date) for item in items])


def overview_as_kept(overview: Overview) -> dict[str, Any]:
    """The overview as JSON."""
    return {"items": [_as_kept(item) for item in overview.items]}


def _as_kept(value: QueueItem | ItemContent) -> dict[str, Any]:
    return {
        name: each.isoformat() if isinstance(each, datetime) else each
        for name, each in asdict(value).items()
        if each is not None
    }


def _read(kind: type[_Shown], kept: Mapping[str, Any]) -> _Shown:
    """One row, without fields that only a newer release knows."""
    values: dict[str, Any] = {each.name: kept.get(each.name) for each in fields(kind)}
    if values["date"] is not None:
        values["date"] = datetime.fromisoformat(values["date"])
    return kind(**values)
