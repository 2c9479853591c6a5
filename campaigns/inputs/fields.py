"""Read the fields of a campaign, as people gave them, into values of the right type. All faults are named at once."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from campaigns.domain.errors import InputFault, InvalidInput
from campaigns.domain.messages.contents import OF_A_CONTENT
from campaigns.inputs.campaign_file import CampaignFile, fields_of, mapping_of
from campaigns.inputs.field_table import BY_KEY, BY_NAME, FIELDS, Field
from campaigns.inputs.times import parse_duration

LONGEST_NUMBER = 9
"""Digits of the longest number that is accepted; more is a typing mistake, and no column holds it."""

YES = {"true", "yes", "on", "1"}
NO = {"false", "no", "off", "0"}

NOTHING_STORED = "Nothing was stored."


@dataclass(frozen=True, slots=True)
class Given:
    """What people gave, by key; a key that is absent was not mentioned."""

    values: Mapping[str, Any] = field(default_factory=dict)
    folder: Path = Path()  # a relative path to recipients starts here

    @property
    def message(self) -> dict[str, Any]:
        """The fields of the message."""
        return {each.key: self.values[each.key] for each in FIELDS if each.of_message and each.key in self.values}

    @property
    def times(self) -> dict[str, Any]:
        """The fields about time."""
        return {each.key: self.values[each.key] for each in FIELDS if each.of_time and each.key in self.values}


def gather(values: Mapping[str, Any], file: CampaignFile | None = None) -> Given:
    """Values that were given one by one, by key, on top of those in a campaign file. Raises InvalidInput.

    A value that is None or an empty tuple was not given. Contents are mappings, or a CampaignFile each.
    """
    faults: list[InputFault] = []
    of_file = {} if file is None else fields_of(file, faults)
    given = {key: value for key, value in values.items() if value is not None and value != ()}
    folder = Path() if file is None or "users" in given else file.folder
    read = {key: _read(BY_KEY[key], value, faults) for key, value in {**of_file, **given}.items()}
    if faults:
        raise InvalidInput(*faults, closing=NOTHING_STORED)
    return Given(read, folder)


def _read(target: Field, value: Any, faults: list[InputFault]) -> Any:
    """The value in its field's type; a fault is added to `faults` instead of raised, so that all are seen at once."""
    if target.kind == "contents":
        return _contents(value, faults)
    if target.kind in {"texts", "users"} and isinstance(value, list | tuple):
        if all(isinstance(item, str) for item in value):
            return tuple(value) if all(_is_text(item, target, faults) for item in value) else ()
        faults.append(InputFault("must be a list of plain values", target.key))
        return ()
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        faults.append(InputFault(f"must be one value, not {_kind(value)}", target.key))
        return None
    return _from_text(target, value, faults)


def _kind(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "a list"
    return "a mapping" if isinstance(value, dict) else "one with a YAML tag (`!!`); leave the tag out"


def _contents(value: Any, faults: list[InputFault]) -> tuple[dict[str, Any], ...]:
    """Contents by the keys of their fields."""
    if isinstance(value, tuple):
        value = [mapping_of(file) for file in value]
    if not isinstance(value, list) or not all(isinstance(content, dict) for content in value):
        faults.append(InputFault("contents must be a list with `name: value` in each, such as `- text: Hello`"))
        return ()
    contents = []
    for number, mapping in enumerate(value, start=1):
        own: list[InputFault] = []
        contents.append(_content(mapping, own))
        names = [f"{BY_KEY[fault.field].name} {fault.text}" if fault.field else fault.text for fault in own]
        faults += [InputFault(f"content {number}: {name}") for name in names]
    return tuple(contents)


def _content(mapping: Mapping[Any, Any], faults: list[InputFault]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for name, value in mapping.items():
        known = BY_NAME.get(str(name))
        if known is None or known.key not in OF_A_CONTENT:
            possible = [each.name for each in FIELDS if each.key in OF_A_CONTENT]
            near = difflib.get_close_matches(str(name), possible, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"it may have {', '.join(possible)}"
            faults.append(InputFault(f"'{name}' is not a field of a content; {hint}"))
        elif value is not None:
            read = _read(known, value, faults)
            content[known.key] = list(read) if isinstance(read, tuple) else read
    return content


def _from_text(target: Field, text: str, faults: list[InputFault]) -> Any:
    if not _is_text(text, target, faults):
        return None
    if target.kind == "texts":
        return (text,)
    reader = READERS.get(target.kind)
    try:
        return text if reader is None else reader(text)
    except ValueError as fault:
        faults.append(InputFault(str(fault), target.key))
    return None


def _whole(text: str) -> int:
    digits = text.strip()
    if digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_NUMBER:
        return int(digits)
    raise ValueError(f"is '{text}', not a whole number")


def _flag(text: str) -> bool:
    if text.lower() in YES | NO:
        return text.lower() in YES
    raise ValueError(f"is '{text}', neither true nor false")


READERS: dict[str, Callable[[str], Any]] = {
    "whole": _whole,
    "flag": _flag,
    "choice": _flag,
    "duration": parse_duration,
}


def _is_text(text: str, target: Field, faults: list[InputFault]) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        faults.append(InputFault("is not UTF-8 text", target.key))
        return False
    return True
