"""Reading the vendor's list of mass messages and one item of it: what is needed to find a lost answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from campaigns.domain.upstream.queue_items import ItemContent, QueueItem, SavedItem


def read_queue(found: Any) -> list[QueueItem] | None:
    """The items of a list reply (`data`: an array of the short form); None when it is none."""
    items = found.get("data") if isinstance(found, dict) else None
    if not isinstance(items, list):
        return None
    return [
        QueueItem(
            str(item["id"]),
            read_date(item.get("date")),
            _flag(item.get("isDone")),
            _flag(item.get("isCanceled")),
            _flag(item.get("hasError")),
        )
        for item in items
        if isinstance(item, dict) and _is_id(item.get("id"))
    ]


def read_item(found: Any) -> ItemContent | None:
    """The content in a get-by-id reply (`data.queue`: the long form); None when it shows none."""
    data = found.get("data") if isinstance(found, dict) else None
    queue = data.get("queue") if isinstance(data, dict) else None
    if not isinstance(queue, dict) or not _is_id(queue.get("id")):
        return None
    text, sent = queue.get("text"), queue.get("sentCount")
    return ItemContent(
        str(queue["id"]),
        text if isinstance(text, str) else None,
        _flag(queue.get("isFree")),
        sent if isinstance(sent, int) and not isinstance(sent, bool) else None,
        read_date(queue.get("date")),
        _flag(queue.get("isCanceled")),
        _flag(queue.get("canUnsend")),
        _flag(queue.get("hasError")),
    )


def read_saved(found: Any) -> list[SavedItem] | None:
    """The items of a reply about saved messages (`data`: an array, each with its `entity`); None when it is none.

    The ID is the entity's `queueId`, by which the other calls know the message.
    """
    rows = found.get("data") if isinstance(found, dict) else None
    if isinstance(rows, dict):
        rows = rows.get("list", rows.get("items"))
    if not isinstance(rows, list):
        return None
    entities = [(row, row["entity"]) for row in rows if isinstance(row, dict) and isinstance(row.get("entity"), dict)]
    return [
        SavedItem(
            str(entity["queueId"]),
            read_date(row.get("createdDateTime")),
            _text(entity),
            None if not isinstance(entity.get("price"), int | float) else not entity["price"],
            _users(entity.get("userIds")),
        )
        for row, entity in entities
        if _is_id(entity.get("queueId"))
    ]


def _text(entity: dict[str, Any]) -> str | None:
    return next((entity[name] for name in ("rawText", "text") if isinstance(entity.get(name), str)), None)


def _users(found: Any) -> frozenset[int] | None:
    if not isinstance(found, list) or not found or not all(str(user).isdecimal() for user in found):
        return None
    return frozenset(int(user) for user in found)


def read_date(value: Any) -> datetime | None:
    """An ISO 8601 date; None when it is none. One without an offset is taken as UTC."""
    try:
        date = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool) and str(value) != ""
