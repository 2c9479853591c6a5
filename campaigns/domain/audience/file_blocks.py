"""Reading a file in blocks of UTF-8 that end where a line ends, however long the file is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from campaigns.domain.audience.encodings import UTF8, WINDOWS, as_utf8, is_utf8
from campaigns.domain.errors import UsageError

BLOCK_BYTES = 2**20
LONGEST_LINE_BYTES = 16 * 2**20
"""Longest line, in bytes. A longer line belongs to another kind of file; it is refused before it fills the memory."""


class LineBooks(Protocol):
    """The counts of a file's lines, and its encoding."""

    file_lines: int
    encoding: str


def read_blocks(
    stream: BinaryIO, name: str, progress: Callable[[int], None] | None, books: LineBooks
) -> Iterator[bytes]:
    """The file in blocks of UTF-8 that end where a line ends. Its lines are counted, and its encoding is recorded."""
    books.encoding, pieces = as_utf8(_read(stream, progress))
    last = b""
    for block in _whole_lines(pieces, name):
        books.file_lines += line_count(block)
        if books.encoding == UTF8 and not is_utf8(block):
            books.encoding = WINDOWS
        last = block
        yield block
    if last and not last.endswith((b"\n", b"\r")):
        books.file_lines += 1


def _read(stream: BinaryIO, progress: Callable[[int], None] | None) -> Iterator[bytes]:
    read = 0
    while piece := stream.read(BLOCK_BYTES):
        read += len(piece)
        if progress is not None:
            progress(read)
        yield piece


def _whole_lines(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        rest += piece
        # A carriage return at the very end may be the first half of a line end.
        end = (rest.rfind(b"\n") + 1) or (rest.rfind(b"\r", 0, -1) + 1)
        if end:
            yield rest[:end]
            rest = rest[end:]
        if len(rest) > LONGEST_LINE_BYTES:
            raise UsageError(
                f"{name} has a line of more than {LONGEST_LINE_BYTES} bytes, so it is not a recipient file; "
                "give CSV, JSON Lines, or one ID a line."
            )
    if rest:
        yield rest


def line_count(block: bytes) -> int:
    """The number of line ends in a block, of any kind."""
    return block.count(b"\n") + block.count(b"\r") - block.count(b"\r\n")


def numbered_lines(number: int, block: bytes) -> Iterator[tuple[int, str]]:
    """The lines with their numbers; bytes that are not UTF-8 become characters that no ID has."""
    for n, line in enumerate(block.splitlines(keepends=True), number):
        yield n, line.decode(errors="surrogateescape")


def chain(block: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """A block and the blocks after it."""
    yield block
    yield from blocks
