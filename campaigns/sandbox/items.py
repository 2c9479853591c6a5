"""Queue items: what a send leaves behind, the progress of its delivery, and the shapes in which the API shows it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pyroaring import BitMap64

from campaigns.sandbox.echo import AS_SENT, Echo

UNSENDABLE_SECONDS = 1_000_000  # the vendor shows this constant while an item can be unsent; it does not count down
CROPPED_TEXT_LENGTH = 50


@dataclass(frozen=True, slots=True)
class Timing:
    """When an item is shown and how fast it is delivered, in seconds after it was accepted (or is due)."""

    listed_after: float = 0.0
    listed_for: float | None = None
    ready_after: float = 0.0
    start_after: float = 1.0
    delivery: float = 2.0
    unsendable_for: float | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """The content of an item."""

    text: str
    price: float = 0.0
    media_files: tuple[str, ...] = ()
    previews: tuple[str, ...] = ()
    giphy_id: str | None = None
    release_forms: tuple[str, ...] = ()


@dataclass(slots=True)
class QueueItem:
    """One mass message. `users` are those who would be messaged: users without an account, or blocked, are left out."""

    id: int
    account: str
    accepted_at: float
    content: Content
    users: BitMap64
    timing: Timing = field(default_factory=Timing)
    due_at: float | None = None
    saved: bool = False
    has_error: bool = False
    foreign: bool = False  # made by another tool on the same account
    lists: tuple[str, ...] = ()
    fault: str | None = None
    request_sha256: str = ""
    delivered: bool = False  # whether the whole answer was given to the network
    cancelled_at: float | None = None

    @property
    def date(self) -> float:
        """Its time as the API shows it: when it is due, or when it was accepted."""
        return self.accepted_at if self.due_at is None else self.due_at

    def listed(self, now: float) -> bool:
        """Whether the queue list shows it. Saved items are kept elsewhere (an assumption)."""
        age = now - self.accepted_at
        gone = self.timing.listed_for is not None and age >= self.timing.listed_for
        return not self.saved and age >= self.timing.listed_after and not gone

    def started(self, now: float) -> bool:
        """Whether delivery has begun, which is what the overview shows."""
        return not self.saved and now >= self.date and now - self.accepted_at >= self.timing.listed_after

    def is_ahead(self, now: float) -> bool:
        """Whether it will be sent at its own time: then the calendar shows it, whatever the list shows."""
        return self.due_at is not None and now < self.due_at and not self.saved and self.cancelled_at is None

    def is_ready(self, now: float) -> bool:
        """Whether its media are converted."""
        return now >= self.accepted_at + self.timing.ready_after

    def delivered_count(self, now: float) -> int:
        """How many users have it by now."""
        if self.saved or self.has_error:
            return 0
        end = now if self.cancelled_at is None else min(now, self.cancelled_at)
        elapsed = end - self._delivery_starts_at
        if elapsed < 0:
            return 0
        share = 1.0 if self.timing.delivery <= 0 else min(1.0, elapsed / self.timing.delivery)
        return math.floor(len(self.users) * share)

    @property
    def _delivery_starts_at(self) -> float:
        return max(self.date, self.accepted_at + self.timing.ready_after) + self.timing.start_after

    def can_unsend(self, now: float) -> bool:
        """Whether a DELETE would still unsend it, or delete it before its time."""
        if self.cancelled_at is not None:
            return False
        over = self.timing.unsendable_for is not None and now - self.date >= self.timing.unsendable_for
        return self.saved or not over

    def _unsend_seconds(self, now: float) -> int:
        return UNSENDABLE_SECONDS if self.can_unsend(now) else 0

    def short_form(self, now: float) -> dict[str, Any]:
        """The shape of the reply to a send and of the queue list; `total` is -1 until delivery starts."""
        counted = not self.saved and now >= self._delivery_starts_at
        total = len(self.users) if counted else -1
        pending = total - self.delivered_count(now) if counted else 0
        over = self.cancelled_at is not None or (counted and pending == 0)
        return {
            "id": self.id,
            "date": shown_time(self.date),
            "isReady": self.is_ready(now),
            "isDone": over,
            "total": total,
            "pending": pending,
            "canUnsend": self.can_unsend(now),
            "unsendSeconds": self._unsend_seconds(now),
            "hasError": self.has_error,
            "isCanceled": self.cancelled_at is not None,
            "isCouplePeopleMedia": bool(self.content.release_forms),
        }

    def long_form(self, now: float, echo: Echo = AS_SENT) -> dict[str, Any]:
        """The shape of get-by-id and delete: text and counts, but no `isDone`, `total` or `pending`."""
        text = echo.of(self.content.text)
        return {
            "id": self.id,
            "date": shown_time(self.date),
            "text": text,
            "textCropped": plain_text(text)[:CROPPED_TEXT_LENGTH],
            "giphyId": self.content.giphy_id,
            "isFree": not self.content.price,
            "sentCount": self.delivered_count(now),
            "viewedCount": 0,
            "canUnsend": self.can_unsend(now),
            "unsendSeconds": self._unsend_seconds(now),
            "isCanceled": self.cancelled_at is not None,
            "mediaTypes": "photo" if self.content.media_files else None,
            "hasError": self.has_error,
            "releaseForms": list(self.content.release_forms),
        }

    def saved_form(self, echo: Echo = AS_SENT) -> dict[str, Any]:
        """The shape of the list of saved items: date, content and recipients (shape from the SDK)."""
        text = echo.of(self.content.text)
        return {
            "id": self.id,
            "type": "message",
            "createdDateTime": shown_time(self.accepted_at),
            "publishDateTime": None,
            "entity": {
                "queueId": self.id,
                "text": plain_text(text),
                "rawText": wrapped(text),
                "price": self.content.price,
                "userIds": [str(user) for user in self.users],
            },
        }

    def calendar_form(self, now: float, echo: Echo = AS_SENT) -> dict[str, Any]:
        """The shape of a row of the calendar: its time, content and lists (from the SDK)."""
        text = echo.of(self.content.text)
        return {
            "id": self.id,
            "type": "chat",
            "createdDateTime": shown_time(self.accepted_at),
            "publishDateTime": shown_time(self.date),
            "entity": {
                "queueId": self.id,
                "text": plain_text(text),
                "rawText": wrapped(text),
                "lockedText": False,
                "price": self.content.price,
                "isFree": not self.content.price,
                "scheduledAt": shown_time(self.date),
                "isMediaReady": self.is_ready(now),
                "sentRulesType": None,
                "sentRulesExtra": None,
                "userLists": list(self.lists),
                "canUnsendQueue": self.can_unsend(now),
                "unsendSecondsQueue": self._unsend_seconds(now),
            },
        }

    def overview_form(self, now: float, echo: Echo = AS_SENT) -> dict[str, Any]:
        """The shape of the overview: text wrapped in `<p>`, media in full, counts."""
        text = wrapped(echo.of(self.content.text))
        ready = self.is_ready(now)
        return {
            "id": self.id,
            "date": shown_time(self.date),
            "responseType": "message",
            "text": text,
            "rawText": text,
            "giphyId": self.content.giphy_id,
            "isFree": not self.content.price,
            "isMediaReady": ready,
            "mediaCount": len(self.content.media_files),
            "media": [_medium(number, ready=ready) for number in range(1, len(self.content.media_files) + 1)],
            "previews": list(self.content.previews),
            "isTip": False,
            "isReportedByMe": False,
            "viewedCount": 0,
            "sentCount": self.delivered_count(now),
            "isCanceled": self.cancelled_at is not None,
            "template": "group",
            "canUnsend": self.can_unsend(now),
            "unsendSeconds": self._unsend_seconds(now),
        }


def shown_time(moment: float) -> str:
    """A time as the API writes it: ISO 8601 with offset, whole seconds."""
    return datetime.fromtimestamp(math.floor(moment), UTC).isoformat()


def wrapped(text: str) -> str:
    """Text as the overview echoes it."""
    return text if text.startswith("<p>") else f"<p>{text}</p>"


def plain_text(text: str) -> str:
    """Text without markup."""
    return re.sub(r"<[^>]*>", "", text)


def _medium(number: int, *, ready: bool) -> dict[str, Any]:
    return {"id": number, "type": "photo", "isReady": ready, "canView": True, "hasError": False, "createdAt": None}
