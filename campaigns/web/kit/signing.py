"""Texts that leave the desk and come back: signed, so that nobody else can make one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

SIGNATURE_BYTES = 16


def signed(secret: bytes, purpose: str, value: Any) -> str:
    """The JSON value as one word for an address. `purpose` keeps it from being used anywhere else."""
    body = json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
    return _text(_signature(secret, purpose, body) + body)


def opened(secret: bytes, purpose: str, word: str) -> Any:
    """The value of a word that `signed` made. Raises ValueError for any other word."""
    try:
        raw = base64.urlsafe_b64decode(word.encode("ascii") + b"=" * (-len(word) % 4))
    except ValueError:
        raise ValueError("it is not a word of this desk") from None
    signature, body = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(secret, purpose, body)):
        raise ValueError("it was not made by this desk, or was changed")
    return json.loads(body)


def _signature(secret: bytes, purpose: str, body: bytes) -> bytes:
    return hmac.new(secret, purpose.encode() + b"\0" + body, hashlib.sha256).digest()[:SIGNATURE_BYTES]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
