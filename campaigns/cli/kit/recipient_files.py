"""Recipient files for commands: opened as bytes, read as streams, with progress on a terminal."""

from __future__ import annotations

import io
import os
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from campaigns.cli.kit.output import duration, note, one_line
from campaigns.cli.kit.streams import drawing
from campaigns.domain.errors import UsageError

if TYPE_CHECKING:
    from campaigns.domain.audience.user_sets import Reading

BIG_BYTES = 4_000_000
"""Files below this are read in less time than a person needs to see a bar."""

REDRAW_SECONDS = 0.1

LARGEST_LIST_BYTES = 2_000_000_000
"""A hundred million user IDs."""

LARGEST_PIPED_BYTES = 256_000_000
LARGEST_TEXT_BYTES = 8_000_000


def read_file(place: str, *, option: str, skip_bad: bool = False, sheet: str | None = None) -> Reading:
    """The user IDs in a file, or in standard input for `-`. Raises UsageError.

    `sheet` names the sheet of a workbook, which is needed when it has several.
    """
    from campaigns.adapters.disk.recipients import HEAD_BYTES, WORKBOOKS, refuse_sheet
    from campaigns.domain.audience.user_sets import read_users

    with opened_bytes(place, option=option) as (stream, name, size):
        head, whole = _looked_at(stream, HEAD_BYTES)
        if head.startswith(WORKBOOKS):
            return _read_workbook(head, whole, name, skip_bad=skip_bad, sheet=sheet)
        refuse_sheet(sheet, name)
        with closing(Progress(name, size)) as progress:
            return read_users(whole, name=name, skip_bad=skip_bad, progress=_bounded(progress, name))


def _bounded(progress: Progress, name: str) -> Callable[[int], None]:
    """The progress of a file that may have no end, such as a device or a pipe."""

    def checked(bytes_read: int) -> None:
        if bytes_read > LARGEST_LIST_BYTES:
            raise UsageError(
                f"{name} is larger than a file of recipients may be ({LARGEST_LIST_BYTES:,} bytes); give the column of "
                "user IDs alone, or several campaigns. Nothing was imported."
            )
        progress(bytes_read)

    return checked


def _looked_at(stream: BinaryIO, size: int) -> tuple[bytes, BinaryIO]:
    """The first bytes of a stream, and the stream from its beginning."""
    head = stream.read(size)
    if stream.seekable():
        stream.seek(-len(head), os.SEEK_CUR)
        return head, stream
    return head, io.BufferedReader(_Prepended(head, stream))


