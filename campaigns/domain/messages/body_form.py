"""The form of a request's body: everything that its bytes depend on besides the message and the users.

Each attempt stores its form, so that its body can be built again and compared with the stored digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from campaigns.domain.messages.marks import is_mark
from campaigns.domain.messages.message import Message, marked, request_body
from campaigns.domain.messages.text_modes import TEXT_FORMS, TextForm, formed

VERSION = 1
"""The version of the body builder. It grows when the same message, users and form would give other bytes."""


@dataclass(frozen=True, slots=True)
class BodyForm:
    """How the body of one attempt was built."""

    rf_as: Literal["array", "string"] = "array"  # how release-form IDs are written: CAMPAIGNS_RF_AS
    text_mode: TextForm = "as_written"  # what is done to the text of the message
    mark: str | None = None  # the invisible mark that the text carries
    version: int = VERSION


def form_to_json(form: BodyForm) -> dict[str, Any]:
    """The form as JSON for a row."""
    return asdict(form)


def form_from_json(stored: Mapping[str, Any]) -> BodyForm:
    """The form from JSON of `form_to_json`. Raises ValueError when this release cannot build such a body."""
    known = {"rf_as": ("array", "string"), "text_mode": TEXT_FORMS, "version": (VERSION,)}
    fits = all(stored.get(name) in values for name, values in known.items())
    mark = stored.get("mark")
    if stored.keys() != {*known, "mark"} or not fits or not (mark is None or is_mark(mark)):
        raise ValueError(f"A body of the form {dict(stored)} cannot be built by this release.")
    return BodyForm(**stored)


def text_form_on_record(stored: Mapping[str, Any] | None) -> TextForm:
    """The text form of a stored request. An earlier release stored no form; its texts were sent as written."""
    return "escaped" if (stored or {}).get("text_mode") == "escaped" else "as_written"


def build_body(message: Message, users: Iterable[int] | None, form: BodyForm) -> bytes:
    """The exact bytes of the POST of this message to these users, in that form; None for whole lists alone.

    Raises ValueError as `request_body` does.
    """
    return request_body(marked(as_it_travels(message, form.text_mode), form.mark), users, rf_as=form.rf_as)


def as_it_travels(message: Message, form: TextForm) -> Message:
    """The message with its text in that form."""
    text = formed(message.text, form)
    return message if text == message.text else replace(message, text=text)
