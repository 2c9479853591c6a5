"""What identifies a request for ever, even after the database of its attempt was restored or remade."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AttemptIdentity:
    """What identifies an attempt for ever: a restored or remade database may give its numbers to another attempt."""

    lane: str  # its name in the fence book: the account and the time of its creation
    started_at: datetime
    request_sha256: str


def permit_key(lane: str, fence: int, incarnation: str) -> str:
    """The pacer's key of an attempt; it can be read back from SQL.

    A remade database never uses the key of a lost request, because the lane's name has the creation time of its
    account; a restored one does not either, because it begins a new incarnation.
    """
    return f"{incarnation}:{lane}:{fence}"
