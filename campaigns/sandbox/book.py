"""The memory of the vendor: queue items, accounts, used media. It is rebuilt from the ledger at every start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pyroaring import BitMap64

from campaigns.sandbox.items import Content, QueueItem, Timing
from campaigns.sandbox.replies import encode
from campaigns.sandbox.validation import one_use_media, read_content, read_due_time, read_lists, read_users

FIRST_ID = 40_627_236_721  # real ones exceed 32 bits
ID_STEP = 17  # items of other creators are between them


@dataclass(slots=True)
class Book:
    """The vendor's memory. Not thread-safe; its owner holds a lock.

    Every change is an entry: a dict for the ledger that has everything, so that replaying entries gives the same book.
    """

    next_id: int = FIRST_ID
    spent_media: set[str] = field(default_factory=set)
    _items: dict[str, dict[int, QueueItem]] = field(default_factory=dict)

    def take_id(self) -> int:
        """A new queue ID."""
        taken, self.next_id = self.next_id, self.next_id + ID_STEP
        return taken

    def apply(self, entry: Mapping[str, Any], item: QueueItem | None = None) -> None:
        """Change the book by an entry; an entry about an item that does not exist changes nothing.

        `item` is the item that the entry describes, for callers who have built it already.
        """
        if entry["kind"] in ("accepted", "foreign"):
            self._add(item or item_of(entry))
            return
        changed = self.item(entry["account"], entry["id"])
        if changed is None:
            return
        match entry["kind"]:
            case "delivered":
                changed.delivered = True
            case "cancelled":
                changed.cancelled_at = entry["at"]
            case "updated":
                updated = updated_item(changed, entry)
                self.spend(updated.content)
                self._items[updated.account][updated.id] = updated

    def item(self, account: str, item_id: int) -> QueueItem | None:
        """One item of an account."""
        return self._items.get(account, {}).get(item_id)

    def items(self, account: str) -> list[QueueItem]:
        """The items of an account, newest first."""
        return sorted(self._items.get(account, {}).values(), key=lambda item: (item.date, item.id), reverse=True)

    def accepted(self) -> list[QueueItem]:
        """Every accepted send, in the order of acceptance; other tools' items left out."""
        mine = [item for items in self._items.values() for item in items.values() if not item.foreign]
        return sorted(mine, key=lambda item: item.id)

    def accounts(self) -> Iterator[str]:
        """The accounts that have items."""
        yield from self._items

    def spend(self, content: Content) -> None:
        """Mark one-use media as used up."""
        self.spent_media |= one_use_media(content)

    def _add(self, item: QueueItem) -> None:
        self._items.setdefault(item.account, {})[item.id] = item
        self.next_id = max(self.next_id, item.id + ID_STEP)
        self.spend(item.content)


def item_of(entry: Mapping[str, Any]) -> QueueItem:
    """The item that an entry of the kinds `accepted` and `foreign` describes."""
    timing = Timing(**entry["timing"])
    if entry["kind"] == "foreign":
        content = Content(entry["text"], entry["price"])
        users = BitMap64(range(1, entry["users"] + 1))
        return QueueItem(entry["id"], entry["account"], entry["at"], content, users, timing, foreign=True)
    body = entry["request"]
    return QueueItem(
        id=entry["id"],
        account=entry["account"],
        accepted_at=entry["at"],
        content=read_content(body),
        users=_recipients(entry),
        timing=timing,
        due_at=read_due_time(body),
        saved=bool(body.get("saveForLater")),
        has_error=entry["has_error"],
        lists=read_lists(body, "userLists"),
        fault=entry["fault"],
        request_sha256=entry["sha256"],
    )


def updated_item(item: QueueItem, entry: Mapping[str, Any]) -> QueueItem:
    """An item after an update: new content; recipients and time stay unless it names new ones (an assumption)."""
    body = entry["request"]
    due = read_due_time(body)
    named = bool(body.get("userIds") or body.get("userLists"))
    return replace(
        item,
        content=read_content(body),
        due_at=item.due_at if due is None else due,
        users=_recipients(entry) if named else item.users,
        lists=read_lists(body, "userLists") if named else item.lists,
    )


def ledger_line(entry: Mapping[str, Any], raw_request: bytes | None = None) -> bytes:
    """An entry as one line of the ledger. The request is written as it came, if it is one line of UTF-8."""
    if raw_request is None or not raw_request.startswith(b"{") or any(byte in raw_request for byte in b"\n\r\0"):
        return encode(entry)
    head = encode({name: value for name, value in entry.items() if name != "request"})
    return head[:-1] + b',"request":' + raw_request.strip() + b"}"


def _recipients(entry: Mapping[str, Any]) -> BitMap64:
    """Named users and members of lists, each once, without those whom OnlyFans skips."""
    users = read_users(entry["request"])
    users.update(entry["expanded"])
    users.difference_update(BitMap64(entry["skipped"]))
    return users
