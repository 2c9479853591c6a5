"""The fields of a campaign from a JSON object. Names are those of campaign files; every fault names its place."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from campaigns.domain.errors import InputFault, InvalidInput
from campaigns.inputs.cleared import cleared_keys
from campaigns.inputs.field_table import BY_KEY, BY_NAME, Field
from campaigns.inputs.fields import NOTHING_STORED, Given, gather

NUMBERS = frozenset({"price", "subscribed_within_last_days", "batch_size", "max_runs"})
"""Fields that may be numbers in JSON. IDs are text: many programs cannot hold a number of 64 bits."""


@dataclass(frozen=True, slots=True)
class FromJson:
    """What a JSON object gave: values, and the keys of fields that it takes away by null."""

    given: Given
    cleared: frozenset[str]


def name_in_json(field: Field) -> str:
    """What a JSON object calls a field; the other names of a campaign file are taken, too."""
    return field.name.replace("-", "_")


def read_json(body: Mapping[str, Any], *, is_edit: bool = False) -> FromJson:
    """Read a campaign, or the changes of an edit. Raises InvalidInput with the place of each fault.

    Null takes a field away in an edit; in a new campaign it is the same as leaving the field out.
    """
    faults: list[InputFault] = []
    values: dict[str, Any] = {}
    nulls: list[str] = []
    for name, value in body.items():
        field = BY_NAME.get(name)
        if field is None:
            faults.append(_unknown(name))
        elif field.key in values or field.name in nulls:
            faults.append(InputFault(f"is {field.name}, which is given twice", _token(name)))
        elif value is None:
            nulls.append(field.name)
        else:
            values[field.key] = _value(field, value, name, faults)
    given = _gathered({key: value for key, value in values.items() if value is not None}, faults)
    if faults:
        raise InvalidInput(*faults, closing=NOTHING_STORED)
    with naming_json():
        cleared = cleared_keys(nulls, given) if is_edit else set()
    return FromJson(given, frozenset(cleared))


def with_file(read: FromJson, name: str) -> FromJson:
    """The same with recipients in a file of that name. Raises InvalidInput when there are others, too."""
    if "users" in read.given.values or "users" in read.cleared:
        raise InvalidInput(InputFault("are given in the JSON and as a file; keep one", "users"), closing=NOTHING_STORED)
    return replace(read, given=replace(read.given, values={**read.given.values, "users": name}))


@contextmanager
def naming_json() -> Iterator[None]:
    """Name fields in refusals as a JSON object does."""
    try:
        yield
    except InvalidInput as refusal:
        raise InvalidInput(*map(_renamed, refusal.faults), closing=refusal.closing) from None


def _renamed(fault: InputFault) -> InputFault:
    field = BY_KEY.get(fault.field or "")
    return fault if field is None else replace(fault, field=name_in_json(field))


def _gathered(values: Mapping[str, Any], faults: list[InputFault]) -> Given:
    """The values by `gather`, one by one, so that each fault has its place."""
    contents = values.get("contents", ())
    for number, content in enumerate(contents):
        faults += _faults({"contents": [content]}, place=f"content/{number}")
    others = {key: value for key, value in values.items() if key != "contents"}
    faults += _faults(others)
    return Given() if faults else gather({**others, **({"contents": list(contents)} if contents else {})})


def _faults(values: Mapping[str, Any], *, place: str | None = None) -> list[InputFault]:
    try:
        gather(values)
    except InvalidInput as refusal:
        if place is None:
            return [_renamed(fault) for fault in refusal.faults]
        return [InputFault(fault.text.partition(": ")[2] or fault.text, place) for fault in refusal.faults]
    return []


def _unknown(name: str) -> InputFault:
    near = difflib.get_close_matches(name, {name_in_json(field) for field in BY_KEY.values()}, n=1)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    return InputFault(f"is not a field of a campaign{hint}", _token(name))


def _token(name: str) -> str:
    """A name as a part of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def _value(field: Field, value: Any, name: str, faults: list[InputFault]) -> Any:
    """The value as campaign files give it, or None and a fault."""
    read = _contents(value) if field.kind == "contents" else _plain(field, value)
    if read is None:
        faults.append(InputFault(f"must be {_kind(field)}", _token(name)))
    return read


def _plain(field: Field, value: Any) -> Any:
    if field.kind in {"flag", "choice"}:
        return value if isinstance(value, bool) else None
    if field.kind in {"texts", "users"}:
        is_list = isinstance(value, list) and all(isinstance(each, str) for each in value)
        return tuple(value) if is_list else None
    if field.key in NUMBERS and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def _contents(value: Any) -> list[dict[str, Any]] | None:
    """Contents as campaign files give them; a field of another kind goes on as it is and is refused by `gather`."""
    if not isinstance(value, list) or not all(isinstance(content, dict) for content in value):
        return None
    return [{name: _of_content(name, each) for name, each in content.items()} for content in value]


def _of_content(name: str, value: Any) -> Any:
    field = BY_NAME.get(name)
    if field is None or value is None or field.kind == "contents":
        return value
    read = _plain(field, value)
    if read is None:
        return [[value]]  # of no kind that any field has, so that it is refused with its name
    return list(read) if isinstance(read, tuple) else read


def _kind(field: Field) -> str:
    kinds = {
        "flag": "true or false",
        "choice": "true or false",
        "texts": "a list of texts",
        "users": "a list of user IDs, each as text",
        "contents": "a list of objects",
        "whole": "a whole number",
        "duration": "a text such as 90s, 15m or 6h30m",
    }
    return kinds.get(field.kind, "a number" if field.key in NUMBERS else "a text")
