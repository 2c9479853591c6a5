"""What the vendor's message queue shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from campaigns.domain.messages.marks import read_marks

MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
"""Matches a message ID of the vendor: so far these are numbers. It becomes a part of URLs."""


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One item of the vendor's list."""

    id: str
    date: datetime | None
    is_done: bool | None = None
    is_canceled: bool | None = None
    has_error: bool | None = None


@dataclass(frozen=True, slots=True)
class ItemContent:
    """The content of one item, as the vendor shows it; None where it shows nothing."""

    id: str
    text: str | None
    is_free: bool | None
    sent_count: int | None
    date: datetime | None = None  # when it was sent, or will be sent
    is_canceled: bool | None = None  # unsent, or deleted before its time
    can_unsend: bool | None = None
    has_error: bool | None = None
    price: str | None = None  # as the vendor writes it
    media: str | None = None  # as the vendor writes it

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks in its text: each identifies the attempt that sent it, or was copied from such a message."""
        return read_marks(self.text or "")


@dataclass(frozen=True, slots=True)
class Overview:
    """What the vendor's overview of sent messages shows, and its clock."""

    items: list[ItemContent]
    answered_at: datetime | None  # the vendor's own time, in whole seconds


@dataclass(frozen=True, slots=True)
class SavedItem:
    """One message that the vendor keeps for later."""

    id: str
    date: datetime | None  # when it was made
    text: str | None
    is_free: bool | None
    users: frozenset[int] | None = None  # None: the vendor does not show its recipients
