"""What the vendor does to a text, and what else its answers show: read from a probe's message.

The message is scheduled, so all of this is about scheduled messages: a sent message may be shown in another way.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from campaigns.domain.messages.marks import read_marks, without_marks
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem

Item = TypeVar("Item", QueueItem, ItemContent)

TEXT = "Probe, scheduled far ahead and to be deleted. One < two > three & four.\nSecond line.<br>Third &amp; last."
"""The text of a probe: a word before the mark, characters that may be escaped, a line break, a tag, an entity."""

PRICE = "3"
"""The price of a probe in US dollars: the lowest that the vendor accepts."""

AHEAD = timedelta(days=365)
"""A probe is scheduled this far ahead: if all else fails, a person has time to delete it."""

DATE_MAY_DIFFER = timedelta(days=1)
"""The vendor did not take the date if it shows one that differs by more than this."""

SCHEDULED = "scheduled"
"""The kind of message that the results of a probe are about."""

_ESCAPED = re.compile(r"One(.*?)four", re.DOTALL)
_MARK_UP = re.compile(r"line\.(.*?)Third(.*?)last", re.DOTALL)
_BREAK = re.compile(r"four\.(.*?)Second", re.DOTALL)
_AS_SENT = " < two > three & "
_HALF_A_SECOND = timedelta(seconds=0.5)


class LineBreaks(StrEnum):
    """What the vendor does to a line break."""

    KEPT = "kept"
    TAG = "br"  # it becomes a <br>
    PARAGRAPH = "paragraph"  # each line is a paragraph
    SPACE = "space"
    LOST = "lost"  # nothing is in its place
    CHANGED = "changed"


class Escapes(StrEnum):
    """What the vendor does to `<`, `>` and `&`."""

    KEPT = "kept"
    ESCAPED = "escaped"  # they become entities
    CHANGED = "changed"


class ProbeEnd(StrEnum):
    """How a probe ended. In each case nothing of it is left at the vendor."""

    GONE = "gone"  # it was read, deleted, and seen gone
    REFUSED = "refused"  # the vendor did not take it
    CANCELLED = "cancelled"  # it never left, or an operator decided that it never arrived


@dataclass(frozen=True, slots=True)
class TextEcho:
    """What the vendor did to the text; None where it does not show it."""

    mark: bool | None = None  # the mark can be read from it
    line_breaks: LineBreaks | None = None
    escapes: Escapes | None = None
    mark_up: bool | None = None  # a tag and an entity are read as such; False: they are shown as characters

    @property
    def takes_mark_up(self) -> bool | None:
        """Whether the vendor reads texts as HTML; None where the echo does not show it.

        Probes of earlier releases sent neither tag nor entity. A vendor that escapes `<` and turns line breaks into
        tags reads texts as plain, and would show our tags as characters. A vendor that does not escape reads HTML.
        """
        if self.mark_up is not None:
            return self.mark_up
        if self.escapes is Escapes.ESCAPED:
            return False if self.line_breaks in {LineBreaks.TAG, LineBreaks.PARAGRAPH} else None
        return None if self.escapes is None else True


@dataclass(frozen=True, slots=True)
class ProbeReading:
    """What one probe learned; None where the vendor did not show it."""

    message_id: str
    scheduled_for: datetime
    shown_for: datetime | None  # the date that the vendor shows
    text: TextEcho
    priced: bool  # a price and a media file were sent; else `price` and `media` were not asked
    is_free: bool | None
    price: str | None  # as the vendor writes it
    media: str | None  # as the vendor writes it
    list_lag_seconds: float | None  # from the acceptance to the first list that showed it; None: no list did
    list_size: int  # other items of the list
    list_reaches_back_to: datetime | None  # the oldest of them
    in_item: bool
    in_overview: bool
    clock_skew_seconds: float | None  # by how much the vendor's clock is ahead of ours

    @property
    def date_kept(self) -> bool | None:
        """Whether the vendor shows it for the day that was asked for."""
        if self.shown_for is None:
            return None
        return abs(self.shown_for - self.scheduled_for) <= DATE_MAY_DIFFER


@dataclass(frozen=True, slots=True)
class Shown:
    """What the vendor's answers show just after a probe's message was accepted."""

    items: list[QueueItem]  # of the list
    content: ItemContent | None  # by its ID
    overview: list[ItemContent]
    lag_seconds: float | None  # from the acceptance to this list; None: not known
    skew_seconds: float | None


def read_shown(
    shown: Shown, *, message_id: str, scheduled_for: datetime, mark: str | None, priced: bool
) -> ProbeReading:
    """What a probe learned from the vendor's answers."""
    of_overview = _find(shown.overview, message_id)
    listed = _find(shown.items, message_id)
    seen = shown.content or of_overview or ItemContent(message_id, None, None, None)
    others = [item for item in shown.items if item is not listed]
    return ProbeReading(
        message_id=message_id,
        scheduled_for=scheduled_for,
        shown_for=seen.date or (None if listed is None else listed.date),
        text=read_echo(next(iter(echoes(shown, message_id).values()), None), mark),
        priced=priced,
        is_free=seen.is_free,
        price=seen.price,
        media=seen.media,
        list_lag_seconds=None if listed is None else shown.lag_seconds,
        list_size=len(others),
        list_reaches_back_to=min((item.date for item in others if item.date is not None), default=None),
        in_item=shown.content is not None,
        in_overview=of_overview is not None,
        clock_skew_seconds=shown.skew_seconds,
    )


