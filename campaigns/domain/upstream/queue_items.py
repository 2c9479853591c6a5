"""What the vendor's message queue shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from campaigns.domain.messages.marks import read_marks

MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
"""What can be a message ID of the vendor's: so far numbers. It is a part of addresses that are asked."""


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
    """What the vendor says one item holds; None where it does not say."""

    id: str
    text: str | None
    is_free: bool | None
    sent_count: int | None
    date: datetime | None = None  # when it was sent, or will be
    is_canceled: bool | None = None  # taken back, or deleted before its time
    can_unsend: bool | None = None
    has_error: bool | None = None
    price: str | None = None  # as the vendor writes it
    media: str | None = None  # as the vendor writes it

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks in its text: each names the attempt of ours that sent it, or was copied from such a message."""
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
    users: frozenset[int] | None = None  # None: the vendor does not say for whom it is kept
