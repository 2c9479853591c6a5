"""An invisible mark in a text: the vendor's echo of a message then names the attempt that sent it.

A mark is 64 bits. In a text it is 42 characters that no font draws (U+2060 to U+2064): an edge at each end, and between
them four symbols that write the bits and a check number, so that such characters of a user are not read as a mark. The
mark is placed after a word inside the text, because the ends of a text may be trimmed (the vendor's errors look like
Laravel's, whose trimming removes these characters too, read 2026-11), and never beside a link, which it would break.

No source documents whether the vendor keeps these characters: a probe of the account finds out.
"""

from __future__ import annotations

import hashlib
import html
import re
from datetime import UTC, datetime

EDGE = "\u2060"
SYMBOLS = "\u2061\u2062\u2063\u2064"

MARK_BYTES = 8
CHECK_BYTES = 2
LEAST_CHANCE = 16
"""The minimum of random bytes for a mark."""

_SYMBOLS_OF_A_BYTE = 4
_DRAWN = (MARK_BYTES + CHECK_BYTES) * _SYMBOLS_OF_A_BYTE
LENGTH = _DRAWN + 2
"""Characters that a mark adds to a text."""

# The second edge may be the first one of the next mark, so it is matched without being consumed.
_FRAME = re.compile(f"{EDGE}(?=([{SYMBOLS}]{{{_DRAWN}}}){EDGE})")
_REMOVED = dict.fromkeys(map(ord, EDGE + SYMBOLS))

_MARK_UP = re.compile(r"<[^<>]*>|&#?\w+;")
_HIDDEN = "\0"
_GAP = re.compile(r"\s+")
_PUNCTUATION = ".,:;!?\u2026"
_OF_LINKS = frozenset("/@#.:_")


def new_mark(*, account_id: str, fence: int, at: datetime, chance: bytes) -> str:
    """The mark of one attempt: 16 hexadecimal digits.

    `chance` is random bytes from outside the database, so that a restored database repeats none. The other values keep
    marks of attempts apart even when the random bytes repeat, as on a copied machine. Raises ValueError for too few
    random bytes.
    """
    if len(chance) < LEAST_CHANCE:
        raise ValueError(f"A mark needs {LEAST_CHANCE} random bytes; {len(chance)} were given.")
    named = f"{account_id} {fence} {at.astimezone(UTC).isoformat()} ".encode()
    return hashlib.sha256(named + chance).hexdigest()[: 2 * MARK_BYTES]


def is_mark(value: object) -> bool:
    """Whether a stored value is a mark."""
    return isinstance(value, str) and re.fullmatch(f"[0-9a-f]{{{2 * MARK_BYTES}}}", value) is not None


def with_mark(text: str, mark: str) -> str:
    """The text with a mark in it and nothing else changed."""
    place = _place(text)
    return text[:place] + _drawn(mark) + text[place:]


def read_marks(text: str) -> tuple[str, ...]:
    """Every mark in a text that the vendor echoes, each once, in order. A damaged mark is left out."""
    marks = (_read(frame[1]) for frame in _FRAME.finditer(html.unescape(text)))
    return tuple(dict.fromkeys(mark for mark in marks if mark is not None))


def without_marks(text: str) -> str:
    """The text without any character that marks are made of, those of damaged marks too."""
    return text.translate(_REMOVED)


def without_copied_marks(text: str) -> str:
    """A text that a person wrote, without marks. It has some when it was copied from a message that we sent.

    Such a mark must not be sent again: it names another attempt. Mark characters that form no mark stay.
    """
    return without_marks(text) if read_marks(text) else text


def _drawn(mark: str) -> str:
    payload = bytes.fromhex(mark)
    if len(payload) != MARK_BYTES:
        raise ValueError(f"'{mark}' is not a valid mark.")
    bits = payload + _check(payload)
    symbols = (SYMBOLS[byte >> shift & 3] for byte in bits for shift in (6, 4, 2, 0))
    return f"{EDGE}{''.join(symbols)}{EDGE}"


def _read(symbols: str) -> str | None:
    bits = bytearray()
    for first in range(0, _DRAWN, _SYMBOLS_OF_A_BYTE):
        byte = 0
        for symbol in symbols[first : first + _SYMBOLS_OF_A_BYTE]:
            byte = byte << 2 | SYMBOLS.index(symbol)
        bits.append(byte)
    payload, check = bytes(bits[:MARK_BYTES]), bytes(bits[MARK_BYTES:])
    return payload.hex() if check == _check(payload) else None


def _check(payload: bytes) -> bytes:
    return hashlib.sha256(b"campaigns mark 1 " + payload).digest()[:CHECK_BYTES]


def _place(text: str) -> int:
    """The place of the mark: after the first plain word that has more text behind it.

    Without such a word: after the last word, or before a link, where the vendor may trim it.
    """
    shown = _MARK_UP.sub(lambda match: _HIDDEN * len(match[0]), text)
    for gap in _GAP.finditer(shown):
        if _ends_with_plain_word(shown[: gap.start()]) and shown[gap.end() :].strip(_HIDDEN + " \t\r\n"):
            return gap.start()
    end = len(shown.rstrip(_HIDDEN + " \t\r\n"))
    if _ends_with_plain_word(shown[:end]):
        return end
    return len(shown) - len(shown.lstrip(_HIDDEN + " \t\r\n"))


def _ends_with_plain_word(shown: str) -> bool:
    word = re.split(rf"[\s{_HIDDEN}]", shown)[-1].rstrip(_PUNCTUATION)
    return bool(word) and _OF_LINKS.isdisjoint(word)
