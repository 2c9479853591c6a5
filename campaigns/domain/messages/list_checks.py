"""Doubtful uses of the vendor's lists in a message."""

from __future__ import annotations

from campaigns.domain.messages.message import Message

EXCLUSION_UNSURE = "no source says that the vendor applies excluded lists to explicit user IDs"


def list_doubts(message: Message) -> list[str]:
    """Warnings about the lists of a message; none of them refuses a launch."""
    return [EXCLUSION_UNSURE] if message.excluded_lists and not message.vendor_chooses else []
