"""The vendor's own checks of a body, before OnlyFans is asked: each fault is a 422 in Laravel's shape.

Rules from the vendor's OpenAPI description of 2026-09. No source says, so it is assumed, that a body without
recipients, an unknown field, a scheduled date in the past, a price that is a string, and a spent one-use media ID are
refused here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from pyroaring import BitMap64

from campaigns.sandbox.bodies import Upload
from campaigns.sandbox.items import Content, plain_text
from campaigns.sandbox.setup import Setup
from campaigns.sandbox.user_ids import user_id_faults

ONE_USE_PREFIX = "ofapi_media_"
BANNED_WORD_LEVELS = ("strict_ban", "risky", "replace_soften")
LOWEST_PRICE, HIGHEST_PRICE = 3, 200
MOST_SUBSCRIBED_DAYS = 30
SECONDS_OF_A_DAY = 86_400
MEDIUM = re.compile(r"[1-9][0-9]{0,18}|ofapi_media_[A-Za-z0-9_-]{1,100}", re.ASCII)
MOST_FAULTS = 20
FIELDS = frozenset({
    "text", "userIds", "userLists", "excludedLists", "subscribedWithinLastDays", "lockedText", "price", "mediaFiles",
    "previews", "giphyId", "rfTag", "rfPartner", "rfGuest", "scheduledDate", "saveForLater", "blockBannedWords",
})  # fmt: skip
"""Fields of a send; an update has fewer, and ignores the others."""

Body = Mapping[str, Any]
Fault = tuple[str, str]  # field, text


@dataclass(frozen=True, slots=True)
class Draft:
    """A body to check, the setup in force, and the time."""

    body: Body
    setup: Setup
    now: float


Rule = Callable[[Draft], Iterator[Fault]]


def send_faults(draft: Draft) -> dict[str, list[str]]:
    """Every fault of a send, by field."""
    return _collect(_SEND_RULES, draft)


def update_faults(draft: Draft) -> dict[str, list[str]]:
    """Every fault of an update, by field. Fields that an update does not have are ignored."""
    return _collect(_UPDATE_RULES, draft)


def read_content(body: Body) -> Content:
    """The content of a valid body."""
    forms = [str(form) for name in ("rfTag", "rfPartner", "rfGuest") for form in _as_list(body.get(name))]
    return Content(
        text=body["text"],
        price=float(body.get("price") or 0),
        media_files=_texts(body, "mediaFiles"),
        previews=_texts(body, "previews"),
        giphy_id=body.get("giphyId"),
        release_forms=tuple(forms),
    )


def read_users(body: Body) -> BitMap64:
    """The users that a valid body names one by one."""
    return BitMap64(map(int, body.get("userIds") or ()))


def read_lists(body: Body, field: str) -> tuple[str, ...]:
    """The lists that a valid body names."""
    return _texts(body, field)


def one_use_media(content: Content) -> frozenset[str]:
    """The media IDs that work only once."""
    named = (*content.media_files, *content.previews)
    return frozenset(medium for medium in named if medium.startswith(ONE_USE_PREFIX))


def read_due_time(body: Body) -> float | None:
    """The scheduled time of a valid body; a time without an offset is UTC."""
    value = body.get("scheduledDate")
    return None if value is None else _instant(value)


def _collect(rules: tuple[Rule, ...], draft: Draft) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    for rule in rules:
        for field, words in rule(draft):
            errors.setdefault(field, []).append(words)
    return errors


def _text(draft: Draft) -> Iterator[Fault]:
    text = draft.body.get("text")
    if text is None or text == "":
        yield "text", "The text field is required."
    elif not isinstance(text, str):
        yield "text", "The text field must be a string."
    elif draft.setup.text_cap is not None and len(text) > draft.setup.text_cap:
        yield "text", f"The text field must not be greater than {draft.setup.text_cap} characters."


def _user_ids(draft: Draft) -> Iterator[Fault]:
    if draft.body.get("userIds") is not None:
        yield from user_id_faults(draft.body["userIds"], draft.setup.user_ids_cap)


def _known(draft: Draft) -> Iterator[Fault]:
    for name in islice((name for name in draft.body if name not in FIELDS), MOST_FAULTS):
        yield name, f"The {name[:100]} field is not known."


def _media(draft: Draft) -> Iterator[Fault]:
    """Check media: IDs, or files that came with the request; a name is neither."""
    media = draft.body.get("mediaFiles")
    if isinstance(media, list) and not all(isinstance(one, Upload) or MEDIUM.fullmatch(str(one)) for one in media):
        yield "mediaFiles", "The mediaFiles field must hold IDs of the vault or of uploads."


def _arrays(*fields: str) -> Rule:
    def rule(draft: Draft) -> Iterator[Fault]:
        for field in fields:
            value = draft.body.get(field)
            if value is None:
                continue
            if not isinstance(value, list):
                yield field, f"The {field} field must be an array."
            elif not all(isinstance(entry, str) or type(entry) is int for entry in value):
                yield field, f"The {field} field must hold IDs only."

    return rule


def _booleans(*fields: str) -> Rule:
    def rule(draft: Draft) -> Iterator[Fault]:
        for field in fields:
            if not isinstance(draft.body.get(field), bool | None):
                yield field, f"The {field} field must be true or false."

    return rule


def _release_forms(draft: Draft) -> Iterator[Fault]:
    """Check a field that is an array in the description and a string in the schema: both are accepted."""
    for field in ("rfTag", "rfPartner", "rfGuest"):
        if not all(type(entry) in (str, int) for entry in _as_list(draft.body.get(field))):
            yield field, f"The {field} field must hold IDs only."


def _giphy(draft: Draft) -> Iterator[Fault]:
    if not isinstance(draft.body.get("giphyId"), str | None):
        yield "giphyId", "The giphyId field must be a string."


def _price(draft: Draft) -> Iterator[Fault]:
    price = draft.body.get("price")
    if price is None:
        return
    if isinstance(price, bool) or not isinstance(price, int | float) or not math.isfinite(price):
        yield "price", "The price field must be a number."
    elif price and not LOWEST_PRICE <= price <= HIGHEST_PRICE:
        yield "price", f"The price field must be 0 or between {LOWEST_PRICE} and {HIGHEST_PRICE}."
    elif price and not draft.body.get("mediaFiles"):
        yield "mediaFiles", "The mediaFiles field is required when price is not 0."


def _scheduled_date(draft: Draft) -> Iterator[Fault]:
    value = draft.body.get("scheduledDate")
    if value is None:
        return
    instant, latest = _instant(value), draft.setup.latest_schedule_days
    if instant is None:
        yield "scheduledDate", "The scheduledDate field must be a valid date."
    elif instant <= draft.now:
        yield "scheduledDate", "The scheduledDate field must be a date in the future."
    elif latest is not None and instant > draft.now + latest * SECONDS_OF_A_DAY:
        yield "scheduledDate", f"The scheduledDate field must be within {latest:g} days."


def _subscribed_within(draft: Draft) -> Iterator[Fault]:
    days = draft.body.get("subscribedWithinLastDays")
    if days is None:
        return
    if type(days) is not int or not 1 <= days <= MOST_SUBSCRIBED_DAYS:
        yield (
            "subscribedWithinLastDays",
            f"The subscribedWithinLastDays field must be between 1 and {MOST_SUBSCRIBED_DAYS}.",
        )
    if draft.body.get("scheduledDate") is not None or draft.body.get("saveForLater"):
        yield (
            "subscribedWithinLastDays",
            "The subscribedWithinLastDays field cannot be combined with scheduledDate or saveForLater.",
        )


def _recipients(draft: Draft) -> Iterator[Fault]:
    if not (draft.body.get("userIds") or draft.body.get("userLists") or draft.body.get("subscribedWithinLastDays")):
        yield "userIds", "The userIds field is required when userLists is not present."


def _banned_words(draft: Draft) -> Iterator[Fault]:
    level, text = draft.body.get("blockBannedWords"), draft.body.get("text")
    if level is None:
        return
    if level not in BANNED_WORD_LEVELS:
        yield "blockBannedWords", "The selected blockBannedWords is invalid."
    elif isinstance(text, str):
        words = plain_text(text).lower()
        found = [word for word in draft.setup.banned_words if word.lower() in words]
        if found:
            yield "text", f"The text field contains banned words: {', '.join(found)}."


def _previews_are_media(draft: Draft) -> Iterator[Fault]:
    """A preview is one of the media, or the position of a file that came with the request."""
    previews, media = draft.body.get("previews"), draft.body.get("mediaFiles") or []
    if isinstance(previews, list) and isinstance(media, list):
        uploads = sum(isinstance(medium, Upload) for medium in media)
        known = {*map(str, media), *map(str, range(uploads))}
        if not all(str(preview) in known for preview in previews):
            yield "previews", "Every entry of previews must also be in mediaFiles."


def _instant(value: Any) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _texts(body: Body, field: str) -> tuple[str, ...]:
    return tuple(str(entry) for entry in body.get(field) or ())


_COMMON_RULES: tuple[Rule, ...] = (
    _text,
    _user_ids,
    _arrays("userLists", "mediaFiles", "previews"),
    _booleans("lockedText"),
    _price,
    _giphy,
    _scheduled_date,
    _banned_words,
    _known,
    _media,
    _previews_are_media,
)
_SEND_RULES: tuple[Rule, ...] = (
    *_COMMON_RULES,
    _arrays("excludedLists"),
    _booleans("saveForLater"),
    _release_forms,
    _subscribed_within,
    _recipients,
)
_UPDATE_RULES = _COMMON_RULES
