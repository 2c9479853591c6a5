"""Read the vendor's list of mass messages and one item of it: what a search for an unknown batch needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode

from campaigns.adapters.upstream.dates import iso_date, vendor_clock
from campaigns.domain.upstream.queue_items import ItemContent, Overview, QueueItem, SavedItem

MOST_OF_OVERVIEW = 50
"""Items in one reply of the vendor (an integrator's limit, read 2026-09)."""

MOST_OF_CALENDAR = 100
"""Rows of the calendar in one reply (the vendor's SDK, read 2026-09); a reply with this number may not be complete."""

LONGEST_WRITTEN = 100
DIGITS_OF_A_USER = 19
LARGEST_NUMBER = 2**63


def read_queue(found: Any) -> list[QueueItem] | None:
    """The items of a list reply (`data`: an array of the short form); None for another reply."""
    items = found.get("data") if isinstance(found, dict) else None
    if not isinstance(items, list):
        return None
    return [
        QueueItem(
            _id(item["id"]),
            iso_date(item.get("date")),
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
    return _content(queue, queue.get("mediaTypes"))


def overview_path(account: str, since: datetime, until: datetime) -> str:
    """The path of the overview between two moments. No source names the zone of its dates, so UTC is assumed."""
    dates = {"startDate": since, "endDate": until}
    shown = {name: moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") for name, moment in dates.items()}
    return f"/api/{account}/mass-messaging/overview?{urlencode({**shown, 'limit': MOST_OF_OVERVIEW})}"


def read_overview(found: Any, headers: Mapping[str, str]) -> Overview | None:
    """The items of an overview reply (`data.items`), and the vendor's clock; None for another reply."""
    data = found.get("data") if isinstance(found, dict) else None
    items = data.get("items") if isinstance(data, dict) else None
    if not isinstance(items, list):
        return None
    rows = [item for item in items if isinstance(item, dict) and _is_id(item.get("id"))]
    return Overview([_content(row, row.get("mediaCount")) for row in rows], vendor_clock(headers.get("date")))


def _content(item: dict[str, Any], media: Any) -> ItemContent:
    text, sent = item.get("text"), item.get("sentCount")
    return ItemContent(
        _id(item["id"]),
        text if isinstance(text, str) else None,
        _flag(item.get("isFree")),
        _count(sent),
        iso_date(item.get("date")),
        _flag(item.get("isCanceled")),
        _flag(item.get("canUnsend")),
        _flag(item.get("hasError")),
        price=_as_written(item.get("price")),
        media=_as_written(media),
    )


def _as_written(value: Any) -> str | None:
    """A value of which no source states the type, as the vendor wrote it, cut at 100 characters."""
    try:
        return None if value is None else json.dumps(value, sort_keys=True)[:LONGEST_WRITTEN]
    except RecursionError:
        return None


def read_saved(found: Any) -> list[SavedItem] | None:
    """The items of a reply about saved messages (`data`: an array, each with its `entity`); None for another reply.

    The ID is the entity's `queueId`, by which the other calls know the message.
    """
    entities = _entities(found)
    if entities is None:
        return None
    return [
        SavedItem(
            _id(entity["queueId"]),
            iso_date(row.get("createdDateTime")),
            _text(entity),
            _is_free(entity),
            _users(entity.get("userIds")),
        )
        for row, entity in entities
    ]


def scheduled_path(account: str, first: date, last: date) -> str:
    """The path of the calendar from day `first` to day `last` (UTC)."""
    days = {"publishDateStart": first.isoformat(), "publishDateEnd": last.isoformat(), "timezone": "UTC"}
    return f"/api/{account}/queue?{urlencode({**days, 'limit': MOST_OF_CALENDAR, 'type[]': 'chat'})}"


def read_scheduled(found: Any) -> list[ItemContent] | None:
    """The messages in a reply about the calendar (as `read_saved`); None for another reply, or an incomplete one."""
    entities = _entities(found)
    data = found.get("data") if isinstance(found, dict) else None
    is_synced = not (isinstance(data, dict) and data.get("syncInProcess"))
    if entities is None or not is_synced or len(entities) >= MOST_OF_CALENDAR:
        return None
    return [
        ItemContent(
            _id(entity["queueId"]),
            _text(entity),
            _is_free(entity),
            None,
            iso_date(entity.get("scheduledAt")) or iso_date(row.get("publishDateTime")),
        )
        for row, entity in entities
    ]


def _entities(found: Any) -> list[tuple[dict[str, Any], dict[str, Any]]] | None:
    """The rows of a list with a message in `entity`, each with that; None when it is not a list."""
    rows = found.get("data") if isinstance(found, dict) else None
    if isinstance(rows, dict):
        rows = rows.get("list", rows.get("items"))
    if not isinstance(rows, list):
        return None
    entities = [(row, row["entity"]) for row in rows if isinstance(row, dict) and isinstance(row.get("entity"), dict)]
    return [(row, entity) for row, entity in entities if _is_id(entity.get("queueId"))]


def _is_free(entity: dict[str, Any]) -> bool | None:
    return not entity["price"] if isinstance(entity.get("price"), int | float) else None


def _text(entity: dict[str, Any]) -> str | None:
    return next((entity[name] for name in ("rawText", "text") if isinstance(entity.get(name), str)), None)


def _users(found: Any) -> frozenset[int] | None:
    if not isinstance(found, list) or not found or not all(_is_user(user) for user in found):
        return None
    return frozenset(int(user) for user in found)


def _is_user(value: Any) -> bool:
    written = str(value) if isinstance(value, int | str) else ""
    return written.isdecimal() and len(written) <= DIGITS_OF_A_USER and int(written) < LARGEST_NUMBER


def _count(value: Any) -> int | None:
    """A number of users or messages; some replies write a whole number as `967.0`."""
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    is_count = isinstance(whole, int) and not isinstance(whole, bool) and 0 <= whole < LARGEST_NUMBER
    return whole if is_count else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool) and str(value) != ""


def _id(value: int | str) -> str:
    """An ID as text that a database can hold. An odd ID counts too: it is an item of no request of ours."""
    return str(value)[:LONGEST_WRITTEN].encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")
