"""Read the user IDs from the rows of a sheet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.domain.audience.bad_lines import BESIDE, FORMULA, NO_CELL, ROUNDED
from campaigns.domain.audience.gathering import FileForm, Gathering, Reading
from campaigns.domain.audience.header import column_of_users
from campaigns.domain.audience.recipient_file import complete

EXACT_BELOW = 10**15
"""Most digits of a number in a cell; of a longer number the spreadsheet keeps only these."""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row of a sheet: its number from 1, its cells by column from 1, and whether the sheet shows it."""

    number: int
    cells: Mapping[int, Any]  # None: a cell with a formula that was never calculated
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class _Columns:
    users: int  # column of the user IDs
    last: int  # last column of the header


def read_sheet(rows: Iterable[SheetRow], *, name: str, sheet: str, skip_bad: bool = False) -> Reading:
    """Every user ID in the rows of a sheet, in the order of the rows' numbers; rows that are missing are blank.

    The first row that is not blank is a header with a `user_id` column, or the sheet has one column of IDs. Rules and
    errors are those of `read_users`; a row counts as a line. A row without an ID in that column, or with a cell right
    of the header, is a bad line. So is a number of more than 15 digits, because the spreadsheet has rounded it.
    """
    gathering = Gathering()
    reading, columns, header = gathering.reading, None, None
    for row in _counted(rows, gathering.reading):
        cells = {at: text for at, value in row.cells.items() if (text := cell_text(value)).strip()}
        if not cells:
            reading.blank += 1
        elif columns is None:
            columns, header = _first_row(row.number, cells, gathering, name)
        else:
            _take(row.number, cells, columns, gathering)
            reading.hidden += row.hidden
    reading.form = FileForm("workbook", column=header, sheet=sheet)
    return complete(gathering, name, skip_bad=skip_bad)


def cell_text(value: Any) -> str:
    """The text of a cell: a number without decimals as digits; any other value as a text that is not a user ID."""
    if value is None:
        return FORMULA
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float) and abs(value) >= EXACT_BELOW:
        return f"{value} {ROUNDED}"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _counted(rows: Iterable[SheetRow], reading: Reading) -> Iterator[SheetRow]:
    for row in rows:
        reading.blank += row.number - reading.file_lines - 1
        reading.file_lines = row.number
        yield row


def _take(number: int, cells: Mapping[int, str], columns: _Columns, gathering: Gathering) -> None:
    if max(cells) > columns.last:
        gathering.refuse(number, " ".join(cells.values()), BESIDE)
    elif columns.users in cells:
        gathering.take(number, cells[columns.users])
    else:
        gathering.refuse(number, " ".join(cells.values()), NO_CELL)


def _first_row(number: int, cells: Mapping[int, str], gathering: Gathering, name: str) -> tuple[_Columns, str | None]:
    """The columns of the sheet, and the header's name of the user IDs; None when the row has a user ID itself."""
    places, texts = list(cells), list(cells.values())
    if len(texts) == 1 and any(character.isdigit() for character in texts[0]):
        gathering.take(number, texts[0])
        return _Columns(places[0], places[0]), None
    found = places[column_of_users(texts, name)]
    gathering.reading.header = 1
    return _Columns(found, max(places)), cells[found]
