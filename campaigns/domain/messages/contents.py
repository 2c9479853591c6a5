"""Which of a campaign's contents an occurrence takes, and its text then.

A content holds the fields that differ from the campaign's message; all others come from the campaign. Contents are
numbered from 1, and so are occurrences: every run opened to send counts, by the schedule or by hand.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, get_args

from campaigns.domain.clocks import local_of, zone_of
from campaigns.domain.errors import UsageError
from campaigns.domain.messages.fields import ONE_USE_MEDIA
from campaigns.domain.messages.message import Message, from_json, make_message, to_json

OF_A_CONTENT = (
    "text",
    "locked_text",
    "price",
    "media_files",
    "previews",
    "giphy_id",
    "rf_tag",
    "rf_partner",
    "rf_guest",
    "block_banned_words",
)
"""The fields that a content may have. The recipients and the times are the campaign's alone."""

MOST_CONTENTS = 100

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

VARIABLES: dict[str, Callable[[datetime, int], str]] = {
    "date": lambda local, _number: f"{local.day} {MONTHS[local.month - 1]} {local.year}",
    "weekday": lambda local, _number: WEEKDAYS[local.weekday()],
    "n": lambda _local, number: str(number),
}
"""The variables of a text, in braces, from the local time and the number of the occurrence."""

_NAMES = "|".join(VARIABLES)
VARIABLE = re.compile(rf"\{{\{{({_NAMES})\}}\}}|\{{({_NAMES})\}}")


def message_at(
    message: Mapping[str, Any],
    contents: Sequence[Mapping[str, Any]] | None,
    *,
    campaign_id: int,
    number: int,
    at: datetime,
    zone: str | None,
    rotate: Rotate = "turn",
    scheduled_date: datetime | None = None,
) -> tuple[int | None, dict[str, Any] | None]:
    """The number of the content that an occurrence takes, and its whole message as a row stores it.

    `message` and `contents` are as a revision stores them; `at` is the nominal time of the occurrence, `zone` the zone
    of its date (None: UTC), `number` the number of the occurrence. The content is None for a campaign without
    contents; the message is None when it equals that of the revision. `scheduled_date` is when the vendor is to send
    it, for a run that is handed over.
    """
    content = content_number(campaign_id, number, len(contents), rotate) if contents else None
    stored = dict(message) if content is None else to_json(_as_stored(message, (contents or ())[content - 1]))
    stored["text"] = rendered(str(stored["text"]), at=at, number=number, zone=zone)
    if scheduled_date is not None:
        stored["scheduled_date"] = scheduled_date.isoformat()
    return content, None if content is None and stored == dict(message) else stored


def content_number(campaign_id: int, number: int, count: int, rotate: Rotate) -> int:
    """Which of `count` contents the n-th occurrence takes, from 1; the result is always the same.

    In turn, or at random: each cycle takes every content once, in an order that depends on the campaign and the cycle
    alone, and no content comes twice in a row.
    """
    cycle, place = divmod(number - 1, count)
    return place + 1 if rotate == "turn" else _order(campaign_id, cycle, count)[place]


def content_message(message: Mapping[str, Any], content: Mapping[str, Any]) -> Message:
    """The message of one content, with the campaign's fields where the content has none. Raises UsageError."""
    return make_message({**message, **content})


def _as_stored(message: Mapping[str, Any], content: Mapping[str, Any]) -> Message:
    """The message of a stored content. One that an earlier release accepted and this one refuses goes out as stored."""
    try:
        return content_message(message, content)
    except UsageError:
        return from_json({**message, **content})


def rendered(text: str, *, at: datetime, number: int, zone: str | None) -> str:
    """A text with its variables filled in; `{{date}}` writes `{date}`, and all other braces stay as they are."""
    local = local_of(at, zone_of(zone or "UTC"))

    def filled(match: re.Match[str]) -> str:
        return f"{{{match[1]}}}" if match[1] else VARIABLES[match[2]](local, number)

    return VARIABLE.sub(filled, text)


def rotate_faults(rotate: str) -> list[str]:
    """Why a rule of rotation cannot be stored; empty when it can."""
    known = get_args(Rotate)
    return [] if rotate in known else [f"rotate is '{rotate}', but must be {' or '.join(known)}"]


def texts_of(message: Mapping[str, Any], contents: Sequence[Mapping[str, Any]] | None) -> list[str]:
    """Every text that an occurrence may send."""
    return [content.get("text", message["text"]) for content in contents or ({},)]


def contents_faults(message: Message, contents: Sequence[Mapping[str, Any]], *, recurs: bool) -> list[str]:
    """Why these contents cannot be stored with the campaign's message, a clause each; empty when they can."""
    faults = []
    if len(contents) > MOST_CONTENTS:
        faults.append(f"{len(contents)} contents are more than {MOST_CONTENTS}")
    messages = [("the message", message)] if recurs and not contents else []
    for number, content in enumerate(contents, start=1):
        faults += [f"content {number}: {fault}" for fault in _foreign_fields(content)]
        if not _foreign_fields(content):
            messages += _message_of_content(f"content {number}", message, content, faults)
    faults += [
        f"{name} has an {ONE_USE_MEDIA} ID, which the first run would use up; use vault IDs"
        for name, each in messages
        if each.uses_one_use_media
    ]
    return faults


def _foreign_fields(content: Mapping[str, Any]) -> list[str]:
    foreign = [name for name in content if name not in OF_A_CONTENT]
    return [f"{name} belongs to the campaign and cannot differ in a content" for name in foreign]


def _message_of_content(
    name: str, message: Message, content: Mapping[str, Any], faults: list[str]
) -> list[tuple[str, Message]]:
    try:
        return [(name, content_message(to_json(message), content))]
    except UsageError as fault:
        reason = str(fault).removeprefix("The message cannot be sent as it is: ")
        faults.append(f"{name}: {reason.removesuffix('. Correct that and try again.')}")
        return []


def _order(campaign_id: int, cycle: int, count: int) -> list[int]:
    """The contents of one cycle, shuffled by hashes: the order is the same on every machine and release of Python."""
    if count == 2:  # noqa: PLR2004 - of two, only one order never repeats across cycles
        return _shuffled(campaign_id, 0, count)
    order = _shuffled(campaign_id, cycle, count)
    # The swap leaves the last one in its place, so the next cycle can compute it without knowing about the swap.
    if count > 1 and cycle and _shuffled(campaign_id, cycle - 1, count)[-1] == order[0]:
        order[:2] = order[1::-1]
    return order


def _shuffled(campaign_id: int, cycle: int, count: int) -> list[int]:
    def drawn(content: int) -> bytes:
        return hashlib.sha256(f"{campaign_id} {cycle} {content}".encode()).digest()

    return sorted(range(1, count + 1), key=drawn)


Rotate = Literal["turn", "random"]