def echoes(shown: Shown, message_id: str) -> dict[str, str]:
    """The text as the vendor shows it: by its ID, as searches read it, and in the overview."""
    places = {"item": shown.content, "overview": _find(shown.overview, message_id)}
    return {place: item.text for place, item in places.items() if item is not None and item.text is not None}


def _find(items: Sequence[Item], message_id: str) -> Item | None:
    return next((item for item in items if item.id == message_id), None)


def read_echo(echo: str | None, mark: str | None) -> TextEcho:
    """What the vendor did to a probe's text; `mark`: the mark of its attempt."""
    if echo is None:
        return TextEcho()
    text = without_marks(echo)
    survives = mark is not None and mark in read_marks(echo)
    return TextEcho(survives, _line_breaks(text), _escapes(text), _mark_up(text))


def skew_seconds(answered_at: datetime | None, *, asked: datetime, heard: datetime) -> float | None:
    """By how many seconds the vendor's clock is ahead of ours, from the time in an answer; exact to about a second."""
    if answered_at is None:
        return None
    # The time is in whole seconds, so the event was half a second later on average.
    return (answered_at + _HALF_A_SECOND - (asked + (heard - asked) / 2)).total_seconds()


def _line_breaks(text: str) -> LineBreaks:
    match = _BREAK.search(text)
    if match is None:
        return LineBreaks.CHANGED
    between = match[1]
    if re.search(r"<br\b[^>]*>", between, re.IGNORECASE):
        return LineBreaks.TAG
    if re.search(r"</(p|div)>", between, re.IGNORECASE):
        return LineBreaks.PARAGRAPH
    plain = {"\n": LineBreaks.KEPT, "\r\n": LineBreaks.KEPT, " ": LineBreaks.SPACE, "": LineBreaks.LOST}
    return plain.get(between, LineBreaks.CHANGED)


def _mark_up(text: str) -> bool | None:
    match = _MARK_UP.search(text)
    if match is None:
        return None
    tag, entity = match.groups()
    if "&lt;" in tag or html.unescape(entity) == " &amp; ":
        return False
    is_read = re.search(r"<br\b|</(?:p|div)>|\n", tag, re.IGNORECASE) is not None
    return True if is_read and html.unescape(entity) == " & " else None


def _escapes(text: str) -> Escapes:
    match = _ESCAPED.search(text)
    if match is None:
        return Escapes.CHANGED
    if match[1] == _AS_SENT:
        return Escapes.KEPT
    return Escapes.ESCAPED if html.unescape(match[1]) == _AS_SENT else Escapes.CHANGED
