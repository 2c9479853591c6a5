"""A search in the vendor's queue: what a look can come to, when the next one is made, and whether texts are the same.

What a look proves is worked out in `matching.py` and `judging.py`.
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
"""More unexplained items than requests, by this number, are for a person: each one costs a credit to look at."""

MARK_UP = re.compile(
    r"</?(?:p|br|div|span|b|strong|i|em|u|s|a|font|small|big|ul|ol|li|h[1-6])(?:\s[^<>]*)?/?>", re.IGNORECASE
)
"""Mark-up that the vendor takes and wraps texts in (its page on text formatting, read 2026-11)."""


class Finding(StrEnum):
    """What one look came to."""

    FOUND = "found"
    FOUND_TOGETHER = "found_together"  # one of the messages of a set: which one is not known
    ABSENT = "absent"
    UNCLEAR = "unclear"
    REFUSED = "refused"  # a late answer: the vendor refused it
    NOT_SENT = "not_sent"  # a late answer: nothing was sent


@dataclass(frozen=True, slots=True)
class Judgement:
    """A finding, with the item that was found, and why."""

    finding: Finding
    reason: str
    message_id: str | None = None


def says_the_same(content: ItemContent | None, *, text: str, is_free: bool) -> bool:
    """Whether an item has a request's text and price. No: it may still be it, in words that the vendor has changed."""
    if content is None or content.text is None or content.is_free not in {None, is_free}:
        return False
    return normalised(content.text) == normalised(text)


def look_delays(settle_seconds: float, looks: int) -> list[float]:
    """Seconds after the attempt's deadline at which the vendor is looked at: 1, 2, 4, 8 ... times the settle time."""
    return [settle_seconds * 2**number for number in range(looks)]


def normalised(text: str) -> str:
    """A text without mark-up, marks, entities and spacing: the vendor wraps plain text in paragraphs to echo it."""
    broken = re.sub(r"<(br|/p|/div)\b[^>]*>", " ", text, flags=re.IGNORECASE)
    plain = without_marks(html.unescape(MARK_UP.sub("", broken)))
    return " ".join(unicodedata.normalize("NFC", plain).split())
