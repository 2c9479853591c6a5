"""Read one field of a message: which values are valid, and the fault of any other value.

Rules are those of the vendor's send call (its OpenAPI description and reference page, read 2026-09). Values come from
options, campaign files and stored messages, so numbers may be text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from campaigns.domain.messages.marks import read_marks, without_copied_marks
from campaigns.domain.messages.text_modes import TextMode

LOWEST_PRICE = Decimal(3)
HIGHEST_PRICE = Decimal(200)
CENT = Decimal("0.01")
LONGEST_LOOK_BACK_DAYS = 30
BANNED_WORD_LEVELS = ("strict_ban", "risky", "replace_soften")

ONE_USE_MEDIA = "ofapi_media_"
"""Prefix of the IDs of new uploads. The first request with such an ID uses it up."""

LONGEST_ID = 19
"""Digits of the largest ID that fits into 64 bits."""

MEDIA_ID = re.compile(rf"[0-9]+|{ONE_USE_MEDIA}[A-Za-z0-9_-]+")
GIPHY_ID = re.compile(r"[A-Za-z0-9_-]+")
AMOUNT = re.compile(r"[0-9]{1,6}(\.[0-9]+)?")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Characters that are not drawn although Unicode counts them as letters, signs or symbols."""


def is_visible(text: str) -> bool:
    """Whether anything of a text is drawn: spaces, format characters and variation selectors alone are not."""
    return any(
        unicodedata.category(each)[0] not in "ZC" and each not in INVISIBLE and not "\ufe00" <= each <= "\ufe0f"
        for each in text
    )


class FieldFault(Exception):
    """A value that is not valid in its field; the text goes on from the field's name."""


def _text(given: object) -> str:
    if not isinstance(given, str):
        raise FieldFault(f"is {given!r}, not text")
    if not given.strip():
        raise FieldFault("is empty")
    if CONTROL.search(given):
        raise FieldFault("contains a control character")
    try:
        given.encode()
    except UnicodeEncodeError:
        raise FieldFault("is not valid Unicode text") from None
    return given


def _message_text(given: object) -> str:
    text = _text(without_copied_marks(_text(given)))
    if not is_visible(text):
        raise FieldFault("shows nothing: it has only invisible characters")
    if read_marks(text):
        raise FieldFault("contains the invisible mark of another message, written as entities (such as &#8288;)")
    return text


def _text_or_number(given: object) -> str:
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    return _text(given).strip()


def _ids(given: object) -> tuple[str, ...]:
    if not isinstance(given, list | tuple):
        raise FieldFault(f"is {given!r}, not a list of IDs")
    ids = tuple(_text_or_number(each) for each in given)
    twice = [each for place, each in enumerate(ids) if each in ids[:place]]
    if twice:
        raise FieldFault(f"has '{twice[0]}' twice; give it once")
    return ids


def _lists(given: object) -> tuple[str, ...]:
    ids = _ids(given)
    several = [each for each in ids if re.search(r"[\s,;]", each)]
    if several:
        raise FieldFault(f"has '{several[0]}', which is not a valid list ID: give each list by itself")
    return ids


def _media(given: object) -> tuple[str, ...]:
    ids = _ids(given)
    wrong = [each for each in ids if not MEDIA_ID.fullmatch(each)]
    if wrong:
        raise FieldFault(f"has '{wrong[0]}', which is neither a vault ID (a number) nor an {ONE_USE_MEDIA} ID")
    for each in ids:
        if not each.startswith(ONE_USE_MEDIA):
            _refuse_odd_number(each, "a vault ID")
    return ids


def _numbers(given: object) -> tuple[str, ...]:
    ids = _ids(given)
    wrong = [each for each in ids if not (each.isascii() and each.isdigit())]
    if wrong:
        raise FieldFault(f"has '{wrong[0]}', which is not a valid ID: digits alone, each ID by itself")
    for each in ids:
        _refuse_odd_number(each, "an ID")
    return ids


def _refuse_odd_number(digits: str, name: str) -> None:
    if digits.startswith("0"):
        raise FieldFault(f"has '{digits}', but {name} does not begin with 0")
    if len(digits) > LONGEST_ID:
        raise FieldFault(f"has '{digits}', but {name} has at most {LONGEST_ID} digits")


def _giphy(given: object) -> str:
    written = _text_or_number(given)
    if "/" in written or ":" in written:
        raise FieldFault(f"is '{written}', an address; give the ID alone, which is the last part of it")
    if not GIPHY_ID.fullmatch(written):
        raise FieldFault(f"is '{written}', which is not a valid Giphy ID: letters, digits, - and _")
    return written


def _mode(given: object) -> TextMode:
    if given not in list(TextMode):
        raise FieldFault(f"is {given!r}, but must be one of {', '.join(TextMode)}")
    return TextMode(str(given))


def _price(given: object) -> Decimal:
    written = "" if isinstance(given, bool) else str(given).strip()
    if not AMOUNT.fullmatch(written):
        raise FieldFault(f"is '{given}', not an amount in US dollars")
    price = Decimal(written)
    if price and not LOWEST_PRICE <= price <= HIGHEST_PRICE:
        raise FieldFault(f"is {written}, but must be 0 or from {LOWEST_PRICE} to {HIGHEST_PRICE}")
    if price != price.quantize(CENT):
        raise FieldFault(f"is {written}, but may have two decimals at most")
    return Decimal(int(price)) if price == int(price) else price.quantize(CENT)


def _flag(given: object) -> bool:
    if not isinstance(given, bool):
        raise FieldFault(f"is {given!r}, but must be true or false")
    return given


def _moment(given: object) -> datetime:
    moment = given
    if isinstance(given, str):
        try:
            moment = datetime.fromisoformat(given.strip())
        except ValueError:
            moment = None
    if not isinstance(moment, datetime):
        raise FieldFault(f"is '{given}', not a time such as 2026-01-31T18:00:00+01:00")
    if moment.utcoffset() is None:
        raise FieldFault(f"is '{given}', which names no offset from UTC")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise FieldFault(f"is '{given}', which no calendar holds") from None


def _days(given: object) -> int:
    written = "" if isinstance(given, bool) else str(given).strip()
    days = int(written) if written.isascii() and written.isdigit() and len(written) < 4 else 0  # noqa: PLR2004
    if not 1 <= days <= LONGEST_LOOK_BACK_DAYS:
        raise FieldFault(f"is '{given}', but must be a whole number from 1 to {LONGEST_LOOK_BACK_DAYS}")
    return days


def _banned_words(given: object) -> str:
    if given not in BANNED_WORD_LEVELS:
        raise FieldFault(f"is '{given}', but must be one of {', '.join(BANNED_WORD_LEVELS)}")
    return str(given)


READERS: dict[str, Callable[[object], Any]] = {
    "text": _message_text,
    "locked_text": _flag,
    "price": _price,
    "media_files": _media,
    "previews": _media,
    "giphy_id": _giphy,
    "rf_tag": _numbers,
    "rf_partner": _numbers,
    "rf_guest": _numbers,
    "scheduled_date": _moment,
    "save_for_later": _flag,
    "block_banned_words": _banned_words,
    "user_lists": _lists,
    "excluded_lists": _lists,
    "subscribed_within_last_days": _days,
    "text_mode": _mode,
}
