"""The encoding of a recipient file, from its first bytes, and the file as UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

HEAD_BYTES = 1024
"""Bytes that are examined to recognise UTF-16 in a file without a byte-order mark."""

UTF8, WINDOWS = "UTF-8", "Windows-1252"

_MARKS = (
    (codecs.BOM_UTF8, UTF8),
    (codecs.BOM_UTF32_LE, "UTF-32-LE"),  # before UTF-16: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_BE, "UTF-32-BE"),
    (codecs.BOM_UTF16_LE, "UTF-16-LE"),
    (codecs.BOM_UTF16_BE, "UTF-16-BE"),
)


def as_utf8(pieces: Iterator[bytes]) -> tuple[str, Iterator[bytes]]:
    """The encoding of a file, and its bytes as UTF-8 without a byte-order mark.

    A file that is neither UTF-16 nor UTF-32 is not changed; `is_utf8` tells whether it is UTF-8 or another extension
    of ASCII. A byte that is not valid in UTF-16 becomes a character that no user ID has.
    """
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= HEAD_BYTES:
            break
    mark, encoding = next(((mark, name) for mark, name in _MARKS if head.startswith(mark)), (b"", _unmarked(head)))
    rest = _after(head[len(mark) :], pieces)
    return encoding, rest if encoding == UTF8 else _transcoded(rest, encoding)


def is_utf8(block: bytes) -> bool:
    """Whether a block of whole lines is UTF-8."""
    if block.isascii():
        return True
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def decoded(text: bytes) -> str:
    """Bytes as text for display: as UTF-8, or else as Windows-1252."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("cp1252", errors="replace")


def _unmarked(head: bytes) -> str:
    """UTF-16 is recognised by the zero byte of each plain letter and digit, always on the same side."""
    even, odd = head[:HEAD_BYTES:2], head[1:HEAD_BYTES:2]
    if 0 in odd and 0 not in even and 2 * odd.count(0) >= len(odd):
        return "UTF-16-LE"
    if 0 in even and 0 not in odd and 2 * even.count(0) >= len(even):
        return "UTF-16-BE"
    return UTF8


def _after(head: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from pieces


def _transcoded(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    for piece in pieces:
        yield decoder.decode(piece).encode()
    yield decoder.decode(b"", final=True).encode()
