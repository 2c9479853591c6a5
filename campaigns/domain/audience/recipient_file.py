"""Reading recipient files: plain IDs, CSV or JSON Lines, ten million of them in seconds.

Blocks of bytes that hold nothing but digits and line ends, which is nearly all of a large file, are read at once; any
other block is read line by line with care. Both give the same, line numbers included.
"""

from __future__ import annotations

import csv
import json
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from pyroaring import BitMap64

from campaigns.domain.audience.file_blocks import chain, line_count, numbered_lines, read_blocks, without_mark
from campaigns.domain.errors import UsageError

LARGEST_USER_ID = 2**63 - 1
"""User IDs are 64-bit integers in the database, and signed there."""

GATHERED_IDS = 4_000_000
"""IDs gathered (8 bytes each) before they join the bitmap: in portions of 100,000 it takes up to four times as long."""

BAD_LINES_SHOWN = 5

_DIGITS_AND_LINE_ENDS = b"0123456789\r\n"


@dataclass(slots=True)
class Reading:
    """What a recipient file held."""

    users: BitMap64 = field(default_factory=BitMap64)
    lines: int = 0  # lines that held an ID
    duplicates: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)  # (line number, value), the first few
    bad_count: int = 0


def read_users(
    stream: BinaryIO, *, name: str, skip_bad: bool = False, progress: Callable[[int], None] | None = None
) -> Reading:
    """Every user ID in a recipient file, read as a stream of bytes.

    The file is CSV with a header that names a `user_id` column (or with one unnamed column), JSON Lines with
    `user_id`, or plain IDs; in UTF-8, with or without a byte-order mark. Duplicates are counted and dropped. Without
    `skip_bad` one bad line refuses the whole file. `progress` is told the bytes read so far, about once a megabyte.
    Raises UsageError, which names the file by `name`.
    """
    blocks = without_mark(read_blocks(stream, name, progress), name)
    gathering = _Gathering()
    number = 1
    for block in blocks:
        if block.strip():
            _read_from_first_value(number, block, blocks, gathering, name)
            break
        number += line_count(block)
    reading = gathering.finish()
    if reading.bad_count and not skip_bad:
        raise UsageError(_bad_lines(reading, name))
    if not reading.users:
        raise UsageError(f"{name} names no user: give at least one user ID.")
    return reading


def parse_user(value: str) -> int | None:
    """The user ID in a text, or None when that is no 64-bit positive integer."""
    value = value.strip()
    if not (value.isascii() and value.isdigit()):
        return None
    digits = value.lstrip("0")
    user = int(digits) if 0 < len(digits) < 20 else 0  # noqa: PLR2004 - 2**63 has 19 digits
    return user if 0 < user <= LARGEST_USER_ID else None


class _Gathering:
    """The reading as it grows."""

    def __init__(self) -> None:
        self._reading = Reading()
        self._ids = array("Q")

    def take(self, number: int, value: str) -> None:
        """One line's value, good or bad."""
        user = parse_user(value)
        if user is None:
            self._reading.bad_count += 1
            if len(self._reading.bad) < BAD_LINES_SHOWN:
                self._reading.bad.append((number, _shown(value)))
            return
        self._ids.append(user)
        self._join_when_full()

    def take_block(self, block: bytes) -> bool:
        """A block of one ID a line, at once; False, and nothing taken, when it needs care."""
        may_be_zero = block.startswith(b"0") or b"\n0" in block or b"\r0" in block
        if may_be_zero or block.translate(None, _DIGITS_AND_LINE_ENDS):
            return False
        try:
            ids = array("q", map(int, block.split()))
        except (OverflowError, ValueError):  # beyond 64 bits, or too many digits for an integer
            return False
        self._ids.frombytes(ids.tobytes())
        self._join_when_full()
        return True

    def finish(self) -> Reading:
        self._join()
        reading = self._reading
        reading.duplicates = reading.lines - len(reading.users)
        return reading

    def _join_when_full(self) -> None:
        if len(self._ids) >= GATHERED_IDS:
            self._join()

    def _join(self) -> None:
        self._reading.lines += len(self._ids)
        self._reading.users |= BitMap64(self._ids)
        self._ids = array("Q")


