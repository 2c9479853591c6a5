"""The message, the name and the texts of a campaign, from what people gave and what was stored before."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from typing import Any

from campaigns.domain.errors import InputFault, InvalidInput
from campaigns.domain.messages.message import Message, from_json, make_message
from campaigns.domain.messages.text_modes import TextMode, mode_after_edit
from campaigns.inputs.field_table import FIELDS
from campaigns.inputs.fields import NOTHING_STORED, Given

NAME_LENGTH = 40
"""A campaign without a name is named by the first characters of its text, at most this many."""

USE_A_ZONE = {"at", "cron", "every", "hours"}

NEEDED = ("account_id", "text")


def require_new(given: Given) -> Given:
    """What a new campaign was given, with its text. Raises InvalidInput when a field is missing or has no use.

    When every content has a text, the campaign needs none of its own: it takes that of the first content.
    """
    contents = given.values.get("contents", ())
    if "text" not in given.values and contents and all("text" in content for content in contents):
        given = replace(given, values={**given.values, "text": contents[0]["text"]})
    faults = [
        InputFault("is missing", field.key)
        for field in FIELDS
        if field.key in NEEDED and not given.values.get(field.key)
    ]
    if "zone" in given.values and not given.values.keys() & USE_A_ZONE:
        faults.append(InputFault("is the zone of a time, a schedule or sending hours, but none is given", "zone"))
    _refuse(faults + _unused(given))
    return given


def require_changes(given: Given) -> None:
    """Raise InvalidInput when an edit was given a field that has no use, or another account."""
    faults = _unused(given)
    if "account_id" in given.values:
        faults.append(InputFault("cannot change: a campaign stays with its account; create another one", "account_id"))
    _refuse(faults)


def message_of(given: Given, stored: Mapping[str, Any] | None = None, cleared: Collection[str] = ()) -> Message:
    """The message: the given fields on top of the stored ones, without those that are cleared. Raises UsageError."""
    source = None if stored is None else from_json(stored)
    before = {} if source is None else _given_fields(source, cleared)
    return make_message({**before, **given.message, "text_mode": mode_of(given, before.get("text_mode"))})


def mode_of(given: Given, source: TextMode | None) -> TextMode | None:
    """The mode of the text after a change; `source` is the mode before it."""
    names_text = "text" in given.values or any("text" in content for content in given.values.get("contents", ()))
    return mode_after_edit(source, is_html=given.values.get("html"), names_text=names_text)


def name_of(given: Given) -> str:
    """The given name; without one, the beginning of the text."""
    if "name" in given.values:
        return str(given.values["name"])
    name = "".join(each if each.isprintable() else " " for each in " ".join(given.values["text"].split()))
    return name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def _given_fields(message: Message, cleared: Collection[str]) -> dict[str, Any]:
    """The fields of a message that hold something, without those that are cleared."""
    return {
        each.name: getattr(message, each.name)
        for each in dataclass_fields(message)
        if each.name not in cleared and getattr(message, each.name) not in (None, ())
    }


def _unused(given: Given) -> list[InputFault]:
    faults = []
    if given.values.get("skip_bad") and "users" not in given.values:
        faults.append(InputFault("is about bad lines of the users, but no users are given", "skip_bad"))
    if "sheet" in given.values and not isinstance(given.values.get("users"), str):
        faults.append(InputFault("is a sheet of the workbook of users, but no workbook is given", "sheet"))
    return faults


def _refuse(faults: list[InputFault]) -> None:
    if faults:
        raise InvalidInput(*faults, closing=NOTHING_STORED)
