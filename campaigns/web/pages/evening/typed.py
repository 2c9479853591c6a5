"""What people type into the forms and addresses of these pages."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeVar

from fastapi import Path, Query

from campaigns.domain.errors import InputFault, InvalidInput
from campaigns.domain.printable import printable

SEQ_DIGITS = 7
"""A batch number has at most this many digits."""

LARGEST = 2**63 - 1

RunId = Annotated[int, Path(ge=1, le=LARGEST)]
Seq = Annotated[int, Path(ge=1, le=10**SEQ_DIGITS)]
FromSeq = Annotated[int | None, Query(ge=1, le=10**SEQ_DIGITS)]

Word = TypeVar("Word", bound=StrEnum)


def word_of(words: type[Word], text: str, field: str) -> Word | None:
    """One of these words; None for an empty choice. Raises InvalidInput."""
    try:
        return words(text) if text else None
    except ValueError:
        raise InvalidInput(InputFault(f"'{text}' is not one of {', '.join(words)}", field)) from None


def batch_numbers(text: str) -> list[int] | None:
    """Batch numbers from `3`, `3,5` and `5-7`; None when nothing was typed. Raises InvalidInput."""
    numbers: set[int] = set()
    for part in text.replace(" ", "").split(",") if text.strip() else []:
        first, dash, last = part.partition("-")
        ends = [first, last if dash else first]
        if not all(end.isascii() and end.isdigit() and len(end) <= SEQ_DIGITS for end in ends):
            raise InvalidInput(InputFault(f"'{part}' is not a valid batch number; write 3, or 3,5-7", "batches"))
        if int(ends[0]) > int(ends[1]):
            raise InvalidInput(InputFault(f"'{part}' names no batch: write the smaller number first", "batches"))
        numbers.update(range(int(ends[0]), int(ends[1]) + 1))
    return sorted(numbers) if text.strip() else None


def number_ranges(numbers: list[int]) -> str:
    """The same numbers as they are typed: `3,5-7`."""
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in ranges)


def require_typed(typed: str, name: str) -> None:
    """Raise InvalidInput when the name that confirms an act was typed neither as it is, nor as the page shows it."""
    if typed.strip() not in {name.strip(), printable(name).strip()}:
        raise InvalidInput(InputFault("is not the name that was asked for; nothing was done", "typed"))
