"""Passwords: hashed with argon2id, and checked in the same time whether or not there is such an operator."""

from __future__ import annotations

import secrets
import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from campaigns.domain.access.typed import plain_password

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP's least parameters: 19 MiB for a few hundredths of a second, on a host that also sends."""

_at_once = threading.BoundedSemaphore(2)
"""Logins that are checked at the same time: a flood of them must not take the memory that sending needs."""


def hash_password(password: str) -> str:
    """The digest of a password, with its salt and parameters."""
    with _at_once:
        return HASHER.hash(plain_password(password))


def is_password(digest: str | None, password: str) -> bool:
    """Whether the password is the one of the digest. None: no digest is known, and finding that out takes as long."""
    nobodys = _nobodys_digest()
    with _at_once:
        try:
            return HASHER.verify(digest or nobodys, plain_password(password)) and digest is not None
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(digest: str) -> bool:
    """Whether the digest was made with other parameters than a new one."""
    return HASHER.check_needs_rehash(digest)


@cache
def _nobodys_digest() -> str:
    return HASHER.hash(secrets.token_urlsafe(16))
