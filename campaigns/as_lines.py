"""Answers as the lines of a file: JSON Lines, or CSV that a spreadsheet takes for text and never for a formula."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from campaigns.as_json import to_json

Form = Literal["csv", "jsonl"]


def header(kind: type, form: Form) -> str:
    """What comes before the first answer: in CSV, the names of the fields of the dataclass."""
    return _csv(_names(kind)) if form == "csv" else ""


def lines(kind: type, answers: Iterable[Any], form: Form) -> Iterator[str]:
    """One line for each answer, which is a dataclass of this kind.

    In CSV, a text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    names = _names(kind)
    for each in answers:
        yield to_json(each) + "\n" if form == "jsonl" else _csv(getattr(each, name) for name in names)


def _names(kind: Any) -> list[str]:
    return [each.name for each in dataclasses.fields(kind)]


def _csv(values: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([_cell(value) for value in values])
    return line.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return to_json(value)
    if value is None or isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else json.loads(to_json(value))
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
