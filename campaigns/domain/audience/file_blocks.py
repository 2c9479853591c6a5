"""Reading a file in blocks of bytes that end where a line ends, however long the file is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from campaigns.domain.errors import UsageError

BLOCK_BYTES = 2**20
LONGEST_LINE_BYTES = 16 * 2**20
"""A longer line is no recipient, but a file of another kind; it is refused before it fills the memory."""


class LineBooks(Protocol):
    """Where the lines of a file are counted."""

    file_lines: int


def read_blocks(stream: BinaryIO, name: str, progress: Callable[[int], None] | None) -> Iterator[bytes]:
    """The bytes in blocks that end where a line ends."""
    rest = b""
    read = 0
    while piece := stream.read(BLOCK_BYTES):
        rest += piece
        read += len(piece)
        if progress is not None:
            progress(read)
        # A carriage return at the very end may be the first half of a line end.
        end = (rest.rfind(b"\n") + 1) or (rest.rfind(b"\r", 0, -1) + 1)
        if end:
            yield rest[:end]
            rest = rest[end:]
        if len(rest) > LONGEST_LINE_BYTES:
            raise UsageError(
                f"{name} has a line of more than {LONGEST_LINE_BYTES} bytes, so it is no recipient file; "
                "give CSV, JSON Lines, or one ID a line."
            )
    if rest:
        yield rest


def without_mark(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """The blocks without the byte-order mark, which stands in the first line whatever a block's size."""
    for block in blocks:
        if block.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise UsageError(f"{name} is written in UTF-16; save it as UTF-8 and try again.")
        yield block.removeprefix(b"\xef\xbb\xbf")
        yield from blocks


def count_lines(blocks: Iterator[bytes], books: LineBooks) -> Iterator[bytes]:
    """The blocks as they are, with their lines counted into the books; the last one may have no line end."""
    last = b""
    for block in blocks:
        books.file_lines += line_count(block)
        last = block
        yield block
    if last and not last.endswith((b"\n", b"\r")):
        books.file_lines += 1


def line_count(block: bytes) -> int:
    """How many lines end in a block, whatever their ends are."""
    return block.count(b"\n") + block.count(b"\r") - block.count(b"\r\n")


def numbered_lines(number: int, block: bytes) -> Iterator[tuple[int, str]]:
    """The lines with their numbers; bytes that are no UTF-8 become characters that no ID has."""
    for n, line in enumerate(block.splitlines(keepends=True), number):
        yield n, line.decode(errors="surrogateescape")


def chain(block: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """A block and those that follow it."""
    yield block
    yield from blocks
