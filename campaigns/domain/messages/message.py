"""The message of a campaign: its fields, the vendor's rules for them, and the exact bytes of the request.

Rules and names are those of the vendor's send call (its OpenAPI description and reference page, read 2026-09). User
IDs are not part of a message: each batch has its own.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from campaigns.domain.errors import UsageError
from campaigns.domain.messages.fields import ONE_USE_MEDIA, READERS, FieldFault, is_visible
from campaigns.domain.messages.marks import with_mark, without_copied_marks
from campaigns.domain.messages.text_modes import TextMode, as_seen


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent, and the vendor's whole lists that get it: everything except the user IDs."""

    text: str
    locked_text: bool | None = None
    price: Decimal | None = None  # US dollars
    media_files: tuple[str, ...] = ()
    previews: tuple[str, ...] = ()
    giphy_id: str | None = None
    rf_tag: tuple[str, ...] = ()
    rf_partner: tuple[str, ...] = ()
    rf_guest: tuple[str, ...] = ()
    scheduled_date: datetime | None = None  # aware
    save_for_later: bool = False
    block_banned_words: str | None = None
    user_lists: tuple[str, ...] = ()
    excluded_lists: tuple[str, ...] = ()
    subscribed_within_last_days: int | None = None  # a filter: it adds no recipients
    text_mode: TextMode | None = None  # None: it is sent as written

    @property
    def vendor_chooses(self) -> bool:
        """Whether only the vendor knows who gets it: then the campaign is one request of unknown size."""
        return bool(self.user_lists) or self.subscribed_within_last_days is not None

    @property
    def uses_one_use_media(self) -> bool:
        """Whether one request uses up its media, so that it can be neither split nor sent again."""
        return any(media.startswith(ONE_USE_MEDIA) for media in (*self.media_files, *self.previews))


def make_message(fields: Mapping[str, object]) -> Message:
    """The message with these fields, named as in `Message`; None means "not given".

    Numbers may be text. Raises UsageError that names every fault in one sentence.
    """
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name, given in fields.items():
        reader = READERS.get(name)
        if reader is None:
            faults.append(_unknown_name(name))
        elif given is not None:
            try:
                values[name] = reader(given)
            except FieldFault as fault:
                faults.append(f"{name} {fault}")
                values[name] = BAD
    if "text" not in values:
        faults.append("text is missing")
    faults += [rule.fault for rule in RULES if rule.is_broken(values)]
    if values.get("text_mode") is TextMode.HTML and values.get("text", BAD) is not BAD:
        faults += (
            [] if is_visible(as_seen(values["text"])) else ["text shows nothing: all of it is mark-up or invisible"]
        )
    if faults:
        raise UsageError(f"The message cannot be sent as it is: {'; '.join(faults)}. Correct that and try again.")
    return Message(**values)


def message_faults(
    message: Message, *, user_count: int | None, batch_count: int | None, now: datetime | None
) -> list[str]:
    """Why this message cannot be sent to this audience, one clause each; empty when it can.

    `user_count` is None when the campaign has no user IDs; `batch_count` and `now` are None while they are not known.
    """
    faults = []
    if not user_count and not message.user_lists:
        faults.append(NO_RECIPIENTS if message.subscribed_within_last_days is None else FILTER_ALONE)
    if user_count and message.vendor_chooses and batch_count is not None and batch_count > 1:
        faults.append(
            f"whole lists and subscribed_within_last_days are for one request, but these {user_count:,} user IDs take "
            f"{batch_count}, and each would message the whole list again; use fewer user IDs or a larger batch size"
        )
    if batch_count is not None and batch_count > 1 and message.uses_one_use_media:
        faults.append(
            f"{ONE_USE_MEDIA} IDs can be used once, but this takes {batch_count} requests; use vault IDs, "
            "or a batch size that makes it one"
        )
    scheduled = message.scheduled_date
    if scheduled is not None and now is not None and scheduled <= now:
        faults.append(f"scheduled_date {scheduled.isoformat()} has passed; choose a later time")
    return faults


NO_RECIPIENTS = "there are no recipients: give user IDs or a list"

FILTER_ALONE = "subscribed_within_last_days only narrows who gets it: give user IDs or a list beside it"


def to_json(message: Message) -> dict[str, object]:
    """The message as JSON for a row; equal messages give equal JSON."""
    stored: dict[str, object] = {}
    for field in fields(message):
        value = getattr(message, field.name)
        if isinstance(value, tuple):
            value = list(value)
        elif isinstance(value, Decimal):
            value = str(value)
        elif isinstance(value, datetime):
            value = value.astimezone(UTC).isoformat()
        stored[field.name] = value
    if message.text_mode is None:
        del stored["text_mode"]  # as releases without text modes stored it
    return stored


