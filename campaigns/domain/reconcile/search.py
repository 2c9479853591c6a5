"""What the vendor's queue proves about an unknown attempt: adopt one item, nothing yet, or ask an operator.

The vendor's list has IDs and dates but no text and no recipients, so an item is attributed by set difference: it is
no message of ours, its date fits, its text and price are the batch's, and nothing else could explain it. Absence is
never proof by itself (vendor's list: depth and lag are undocumented; read 2026-11).
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from campaigns.domain.upstream.queue_items import ItemContent, QueueItem

CLOCK_SKEW = timedelta(seconds=120)
"""How far the vendor's dates may differ from ours before an item no longer fits an attempt."""


MOST_CANDIDATES = 10
"""More unexplained items than this at once are for a person: each one costs a credit to look at."""


@dataclass(frozen=True, slots=True)
class Sought:
    """The attempt that is looked for."""

    text: str
    is_free: bool
    size: int | None  # None: a whole list, whose size nobody here knows
    started_at: datetime
    deadline_at: datetime
    scheduled_date: datetime | None  # it was handed over, to be sent then
    has_twin: bool  # another unresolved unknown of the account says the same at the same price
    newest_owned: str | None  # the newest message ID of the account that is ours, from before the attempt


class Finding(StrEnum):
    """What one look came to."""

    FOUND = "found"
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


def candidates(items: Sequence[QueueItem], owned: Collection[str], sought: Sought) -> list[QueueItem]:
    """Items that no attempt of ours owns and whose date fits: the attempt's, or its scheduled date if it gave one."""
    first, last = sought.scheduled_date or sought.started_at, sought.scheduled_date or sought.deadline_at

    def fits(item: QueueItem) -> bool:
        # A date that is not told excludes nothing.
        return item.date is None or first - CLOCK_SKEW <= item.date <= last + CLOCK_SKEW

    return [item for item in items if item.id not in owned and fits(item)]


def is_complete(items: Sequence[QueueItem], sought: Sought) -> bool:
    """Whether the list shows everything since the attempt: it reaches back before it, or to what we know of."""
    if sought.newest_owned is not None and any(item.id == sought.newest_owned for item in items):
        return True
    return any(item.date is not None and item.date < sought.started_at - CLOCK_SKEW for item in items)


def says_the_same(content: ItemContent, sought: Sought) -> bool:
    """Whether an item's text and price are the batch's."""
    return (
        content.text is not None
        and normalised(content.text) == normalised(sought.text)
        and content.is_free in {None, sought.is_free}
    )


def judge(found: Sequence[ItemContent], items: Sequence[QueueItem], sought: Sought) -> Judgement:
    """What a look proves, from the candidates' contents and the whole list."""
    same = [content for content in found if says_the_same(content, sought)]
    if not same:
        return Judgement(Finding.ABSENT, f"none of {len(items)} listed items can be it")
    if len(same) > 1:
        ids = ", ".join(content.id for content in same)
        return Judgement(Finding.UNCLEAR, f"{len(same)} listed items could be it ({ids})")
    one = same[0]
    if sought.has_twin:
        return Judgement(Finding.UNCLEAR, f"item {one.id} could also be another unknown batch with the same text")
    if sought.size is not None and one.sent_count is not None and one.sent_count > sought.size:
        return Judgement(
            Finding.UNCLEAR, f"item {one.id} went to {one.sent_count} fans, more than the batch's {sought.size}"
        )
    if not is_complete(items, sought):
        return Judgement(
            Finding.UNCLEAR, f"item {one.id} could be it, but the list does not reach back before the attempt"
        )
    return Judgement(Finding.FOUND, f"item {one.id} is the only one that can be it", one.id)


def look_delays(settle_seconds: float, looks: int) -> list[float]:
    """Seconds after the attempt's deadline at which the vendor is looked at: 1, 2, 4, 8 ... times the settle time."""
    return [settle_seconds * 2**number for number in range(looks)]


def normalised(text: str) -> str:
    """A text without mark-up, entities and spacing: the vendor wraps plain text in paragraphs when it echoes it."""
    broken = re.sub(r"<(br|/p|/div)\b[^>]*>", " ", text, flags=re.IGNORECASE)
    plain = html.unescape(re.sub(r"<[^>]*>", "", broken))
    return " ".join(plain.split())
