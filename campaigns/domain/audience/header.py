"""The first line of a recipient file: its separator, and its column of user IDs."""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from campaigns.domain.audience.csv_rows import SEPARATORS, quote_fault
from campaigns.domain.audience.gathering import parse_user, shown
from campaigns.domain.errors import UsageError

SEPARATORS_OF_LISTS = ";\t|"
"""Separators of IDs on one line. Not a comma: 1,234 may be one number, or a row without a header."""

_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Header:
    """What the first line is."""

    cells: Sequence[str]
    separator: str | None = None  # None: there is only one column
    column: int | None = None  # of the user IDs; None: the line is not a header

    @property
    def is_list(self) -> bool:
        """Whether the line has IDs, side by side."""
        return self.column is None and self.separator is not None


def separator_line(line: str, name: str) -> str | None:
    """The separator that a line `sep=;` names, as spreadsheets write and read it; None for any other line."""
    found = _SEPARATOR_LINE.fullmatch(line)
    if found is None:
        return None
    if found[1] not in SEPARATORS:
        raise UsageError(f"{name}: the first line names the separator '{shown(found[1])}'; use {_listed_separators()}.")
    return found[1]


def read_header(number: int, line: str, name: str, separator: str | None = None) -> Header:
    """Read the first line, which has that number in the file; `separator` if the file names it.

    Raises UsageError when the line names columns and not exactly one of them has the user IDs.
    """
    rows = _parsed(line, separator)
    named = {sign: cells for sign, cells in rows.items() if len(cells) > 1 and any(map(_names_users, cells))}
    if len(named) > 1:
        raise UsageError(
            f"{name}: the header can be read with a {' or a '.join(SEPARATORS[sign] for sign in named)} as separator; "
            "put `sep=,` (or `sep=;`) on a line before it."
        )
    for sign, cells in named.items():
        return Header(cells, sign, column_of_users(cells, name))
    if len(rows) < len(separator or SEPARATORS):
        raise _unreadable(number, line, name)
    widest = max(rows, key=lambda sign: len(rows[sign]))
    cells = rows[widest]
    if len(cells) == 1:
        return _single(line, cells[0], name)
    if widest in SEPARATORS_OF_LISTS and all(parse_user(cell) for cell in cells if cell.strip()):
        return Header(cells, widest)
    raise no_users_column(cells, name, SEPARATORS[widest])


def column_of_users(cells: Sequence[str], name: str) -> int:
    """The column of a header with the user IDs. Raises UsageError unless there is exactly one."""
    found = [column for column, cell in enumerate(cells) if _names_users(cell)]
    if not found:
        raise no_users_column(cells, name)
    if len(found) > 1:
        listed = " and ".join(f"'{shown(cells[column])}' (column {column + 1})" for column in found)
        raise UsageError(f"{name}: the header has {len(found)} columns of user IDs, {listed}; keep one of them.")
    return found[0]


def no_users_column(cells: Sequence[str], name: str, separator: str | None = None) -> UsageError:
    """The error for a header without a column of user IDs; it quotes the header."""
    listed = ", ".join(f"'{shown(cell)}'" for cell in cells[:8])
    parted = f" with a {separator} as separator" if separator is not None and len(cells) > 1 else ""
    if any(map(parse_user, cells)):
        hint = "put a line before it that names the columns, one of them user_id, or give plain IDs, one a line"
    elif near := _nearest(cells):
        hint = f"if '{shown(near)}' holds the user IDs, rename it to user_id"
    else:
        hint = "name the column user_id, or give plain IDs, one a line"
    return UsageError(f"{name}: the header has no user_id column (found {listed}){parted}; {hint}.")


def _parsed(line: str, separator: str | None) -> Mapping[str, list[str]]:
    """The cells of the line with each separator that it can be read with."""
    rows = {}
    for sign in SEPARATORS if separator is None else separator:
        try:
            rows[sign] = next(csv.reader([line], strict=True, delimiter=sign))
        except csv.Error:
            continue
    return rows


def _single(line: str, cell: str, name: str) -> Header:
    if _names_users(cell) or cell == "":
        return Header([cell], column=0)
    if any(character.isdigit() for character in line):
        return Header([cell])
    raise no_users_column([cell], name)


def _unreadable(number: int, line: str, name: str) -> UsageError:
    if quote_fault(line, ",") is not None:
        return UsageError(
            f"{name}: line {number} opens a quote that does not end there, so the header cannot be read; write it "
            "on one line, and close the quote or take it out."
        )
    return UsageError(f"{name}: the first line is not CSV; give CSV, JSON Lines, or one ID a line.")


def _names_users(cell: str) -> bool:
    """Whether a column is called user_id, in the spellings of other tools: User ID, userId, user-id."""
    return re.sub(r"[\s_-]+", "", cell).casefold() == "userid"


def _nearest(cells: Sequence[str]) -> str | None:
    """The column that is most probably meant."""
    by_name = {re.sub(r"[\s_-]+", "_", cell.strip()).casefold(): cell for cell in reversed(cells)}
    for likely in ("id", "userid", "fan_id", "uid"):
        if likely in by_name:
            return by_name[likely]
    found = difflib.get_close_matches("user_id", by_name, n=1)
    return by_name[found[0]] if found else None


def _listed_separators() -> str:
    *most, last = SEPARATORS.values()
    return f"a {', a '.join(most)} or a {last}"
