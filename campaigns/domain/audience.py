"""Recipients are integer sets: reading them, subtracting from them, cutting them, and packing them into blobs.

A packed set is the portable serialisation of a 64-bit Roaring bitmap (a public format, github.com/RoaringBitmap/
RoaringFormatSpec). Ten million random IDs take about two bytes each.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from pyroaring import BitMap64

from campaigns.domain.errors import UsageError

LARGEST_USER_ID = 2**63 - 1
"""User IDs are 64-bit integers in the database, and signed there."""

CHUNK = 100_000
"""IDs added to the bitmap at once; one at a time costs ten times as much."""

BAD_LINES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class UserSet:
    """A packed set of user IDs, as it stands in a row."""

    size: int
    first_user: int | None
    last_user: int | None
    sha256: str
    blob: bytes


def pack(users: BitMap64) -> UserSet:
    """The set as a row keeps it: blob, size, first and last ID, and the SHA-256 of the blob."""
    users.run_optimize()
    blob = users.serialize()
    size = len(users)
    first, last = (users.min(), users.max()) if size else (None, None)
    return UserSet(size, first, last, hashlib.sha256(blob).hexdigest(), blob)


def unpack(blob: bytes) -> BitMap64:
    """The set in a blob made by `pack`."""
    return BitMap64.deserialize(blob)


def cut(users: BitMap64, size: int) -> Iterator[BitMap64]:
    """The set in pieces of `size` IDs, in ID order, so that their ranges are disjoint."""
    if size < 1:
        raise ValueError(f"A batch of {size} users is no batch.")
    piece: list[int] = []
    for user in users:
        piece.append(user)
        if len(piece) == size:
            yield BitMap64(piece)
            piece = []
    if piece:
        yield BitMap64(piece)


@dataclass(slots=True)
class Reading:
    """What a recipient file held."""

    users: BitMap64 = field(default_factory=BitMap64)
    lines: int = 0  # lines that held an ID
    duplicates: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)  # (line number, value), the first few
    bad_count: int = 0


def read_users(lines: Iterable[str], *, name: str, skip_bad: bool = False) -> Reading:
    """Every user ID in a recipient file, read as a stream.

    `lines` are those of a CSV file with a header that names a `user_id` column (or with one unnamed column), of a
    JSON Lines file with `user_id`, or plain IDs. Duplicates are counted and dropped. Without `skip_bad` one bad line
    refuses the whole file. Raises UsageError, which names the file by `name`.
    """
    reading = Reading()
    chunk: list[int] = []
    for number, value in _values(iter(lines), name):
        user = parse_user(value)
        if user is None:
            reading.bad_count += 1
            if len(reading.bad) < BAD_LINES_SHOWN:
                reading.bad.append((number, value.strip()[:40]))
            continue
        chunk.append(user)
        if len(chunk) == CHUNK:
            _add(reading, chunk)
            chunk = []
    _add(reading, chunk)
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
    user = int(value) if len(value) < 20 else LARGEST_USER_ID + 1
    return user if 0 < user <= LARGEST_USER_ID else None


def _add(reading: Reading, chunk: list[int]) -> None:
    before = len(reading.users)
    reading.users.update(BitMap64(chunk))
    reading.lines += len(chunk)
    reading.duplicates += len(chunk) - (len(reading.users) - before)


def _bad_lines(reading: Reading, name: str) -> str:
    shown = ", ".join(f"line {number} '{value}'" for number, value in reading.bad)
    more = f" and {reading.bad_count - len(reading.bad)} more" if reading.bad_count > len(reading.bad) else ""
    return (
        f"{name}: {shown}{more} hold no user ID (a whole number from 1 to {LARGEST_USER_ID}). Nothing was imported; "
        "correct the file, or pass --skip-bad to leave such lines out."
    )


def _values(lines: Iterator[str], name: str) -> Iterator[tuple[int, str]]:
    """Line numbers and raw values of the user IDs, by the form that the first line shows."""
    for number, line in enumerate(lines, 1):
        line = line.removeprefix("\ufeff") if number == 1 else line  # noqa: PLW2901 - a byte-order mark is no value
        if not line.strip():
            continue
        if line.lstrip().startswith("{"):
            yield from _json_values(number, line, lines)
        elif "," in line or parse_user(line) is None:
            yield from _csv_values(number, line, lines, name)
        else:
            yield number, line
            yield from ((n, text) for n, text in enumerate(lines, number + 1) if text.strip())
        return


def _json_values(number: int, first: str, lines: Iterator[str]) -> Iterator[tuple[int, str]]:
    yield number, _json_user(first)
    yield from ((n, _json_user(text)) for n, text in enumerate(lines, number + 1) if text.strip())


def _json_user(line: str) -> str:
    try:
        found = json.loads(line)
    except ValueError:
        return line
    user = found.get("user_id") if isinstance(found, dict) else None
    # A JSON float is refused rather than rounded: IDs exceed what a float can hold.
    return str(user) if isinstance(user, int | str) and not isinstance(user, bool) else line


def _csv_values(number: int, header: str, lines: Iterator[str], name: str) -> Iterator[tuple[int, str]]:
    names = [column.strip().lower() for column in next(csv.reader([header]))]
    column = _column(names, header, name)
    if column is None:
        yield number, header
        column = 0
    if len(names) == 1:
        # A single column needs no CSV parser, which is three times slower.
        yield from ((n, text.strip().strip('"')) for n, text in enumerate(lines, number + 1) if text.strip())
        return
    for n, row in enumerate(csv.reader(lines), number + 1):
        if row:
            yield n, row[column] if column < len(row) else ",".join(row)


def _column(names: list[str], header: str, name: str) -> int | None:
    """Which column holds the IDs; None when the first line is itself a (bad) value of a file without a header."""
    if "user_id" in names:
        return names.index("user_id")
    if len(names) == 1 and any(character.isdigit() for character in header):
        return None
    if names == [""]:
        return 0
    raise UsageError(
        f"{name}: the header has no user_id column (found {', '.join(repr(n) for n in names[:8])}); "
        "name the column user_id, or give plain IDs, one a line."
    )


def union(sets: Iterable[BitMap64]) -> BitMap64:
    """All users of the sets."""
    whole = BitMap64()
    for users in sets:
        whole |= users
    return whole


def subtract(users: BitMap64, reasons: Iterable[tuple[str, Callable[[], BitMap64]]]) -> tuple[
    BitMap64, dict[str, BitMap64]
]:
    """Who is left, and who was left out by which reason; the first reason that applies keeps the user."""
    excluded: dict[str, BitMap64] = {}
    for reason, find in reasons:
        out = users & find()
        if out:
            excluded[reason] = out
            users = users - out
    return users, excluded
