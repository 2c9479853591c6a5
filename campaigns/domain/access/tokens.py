"""The text of API tokens: a prefix that names the kind, 32 random bytes in base 62, and a checksum.

The checksum lets us refuse a mistyped token without a look-up, and lets scanners of source code find a leaked one.
"""

from __future__ import annotations

import hashlib
import zlib

from campaigns.domain.errors import NotIdentified

LIVE = "cmp_"
SANDBOX = "cmpt_"

ENTROPY_BYTES = 32

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

SECRET_DIGITS = 43
"""32 bytes in base 62."""

CHECK_DIGITS = 6
"""32 bits in base 62."""


def token_text(entropy: bytes, *, is_live: bool) -> str:
    """The token for these random bytes; `is_live`: for a desk that sends to a vendor on another machine."""
    assert len(entropy) == ENTROPY_BYTES
    body = (LIVE if is_live else SANDBOX) + _digits(int.from_bytes(entropy), SECRET_DIGITS)
    return body + _checksum(body)


def is_live_token(text: str) -> bool:
    """Whether a token is for a live desk. Raises NotIdentified for a text that cannot be a token."""
    prefix, length = (LIVE, len(LIVE)) if text.startswith(LIVE) else (SANDBOX, len(SANDBOX))
    has_form = text.startswith(prefix) and len(text) == length + SECRET_DIGITS + CHECK_DIGITS
    if not (has_form and text.isascii() and _checksum(text[:-CHECK_DIGITS]) == text[-CHECK_DIGITS:]):
        raise NotIdentified(
            "This is not a token of campaigns, or it was mistyped: its last six characters do not fit the others."
        )
    return prefix == LIVE


def digest(secret: str) -> str:
    """What is stored of a token, of the ID of a session, or of the code of a link. All of them are random."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _checksum(body: str) -> str:
    return _digits(zlib.crc32(body.encode()), CHECK_DIGITS)


def _digits(number: int, count: int) -> str:
    text = ""
    for _ in range(count):
        number, digit = divmod(number, len(DIGITS))
        text = DIGITS[digit] + text
    return text
