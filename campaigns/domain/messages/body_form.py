"""The form of a request's body: all that its bytes depend on besides the message and the users.

Each attempt stores it, so that its body can be built again and compared with the digest on record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from campaigns.domain.messages.marks import is_mark
from campaigns.domain.messages.message import Message, marked, request_body
from campaigns.domain.messages.text_modes import TEXT_FORMS, TextForm, formed

VERSION = 1
"""Of the body builder: it grows when the same message, users and form would give other bytes."""


@dataclass(frozen=True, slots=True)
class BodyForm:
    """How the body of an attempt was built."""

    rf_as: Literal["array", "string"] = "array"  # how release-form IDs travel: CAMPAIGNS_RF_AS
    text_mode: TextForm = "as_written"  # what is done to the text of the message
    mark: str | None = None  # the invisible mark that the text carries
    version: int = VERSION


def form_to_json(form: BodyForm) -> dict[str, Any]:
    """The form as a row stores it."""
    return asdict(form)


def form_from_json(stored: Mapping[str, Any]) -> BodyForm:
    """The form in a row made by `form_to_json`. Raises ValueError when this release cannot build such a body."""
    known = {"rf_as": ("array", "string"), "text_mode": TEXT_FORMS, "version": (VERSION,)}
    fits = all(stored.get(name) in values for name, values in known.items())
    mark = stored.get("mark")
    if stored.keys() != {*known, "mark"} or not fits or not (mark is None or is_mark(mark)):
        raise ValueError(f"A body of the form {dict(stored)} cannot be built by this release.")
    return BodyForm(**stored)


def text_form_on_record(stored: Mapping[str, Any] | None) -> TextForm:
    """What was done to the text of a request on record; one of an earlier release has no form, and went as written."""
    return "escaped" if (stored or {}).get("text_mode") == "escaped" else "as_written"


def build_body(message: Message, users: Iterable[int] | None, form: BodyForm) -> bytes:
    """The exact bytes of the POST of this message to these users (None: whole lists) in that form.

    Raises ValueError as `request_body` does.
    """
    return request_body(marked(as_it_travels(message, form.text_mode), form.mark), users, rf_as=form.rf_as)


def as_it_travels(message: Message, form: TextForm) -> Message:
    """The message with its text in that form."""
    text = formed(message.text, form)
    return message if text == message.text else replace(message, text=text)
