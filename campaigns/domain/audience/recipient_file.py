"""Read recipient files: plain IDs, CSV or JSON Lines, ten million IDs in seconds.

Blocks of bytes with only digits and line ends, which are nearly all of a large file, are read at once. Any other block
is read line by line with care. Both have the same result, line numbers included.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from campaigns.domain.audience.bad_lines import bad_lines
from campaigns.domain.audience.csv_rows import SEPARATORS, Columns, cells_up_to_the_last, read_csv
from campaigns.domain.audience.file_blocks import chain, line_count, numbered_lines, read_blocks
from campaigns.domain.audience.gathering import FileForm, Gathering, Reading, check_books
from campaigns.domain.audience.header import Header, no_users_column, read_header, separator_line
from campaigns.domain.errors import UsageError
from campaigns.domain.remedies import Do, Remedy

BLANKS = f" \t\r\n\v\f{''.join(SEPARATORS)}"
"""A line of only these bytes is blank: spreadsheets write separators for empty rows."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON. Raises ValueError when it has two user IDs: nobody knows which is meant."""
    found = dict(pairs)
    if len(found) < len(pairs) and [name for name, _ in pairs].count("user_id") > 1:
        raise ValueError("user_id twice")
    return found


_JSON = json.JSONDecoder(object_pairs_hook=_object)

CSV, JSON_LINES, PLAIN = "CSV", "JSON Lines", "one ID a line"


def read_users(
    stream: BinaryIO, *, name: str, skip_bad: bool = False, progress: Callable[[int], None] | None = None
) -> Reading:
    """Every user ID in a recipient file, read as a stream of bytes.

    The file is CSV with a header that names a `user_id` column (or with one unnamed column), JSON Lines with
    `user_id`, or plain IDs. CSV may have commas, semicolons, tabs or vertical bars, and a line `sep=;` before its
    header. It is UTF-8, UTF-16 or Windows-1252. The result's `form` states how it was read. Duplicates are
    counted and dropped. Without `skip_bad` the whole file is refused for one bad line; with it, bad lines are left out
    and counted. A row without the same number of cells as the header is a bad line: an ID is taken only from its own
    column. For a fault inside a quoted field, and for counts that do not add up, the file is refused in any case.
    `progress` is called with the bytes read so far, about once a megabyte. Raises UsageError, which names the file by
    `name`.
    """
    gathering = Gathering()
    form = _read(1, read_blocks(stream, name, progress, gathering.reading), gathering, name)
    gathering.reading.form = FileForm(form.kind, gathering.reading.encoding, form.separator, form.column)
    return complete(gathering, name, skip_bad=skip_bad)


def complete(gathering: Gathering, name: str, *, skip_bad: bool) -> Reading:
    """Read a whole file. Raises UsageError for bad lines, for no user, and for counts that do not add up."""
    reading = gathering.finish()
    if reading.bad_count and not skip_bad:
        raise UsageError(bad_lines(reading, name), Remedy(Do.SKIP_BAD_LINES))
    if not reading.users:
        raise UsageError(f"{name} names no user: give at least one user ID.")
    check_books(reading.books, name)
    return reading


def _read(
    number: int, blocks: Iterator[bytes], gathering: Gathering, name: str, separator: str | None = None
) -> FileForm:
    """Find the first line that is not blank, recognise the format by it, and read the whole file."""
    blanks = BLANKS.encode()
    for block in blocks:
        if not block.strip(blanks):
            number += line_count(block)
            gathering.reading.blank += line_count(block)
            continue
        start = len(block) - len(block.lstrip(blanks))
        start = max(block.rfind(b"\n", 0, start), block.rfind(b"\r", 0, start)) + 1
        blank = line_count(block[:start])
        gathering.reading.blank += blank
        return _read_from_first_value(number + blank, chain(block[start:], blocks), gathering, name, separator)
    return FileForm(PLAIN)


def _read_from_first_value(
    number: int, blocks: Iterator[bytes], gathering: Gathering, name: str, separator: str | None
) -> FileForm:
    block = next(blocks)
    first, *_ = block.splitlines(keepends=True)
    line, rest = first.decode(errors="surrogateescape"), block[len(first) :]
    if line.lstrip().startswith("{"):
        _read_single(number, chain(block, blocks), gathering, _json_value)
        return FileForm(JSON_LINES)
    if line.lstrip().startswith("["):
        raise UsageError(f"{name} is one JSON list; give JSON Lines (an object with user_id a line), or one ID a line.")
    if separator is None and (separator := separator_line(line, name)) is not None:
        gathering.reading.header += 1
        return _read(number + 1, chain(rest, blocks), gathering, name, separator)
    header = read_header(number, line, name, separator)
    if header.is_list:
        return _read_list(number, header, chain(rest, blocks), gathering, name)
    if header.column is None:
        _read_single(number, chain(block, blocks), gathering, _bare_value, all_digits=True)
        return FileForm(PLAIN)
    gathering.reading.header += 1
    column = header.cells[header.column]
    if header.separator is None:
        _read_single(number + 1, chain(rest, blocks), gathering, _bare_value, all_digits=True)
        return FileForm(CSV, column=column)
    columns = Columns(header.separator, len(header.cells), cells_up_to_the_last(header.cells), header.column)
    read_csv(number + 1, chain(rest, blocks), columns, gathering, name)
    return FileForm(CSV, separator=SEPARATORS[header.separator], column=column)


def _read_list(number: int, header: Header, blocks: Iterator[bytes], gathering: Gathering, name: str) -> FileForm:
    """IDs side by side on the only line that is not blank; each of them counts as a line."""
    values = [cell for cell in header.cells if cell.strip()]
    separator = SEPARATORS[header.separator or ","]
    for value in values:
        gathering.take(number, value)
    gathering.reading.file_lines += len(values) - 1
    for block in blocks:
        if block.strip(BLANKS.encode()):
            raise no_users_column(header.cells, name, separator)
        gathering.reading.blank += len(block.splitlines())
    return FileForm("IDs on one line", separator=separator)


def _read_single(
    number: int,
    blocks: Iterator[bytes],
    gathering: Gathering,
    value_of: Callable[[str], str | None],
    *,
    all_digits: bool = False,
) -> None:
    """One value a line, None if it has none; with `all_digits` a block may be read at once."""
    for block in blocks:
        if not (all_digits and gathering.take_block(block)):
            for n, line in numbered_lines(number, block):
                if not line.strip(BLANKS):
                    gathering.reading.blank += 1
                elif (value := value_of(line)) is None:
                    gathering.refuse(n, line)
                else:
                    gathering.take(n, value)
        number += line_count(block)


def _bare_value(line: str) -> str:
    """The value of a line with one column, which needs no CSV parser (three times slower)."""
    value = line.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def _json_value(line: str) -> str | None:
    try:
        found = _JSON.decode(line)
    except (ValueError, RecursionError):
        return None
    user = found.get("user_id") if isinstance(found, dict) else None
    # A JSON float is refused and not rounded: an ID may have more digits than a float.
    return str(user) if isinstance(user, int | str) and not isinstance(user, bool) else None