class _Prepended(io.RawIOBase):
    """Bytes that were read already, and the rest of their stream."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data, self._head = self._head or self._rest.read(len(buffer)), b""
        buffer[: len(data)] = data
        return len(data)


def _read_workbook(head: bytes, stream: BinaryIO, name: str, *, skip_bad: bool, sheet: str | None) -> Reading:
    from campaigns.adapters.disk.recipients import read_workbook

    with tempfile.TemporaryFile() as copy, closing(Progress(name, None)) as progress:
        if not stream.seekable():
            _copy(stream, copy, name)
            stream = copy
        return read_workbook(head, stream, name=name, skip_bad=skip_bad, sheet=sheet, progress=progress)


def _copy(stream: BinaryIO, copy: IO[bytes], name: str) -> None:
    """Put a workbook that comes through a pipe into a file, since its parts are read in an order of their own."""
    left = LARGEST_PIPED_BYTES
    while piece := stream.read(BIG_BYTES):
        left -= len(piece)
        if left < 0:
            raise UsageError(f"{name} is a workbook of more than {LARGEST_PIPED_BYTES:,} bytes; give it as a file.")
        copy.write(piece)


def say_read(reading: Reading) -> None:
    """Write on standard error how a file was understood, what was read, and how its lines were counted."""
    from campaigns.inputs.reading_words import reading_words

    for sentence in reading_words(reading):
        note(sentence)


def file_facts(reading: Reading) -> dict[str, Any]:
    """The part of the JSON about a file: its counts, and how it was understood."""
    form = asdict(reading.form) if reading.form is not None else {}
    return {**asdict(reading.books), **form, "hidden": reading.hidden}


@contextmanager
def opened_bytes(place: str, *, option: str) -> Iterator[tuple[BinaryIO, str, int | None]]:
    """A file to read, its name for messages, and its size in bytes where that is known. Raises UsageError."""
    if not place:
        raise UsageError(f"{option} is empty; name a file, or - for standard input.")
    if place == "-":
        if sys.stdin is None:
            raise UsageError(f"{option} - is standard input, but that is closed; give a file.")
        if sys.stdin.isatty():
            note("Reading from standard input; end with Ctrl-D.")
        yield sys.stdin.buffer, "standard input", None
        return
    try:
        stream = Path(place).open("rb")  # noqa: SIM115 - closed below; only the opening may be refused
        facts = os.fstat(stream.fileno())
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{option} '{place}' cannot be read: {reason(error)}; give a readable file, or - for standard input."
        ) from None
    with stream:
        try:
            yield stream, f"'{place}'", facts.st_size if stat.S_ISREG(facts.st_mode) else None
        except OSError as error:
            raise UsageError(f"{option} '{place}' cannot be read: {reason(error)}.") from None


def reason(error: OSError | ValueError) -> str:
    """Why a file could not be opened, in a few plain words."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    if isinstance(error, PermissionError):
        return "you may not read it"
    words = error.strerror if isinstance(error, OSError) else None
    return words or str(error) or "it is not a file"


class Progress:
    """Bytes read so far, shown on one line of standard error when that is a terminal and the file is big."""

    def __init__(self, name: str, size: int | None) -> None:
        self.name = name
        self.size = size
        self.started = time.monotonic()
        self.drawn = 0.0
        self.is_shown = sys.stderr.isatty() and (size is None or size >= BIG_BYTES)
        self.width = 0

    def __call__(self, bytes_read: int) -> None:
        """Show that this many bytes of the file have been read."""
        now = time.monotonic()
        if self.is_shown and now - self.drawn >= REDRAW_SECONDS:
            self.drawn = now
            self._draw(progress_words(one_line(self.name), bytes_read, self.size, now - self.started))

    def close(self) -> None:
        """Take the line away."""
        if self.width:
            self._draw("")
            self._write("\r")

    def _draw(self, line: str) -> None:
        self._write("\r" + line.ljust(self.width))
        self.width = max(self.width, len(line))

    def _write(self, text: str) -> None:
        stream = drawing(sys.stderr)
        stream.write(text)
        stream.flush()


def progress_words(name: str, bytes_read: int, size: int | None, seconds: float) -> str:
    """`Reading 'fans.csv': 12.0 of 48.0 MB (25 %), 8.0 MB/s, 5 s left`."""
    rate = bytes_read / seconds if seconds > 0 else 0.0
    words = f"Reading {name}: {bytes_read / 1e6:.1f}"
    if size:
        words += f" of {size / 1e6:.1f} MB ({bytes_read / size:.0%})".replace("%", " %")
    else:
        words += " MB"
    words += f", {rate / 1e6:.1f} MB/s"
    if size and rate:
        words += f", {duration(max(0.0, size - bytes_read) / rate)} left"
    return words


def text_of(place: str, *, option: str) -> str:
    """The whole of a small text file, or of standard input for `-`. Raises UsageError."""
    with opened_bytes(place, option=option) as (stream, name, _size):
        raw = stream.read(LARGEST_TEXT_BYTES + 1)
    if len(raw) > LARGEST_TEXT_BYTES:
        raise UsageError(f"{name} is larger than a campaign file may be ({LARGEST_TEXT_BYTES:,} bytes).")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8 text (byte {error.start}); save it as UTF-8.") from None
