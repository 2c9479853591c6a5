"""What is doubtful in the lists of a message."""

from __future__ import annotations

from campaigns.domain.messages.message import Message

EXCLUSION_UNSURE = "no source says that the vendor applies excluded lists to explicit user IDs"


def list_doubts(message: Message) -> list[str]:
    """What an operator should know about the lists; nothing of it forbids a launch."""
    return [EXCLUSION_UNSURE] if message.excluded_lists and not message.vendor_chooses else []
