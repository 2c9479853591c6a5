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

MARK_UP = re.compile(r"<[^>]*>")
"""Everything that can be mark-up, among it what a text only says with its angle brackets."""

MOST_ESCAPES = 2
"""So often a text may have been escaped on its way: by us, and by the vendor once more."""

KNOWN_MARK_UP = re.compile(
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


class Likeness(StrEnum):
    """Whether an item says what a request said."""

    SAME = "same"
    DOUBTFUL = "doubtful"  # it may: the vendor may have rewritten the text, or shows none
    OTHER = "other"


def likeness(content: ItemContent | None, *, text: str, is_free: bool, is_rewritten: bool) -> Likeness:
    """How an item's text and price compare with a request's; `text` is as it travelled.

    `is_rewritten`: the vendor was allowed to soften words of it, so another text may still be it.
    """
    if content is None or content.text is None:
        return Likeness.DOUBTFUL
    if content.is_free not in {None, is_free}:
        return Likeness.OTHER
    if normalised(content.text, KNOWN_MARK_UP) == normalised(text, KNOWN_MARK_UP):
        return Likeness.SAME
    if is_rewritten or _bare(content.text) == _bare(text):
        return Likeness.DOUBTFUL
    return Likeness.OTHER


def look_delays(settle_seconds: float, looks: int) -> list[float]:
    """Seconds after the attempt's deadline at which the vendor is looked at: 1, 2, 4, 8 ... times the settle time."""
    return [settle_seconds * 2**number for number in range(looks)]


def normalised(text: str, mark_up: re.Pattern[str] = MARK_UP) -> str:
    """A text without mark-up, marks, entities and spacing: the vendor wraps plain text in paragraphs to echo it."""
    broken = re.sub(r"<(br|/p|/div)\b[^>]*>", " ", text, flags=re.IGNORECASE)
    plain = without_marks(html.unescape(mark_up.sub("", broken)))
    return " ".join(unicodedata.normalize("NFC", plain).split())


def _bare(text: str) -> str:
    """What stays of a text whatever the vendor does to escapes, tags and line breaks: equal ones may be the same."""
    plain = text
    for _ in range(MOST_ESCAPES):
        plain = html.unescape(MARK_UP.sub("", plain))
    return "".join(unicodedata.normalize("NFC", without_marks(MARK_UP.sub("", plain))).split())