def _read_from_first_value(
    number: int, block: bytes, blocks: Iterator[bytes], gathering: _Gathering, name: str
) -> None:
    """Decide by the first line that is not blank what the file is, and read it all."""
    start = len(block) - len(block.lstrip())
    start = max(block.rfind(b"\n", 0, start), block.rfind(b"\r", 0, start)) + 1
    number += line_count(block[:start])
    first, *_ = block[start:].splitlines(keepends=True)
    line = first.decode(errors="surrogateescape")
    if line.lstrip().startswith("{"):
        _read_single(number, chain(block[start:], blocks), gathering, _json_value)
        return
    columns = _columns(line, name)
    column = _column(columns, line, name)
    if column is not None:
        number += 1
        start += len(first)
    if len(columns) > 1 and column is not None:
        _read_csv(number, chain(block[start:], blocks), column, gathering)
    else:
        _read_single(number, chain(block[start:], blocks), gathering, _bare_value, all_digits=True)


def _read_single(
    number: int,
    blocks: Iterator[bytes],
    gathering: _Gathering,
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
        number += line_count(block)


def _read_csv(number: int, blocks: Iterator[bytes], column: int, gathering: _Gathering) -> None:
    """One column of several. Blocks without a quote are read at once, or at least each for itself."""
    for block in blocks:
        if b'"' in block:
            # A quoted field may go on in the next block, so nobody but the parser can tell where rows begin now.
            _read_rows(number, chain(block, blocks), column, gathering)
            return
        if not gathering.take_block(_column_of(block, column)):
            _read_rows(number, iter([block]), column, gathering)
        number += line_count(block)


def _column_of(block: bytes, column: int) -> bytes:
    """That column one value a line, or something that is not all digits when a row has no value there."""
    lines = block.splitlines()
    try:
        values = [line.split(b",", column + 1)[column] for line in lines]
    except IndexError:
        return b"-"
    parser_agrees = max(map(len, lines), default=0) <= csv.field_size_limit()
    return b"\n".join(values) if parser_agrees and b"" not in values else b"-"


def _read_rows(number: int, blocks: Iterator[bytes], column: int, gathering: _Gathering) -> None:
    """One column of several, with care; a quoted field may span lines, and a row counts by the line it begins on."""
    rows = csv.reader(line for block in blocks for _, line in numbered_lines(0, block))
    while True:
        begins = number + rows.line_num
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            gathering.take(begins, str(error))
            continue
        if len(row) > 1 or "".join(row).strip():
            gathering.take(begins, row[column] if column < len(row) else ",".join(row))


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


def _columns(header: str, name: str) -> list[str]:
    try:
        return [column.strip().lower() for column in next(csv.reader([header]))]
    except csv.Error as error:
        raise UsageError(
            f"{name}: the first line is no CSV ({error}); give CSV, JSON Lines, or one ID a line."
        ) from None


def _column(columns: list[str], header: str, name: str) -> int | None:
    """Which column holds the IDs; None when the first line is itself a value of a file without a header."""
    if "user_id" in columns:
        return columns.index("user_id")
    if len(columns) == 1 and any(character.isdigit() for character in header):
        return None
    if columns == [""]:
        return 0
    raise UsageError(
        f"{name}: the header has no user_id column (found {', '.join(repr(_shown(c)) for c in columns[:8])}); "
        "name the column user_id, or give plain IDs, one a line."
    )


def _shown(value: str) -> str:
    """A value as a message may show it: short, and nothing in it that a terminal would act on."""
    text = value.strip()[:40].encode(errors="surrogateescape").decode(errors="replace")
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _bad_lines(reading: Reading, name: str) -> str:
    shown = ", ".join(f"line {number} '{value}'" for number, value in reading.bad)
    more = f" and {reading.bad_count - len(reading.bad)} more" if reading.bad_count > len(reading.bad) else ""
    return (
        f"{name}: {shown}{more} hold no user ID (a whole number from 1 to {LARGEST_USER_ID}). Nothing was imported; "
        "correct the file, or pass --skip-bad to leave such lines out."
    )
