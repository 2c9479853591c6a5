"""The one way from answers to JSON: dataclasses, times, sums and enums as programs read them."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from decimal import Decimal
from typing import Any


def to_json(value: Any, *, indent: int | None = None) -> str:
    """The value as JSON text: a dataclass by the names of its fields, a time as RFC 3339 with an offset."""
    return json.dumps(value, ensure_ascii=False, indent=indent, default=_plain)


def plain(value: Any) -> Any:
    """The value as what `json.loads` returns: objects, lists, text, numbers, booleans and null."""
    return json.loads(to_json(value))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        # `from_` is `from` in JSON, which Python keeps for itself.
        return {each.name.removesuffix("_"): getattr(value, each.name) for each in dataclasses.fields(value)}
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
