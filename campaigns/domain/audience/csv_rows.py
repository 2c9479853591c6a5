"""CSV with several columns, read strictly: a quote that is not closed hides rows, so the file is refused."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from campaigns.domain.audience.bad_lines import not_the_width
from campaigns.domain.audience.file_blocks import chain, line_count, numbered_lines
from campaigns.domain.audience.gathering import Gathering, parse_user, shown
from campaigns.domain.errors import UsageError

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}

_NOTHING_IMPORTED = (
    "Nothing was imported; close the quote, or remove it. These lines cannot be left out, because nobody knows which "
    "of them belong to the quoted field."
)


@dataclass(frozen=True, slots=True)
class Columns:
    """The layout of a file's rows: the separator, and the column of the user IDs."""

    separator: str
    width: int  # number of cells of the header
    named: int  # the same without empty cells at its end, which rows may leave out
    users: int


def cells_up_to_the_last(cells: Sequence[str]) -> int:
    """The number of cells of a row, without empty cells at its end, which spreadsheets add and leave out."""
    return next((count for count in range(len(cells), 0, -1) if cells[count - 1].strip()), 0)


def read_csv(number: int, blocks: Iterator[bytes], columns: Columns, gathering: Gathering, name: str) -> None:
    """The column of user IDs, from the line with that number on. Raises UsageError for a fault inside a quoted field.

    Blocks without a quote are read at once, or at least each by itself.
    """
    for block in blocks:
        if b'"' in block:
            # A quoted field may go on in the next block, so from here only the parser knows where rows begin.
            _Rows(number, chain(block, blocks), columns, gathering, name).read()
            return
        if not gathering.take_block(_column_of(block, columns)):
            _Rows(number, iter([block]), columns, gathering, name).read()
        number += line_count(block)


def _column_of(block: bytes, columns: Columns) -> bytes:
    """The user IDs, one a line; or a text that is not all digits, if a row needs care."""
    lines, separator, column = block.splitlines(), columns.separator.encode(), columns.users
    widths = {line.count(separator) + 1 for line in lines}  # half the cost of the length of each row that is split
    if not widths <= set(range(columns.named, columns.width + 1)):
        return b"-"
    values = [line.split(separator, column + 1)[column] for line in lines]
    parser_agrees = max(map(len, lines), default=0) <= csv.field_size_limit()
    return b"\n".join(values) if parser_agrees and b"" not in values else b"-"


class _Rows:
    """Rows read with care; a quoted field may span lines, and a row counts by the line it begins on."""

    def __init__(self, number: int, blocks: Iterator[bytes], columns: Columns, gathering: Gathering, name: str) -> None:
        self._number = number
        self._blocks = blocks
        self._columns = columns
        self._separator = columns.separator
        self._column = columns.users
        self._gathering = gathering
        self._name = name
        self._lines: list[str] = []  # of the row that is being read

    def read(self) -> None:
        rows = csv.reader(self._hold_lines(), strict=True, delimiter=self._separator)
        begins = self._number
        while True:
            self._lines.clear()
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                self._refuse_open_quote(begins)
                self._gathering.refuse(begins, str(error))
                self._gathering.reading.inside_quotes += len(self._lines) - 1
            else:
                self._take(begins, row)
            begins += len(self._lines)

    def _hold_lines(self) -> Iterator[str]:
        for block in self._blocks:
            for _, line in numbered_lines(0, block):
                self._lines.append(line)
                yield line

    def _take(self, begins: int, row: list[str]) -> None:
        if len(self._lines) > 1:  # counted from the fields, so that a line that the parser lost shows in the counts
            self._gathering.reading.inside_quotes += sum(map(_line_ends, row))
        if not "".join(row).strip():  # empty, or only separators, which spreadsheets write for empty rows
            self._gathering.reading.blank += 1
            return
        value = row[self._column] if self._column < len(row) else ""
        if len(self._lines) > 1:
            self._refuse_swallowed_row(begins, value)
        if len(row) < self._columns.named or cells_up_to_the_last(row) > self._columns.width:
            # Its cells may have moved, by a decimal comma or a cut, so nobody knows which of them is the user ID.
            self._gathering.refuse(begins, self._separator.join(row), not_the_width(len(row), self._columns.width))
        else:
            self._gathering.take(begins, value)

    def _refuse_open_quote(self, begins: int) -> None:
        """Refuse the file when the parser gave up inside a quoted field, or right after one."""
        fault = quote_fault("".join(self._lines), self._separator)
        if fault is not None:
            line, words = fault
            raise UsageError(
                f"{self._name}: the quoted field that opens on line {begins + line} {words}. {_NOTHING_IMPORTED}"
            )

    def _refuse_swallowed_row(self, begins: int, value: str) -> None:
        """Refuse a quoted field that contains a text like a row: it may begin in one row and end in another."""
        own = parse_user(value)
        for offset, line in enumerate(self._lines):
            cells = line.split(self._separator)
            user = parse_user(cells[self._column].strip().strip('"')) if len(cells) >= self._columns.named else None
            if user is not None and user != own:
                opens = begins + first_spanning_quote("".join(self._lines), self._separator)
                raise UsageError(
                    f"{self._name}: line {begins + offset} is inside the quoted field that opens on line {opens}, but "
                    f"reads like a row of its own (user {user}). {_NOTHING_IMPORTED}"
                )


def quote_fault(row: str, separator: str) -> tuple[int, str] | None:
    """Why no parser can go on after a quoted field of a row, and the line of the row on which it opens, from 0.

    None when all its quoted fields are closed where a separator or the line's end follows.
    """
    for start, field in _fields(row, separator):
        body = field["body"] or ""
        if field["quoted"] is None:
            if len(field["bare"]) > csv.field_size_limit():
                return None
        elif len(body) > csv.field_size_limit():
            return _line_of(row, start), f"is longer than {csv.field_size_limit()} characters"
        elif not field["closed"]:
            return _line_of(row, start), "is never closed"
        elif field["bare"]:
            ends = f"not by a {SEPARATORS[separator]} or the line's end"
            return _line_of(row, start), f"is followed by '{shown(field['bare'])}', {ends}"
    return None


def first_spanning_quote(row: str, separator: str) -> int:
    """The line of a row, from 0, on which the first quoted field opens that does not end on its line."""
    spanning = (start for start, field in _fields(row, separator) if re.search(r"[\r\n]", field["body"] or ""))
    return _line_of(row, next(spanning, 0))


def _fields(row: str, separator: str) -> Iterator[tuple[int, re.Match[str]]]:
    """The fields of a row and where they start, as CSV has them."""
    pattern = _field(separator)
    start = 0
    while True:
        field = pattern.match(row, start)
        assert field is not None  # every part of it may be empty
        yield start, field
        if row[field.end() : field.end() + 1] != separator:
            return
        start = field.end() + 1


@cache
def _field(separator: str) -> re.Pattern[str]:
    return re.compile(rf'(?P<quoted>"(?P<body>(?:[^"]|"")*+)(?P<closed>"?))?(?P<bare>[^{re.escape(separator)}\r\n]*)')


def _line_of(text: str, position: int) -> int:
    return _line_ends(text[:position])


def _line_ends(text: str) -> int:
    return line_count(text.encode(errors="surrogateescape"))
