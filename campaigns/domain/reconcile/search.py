"""A search in the vendor's queue: the findings of a look, the times of looks, and the comparison of texts.

`matching.py` and `judging.py` decide what a look proves.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from campaigns.domain.messages.marks import without_marks
from campaigns.domain.upstream.queue_items import ItemContent

MOST_CANDIDATES = 10
"""A person decides when the unexplained items outnumber the requests by more than this: each costs a credit to ask."""

MARK_UP = re.compile(
    r"</?(?:p|br|div|span|b|strong|i|em|u|s|a|font|small|big|ul|ol|li|h[1-6])(?:\s[^<>]*)?/?>", re.IGNORECASE
)
"""Mark-up that the vendor accepts, and wraps texts in (its page on text formatting, read 2026-11)."""


class Finding(StrEnum):
    """The finding of one look."""

    FOUND = "found"
    FOUND_TOGETHER = "found_together"  # one of the messages of a set: nobody knows which
    ABSENT = "absent"
    UNCLEAR = "unclear"
    REFUSED = "refused"  # a late answer proves that the vendor refused it
    NOT_SENT = "not_sent"  # a late answer proves that nothing was sent


@dataclass(frozen=True, slots=True)
class Judgement:
    """A finding, the reason for it, and the item that was found."""

    finding: Finding
    reason: str
    message_id: str | None = None


def says_the_same(content: ItemContent | None, *, text: str, is_free: bool) -> bool:
    """Whether an item has a request's text and price. If not, it may still be its item: the vendor may change texts."""
    if content is None or content.text is None or content.is_free not in {None, is_free}:
        return False
    return normalised(content.text) == normalised(text)


def look_delays(settle_seconds: float, looks: int) -> list[float]:
    """The times of the looks, in seconds after the attempt's deadline: 1, 2, 4, 8 ... times the settle time."""
    return [settle_seconds * 2**number for number in range(looks)]


def normalised(text: str) -> str:
    """A text without mark-up, marks, entities and spacing: the vendor shows plain text wrapped in paragraphs."""
    broken = re.sub(r"<(br|/p|/div)\b[^>]*>", " ", text, flags=re.IGNORECASE)
    plain = without_marks(html.unescape(MARK_UP.sub("", broken)))
    return " ".join(unicodedata.normalize("NFC", plain).split())
