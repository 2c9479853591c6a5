"""Recipient files for commands: opened as bytes, read as streams, with progress on a terminal."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from campaigns.cli.kit.output import counted, duration, note, one_line
from campaigns.domain.errors import UsageError

if TYPE_CHECKING:
    from campaigns.domain.audience.user_sets import Reading

BIG_BYTES = 4_000_000
"""Files below this are read in less time than a person needs to see a bar."""

REDRAW_SECONDS = 0.1


def read_file(place: str, *, option: str, skip_bad: bool = False) -> Reading:
    """Everybody whom a file, or standard input for `-`, names. Raises UsageError."""
    from campaigns.domain.audience.user_sets import read_users

    with opened_bytes(place, option=option) as (stream, name, size):
        progress = Progress(name, size)
        try:
            return read_users(stream, name=name, skip_bad=skip_bad, progress=progress)
        finally:
            progress.close()


def say_read(reading: Reading) -> None:
    """Say on standard error what was read from a file, and where each of its lines went."""
    words = f"Read {counted(len(reading.users), 'user ID')}"
    if reading.duplicates:
        words += f", dropped {counted(reading.duplicates, 'duplicate')}"
    if reading.bad_count:
        first = ", ".join(f"line {number} '{one_line(value)}'" for number, value in reading.bad)
        more = " …" if reading.bad_count > len(reading.bad) else ""
        words += f", skipped {counted(reading.bad_count, 'bad line')} ({first}{more})"
    books = reading.books
    parts = [f"{books.ids:,} with a new ID", f"{books.duplicates:,} with a duplicate", f"{books.bad:,} bad"]
    parts += [f"{books.blank:,} blank", f"{books.inside_quotes:,} inside quotes", f"{books.header:,} header"]
    note(f"{words}. {counted(books.lines, 'line')}: {', '.join(parts)}.")


@contextmanager
def opened_bytes(place: str, *, option: str) -> Iterator[tuple[BinaryIO, str, int | None]]:
    """A file to read, its name for messages, and its size in bytes where that is known. Raises UsageError."""
    if place == "-":
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
    return words or str(error) or "it is no file"


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
        """Say that so many bytes of the file have been read."""
        now = time.monotonic()
        if self.is_shown and now - self.drawn >= REDRAW_SECONDS:
            self.drawn = now
            self._draw(progress_words(self.name, bytes_read, self.size, now - self.started))

    def close(self) -> None:
        """Take the line away."""
        if self.width:
            self._draw("")
            click.echo("\r", err=True, nl=False)

    def _draw(self, line: str) -> None:
        click.echo("\r" + line.ljust(self.width), err=True, nl=False)
        self.width = max(self.width, len(line))


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
        raw = stream.read()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8 text (byte {error.start}); save it as UTF-8.") from None