def from_json(stored: Mapping[str, Any]) -> Message:
    """The message from JSON of `to_json`.

    Raises ValueError for an unknown field: the message of a newer release must not be sent with a part left out.
    """
    unknown = stored.keys() - READERS.keys()
    if unknown:
        raise ValueError(f"The stored message has unknown fields: {', '.join(sorted(unknown))}.")
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
    }
    if values.get("price") is not None:
        values["price"] = Decimal(values["price"])
    if values.get("scheduled_date") is not None:
        values["scheduled_date"] = datetime.fromisoformat(values["scheduled_date"])
    if values.get("text_mode") is not None:
        values["text_mode"] = TextMode(values["text_mode"])
    return Message(**values)


def marked(message: Message, mark: str | None) -> Message:
    """The message with this mark and no other; None: without any mark."""
    text = without_copied_marks(message.text)  # one that a release without marks has stored
    text = text if mark is None else with_mark(text, mark)
    return message if text == message.text else replace(message, text=text)


def request_body(
    message: Message, users: Iterable[int] | None, *, rf_as: Literal["array", "string"] = "array"
) -> bytes:
    """The exact bytes of the POST: fields in a fixed order, absent ones left out, user IDs as strings.

    `rf_as` chooses how release-form IDs are written: the vendor's description calls them an array and types them a
    string. Raises ValueError for a body without recipients, which the vendor might read as "everyone":
    `subscribed_within_last_days` alone does not name any.
    """
    user_ids = [str(user) for user in users or ()]
    if not user_ids and not message.user_lists:
        raise ValueError("A request without recipients is never sent.")
    body = request_fields(message, rf_as=rf_as)
    if user_ids:
        body["userIds"] = user_ids
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def request_fields(message: Message, *, rf_as: Literal["array", "string"] = "array") -> dict[str, object]:
    """The fields of the POST by the vendor's names, in their order, without the user IDs; absent ones left out."""
    fields_of_body: dict[str, object] = {
        "text": message.text,
        "lockedText": message.locked_text,
        "price": None if message.price is None else _wire_price(message.price),
        "mediaFiles": list(message.media_files),
        "previews": list(message.previews),
        "giphyId": message.giphy_id,
        "rfTag": _wire_ids(message.rf_tag, rf_as),
        "rfPartner": _wire_ids(message.rf_partner, rf_as),
        "rfGuest": _wire_ids(message.rf_guest, rf_as),
        "scheduledDate": None if message.scheduled_date is None else _wire_time(message.scheduled_date),
        "saveForLater": True if message.save_for_later else None,
        "blockBannedWords": message.block_banned_words,
        "userLists": list(message.user_lists),
        "excludedLists": list(message.excluded_lists),
        "subscribedWithinLastDays": message.subscribed_within_last_days,
    }
    return {name: value for name, value in fields_of_body.items() if value is not None and value not in ([], "")}


def _wire_price(price: Decimal) -> int | float:
    # Two decimals up to 200 survive a float: its shortest text is the amount again.
    return int(price) if price == price.to_integral_value() else float(price)


def _wire_ids(ids: tuple[str, ...], form: Literal["array", "string"]) -> list[str] | str:
    return list(ids) if form == "array" else ",".join(ids)


def _wire_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _unknown_name(name: str) -> str:
    nearest = difflib.get_close_matches(str(name), READERS, n=1)
    hint = f" (did you mean {nearest[0]}?)" if nearest else ""
    return f"'{name}' is not a field of a message{hint}"


BAD = object()
"""Replaces a value that was given but cannot be used; the rules ignore it, so that it causes one fault only."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the vendor about several fields; `fault` is the clause for a message that breaks it."""

    names: tuple[str, ...]
    breaks: Callable[[Mapping[str, Any]], bool]
    fault: str

    def is_broken(self, values: Mapping[str, Any]) -> bool:
        """Whether usable values break the rule. A field with a fault of its own breaks no other rule."""
        return all(values.get(name) is not BAD for name in self.names) and self.breaks(values)


RULES = (
    Rule(
        ("price", "media_files"),
        lambda given: bool(given.get("price")) and not given.get("media_files"),
        "price needs media_files, since only media can be sold",
    ),
    Rule(
        ("previews", "media_files"),
        lambda given: not set(given.get("previews", ())) <= set(given.get("media_files", ())),
        "previews must be in media_files, too",
    ),
    Rule(
        ("user_lists", "excluded_lists"),
        lambda given: not set(given.get("user_lists", ())).isdisjoint(given.get("excluded_lists", ())),
        "user_lists and excluded_lists name the same list, so it would be sent to and left out; keep one",
    ),
    Rule(
        ("subscribed_within_last_days", "scheduled_date"),
        lambda given: bool(given.get("subscribed_within_last_days") and given.get("scheduled_date")),
        "subscribed_within_last_days cannot be combined with scheduled_date",
    ),
    Rule(
        ("subscribed_within_last_days", "save_for_later"),
        lambda given: bool(given.get("subscribed_within_last_days") and given.get("save_for_later")),
        "subscribed_within_last_days cannot be combined with save_for_later",
    ),
)
