"""Reading recipient files: plain IDs, CSV or JSON Lines, ten million of them in seconds.

Blocks of bytes that hold nothing but digits and line ends, which is nearly all of a large file, are read at once; any
other block is read line by line with care. Both give the same, line numbers included.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from typing import BinaryIO

from campaigns.domain.audience.csv_rows import quote_fault, read_csv
from campaigns.domain.audience.file_blocks import (
    chain,
    count_lines,
    line_count,
    numbered_lines,
    read_blocks,
    without_mark,
)
from campaigns.domain.audience.gathering import LARGEST_USER_ID, Gathering, Reading, check_books, shown
from campaigns.domain.errors import UsageError


def read_users(
    stream: BinaryIO, *, name: str, skip_bad: bool = False, progress: Callable[[int], None] | None = None
) -> Reading:
    """Every user ID in a recipient file, read as a stream of bytes.

    The file is CSV with a header that names a `user_id` column (or with one unnamed column), JSON Lines with
    `user_id`, or plain IDs; in UTF-8, with or without a byte-order mark. Duplicates are counted and dropped. Without
    `skip_bad` one bad line refuses the whole file; with it, such lines are left out and counted. A fault inside a
    quoted field, and books that do not balance, refuse the file in any case. `progress` is told the bytes read so
    far, about once a megabyte. Raises UsageError, which names the file by `name`.
    """
    gathering = Gathering()
    blocks = count_lines(without_mark(read_blocks(stream, name, progress), name), gathering.reading)
    number = 1
    for block in blocks:
        if block.strip():
            _read_from_first_value(number, block, blocks, gathering, name)
            break
        number += line_count(block)
        gathering.reading.blank += line_count(block)
    reading = gathering.finish()
    if reading.bad_count and not skip_bad:
        raise UsageError(_bad_lines(reading, name))
    if not reading.users:
        raise UsageError(f"{name} names no user: give at least one user ID.")
    check_books(reading.books, name)
    return reading


def _read_from_first_value(number: int, block: bytes, blocks: Iterator[bytes], gathering: Gathering, name: str) -> None:
    """Decide by the first line that is not blank what the file is, and read it all."""
    start = len(block) - len(block.lstrip())
    start = max(block.rfind(b"\n", 0, start), block.rfind(b"\r", 0, start)) + 1
    blank = line_count(block[:start])
    gathering.reading.blank += blank
    number += blank
    first, *_ = block[start:].splitlines(keepends=True)
    line = first.decode(errors="surrogateescape")
    if line.lstrip().startswith("{"):
        _read_single(number, chain(block[start:], blocks), gathering, _json_value)
        return
    columns = _columns(number, line, name)
    if _is_header(columns, line, name):
        gathering.reading.header = 1
        number += 1
        start += len(first)
        if len(columns) > 1:
            read_csv(number, chain(block[start:], blocks), columns, gathering, name)
            return
    _read_single(number, chain(block[start:], blocks), gathering, _bare_value, all_digits=True)


def _read_single(
    number: int,
    blocks: Iterator[bytes],
    gathering: Gathering,
    value_of: Callable[[str], str],
    *,
    all_digits: bool = False,
) -> None:
    """One value a line; with `all_digits` a block may be read at once."""
    for block in blocks:
        if not (all_digits and gathering.take_block(block)):
            for n, line in numbered_lines(number, block):
                if line.strip():
                    gathering.take(n, value_of(line))
                else:
                    gathering.reading.blank += 1
        number += line_count(block)


def _bare_value(line: str) -> str:
    """The value of a line with a single column, which needs no CSV parser (three times slower)."""
    value = line.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def _json_value(line: str) -> str:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return line
    user = found.get("user_id") if isinstance(found, dict) else None
    # A JSON float is refused rather than rounded: IDs exceed what a float can hold.
    return str(user) if isinstance(user, int | str) and not isinstance(user, bool) else line


def _columns(number: int, header: str, name: str) -> list[str]:
    """The names in the first line, in lower case, or the one value that it holds."""
    try:
        return [column.strip().lower() for column in next(csv.reader([header], strict=True))]
    except csv.Error as error:
        if quote_fault(header) is not None:
            raise UsageError(
                f"{name}: line {number} opens a quote that does not end there, so the header cannot be read; write it "
                "on one line, and close the quote or take it out."
            ) from None
        raise UsageError(
            f"{name}: the first line is no CSV ({error}); give CSV, JSON Lines, or one ID a line."
        ) from None


def _is_header(columns: list[str], header: str, name: str) -> bool:
    """Whether the first line names columns; False when it is itself a value of a file without a header."""
    if "user_id" in columns or columns == [""]:
        return True
    if len(columns) == 1 and any(character.isdigit() for character in header):
        return False
    raise UsageError(
        f"{name}: the header has no user_id column (found {', '.join(repr(shown(c)) for c in columns[:8])}); "
        "name the column user_id, or give plain IDs, one a line."
    )


def _bad_lines(reading: Reading, name: str) -> str:
    listed = ", ".join(f"line {number} '{value}'" for number, value in reading.bad)
    more = f" and {reading.bad_count - len(reading.bad)} more" if reading.bad_count > len(reading.bad) else ""
    return (
        f"{name}: {listed}{more} hold no user ID (a whole number from 1 to {LARGEST_USER_ID}). Nothing was imported; "
        "correct the file, or pass --skip-bad to leave such lines out."
    )
