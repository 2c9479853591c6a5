"""What names a request for good, whatever becomes of the database in which its attempt was committed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AttemptIdentity:
    """What names an attempt for good: a restored or remade database may give its numbers to another one."""

    lane: str  # as the fence book calls it: the account and the instant of its making
    started_at: datetime
    request_sha256: str


def permit_key(lane: str, fence: int, incarnation: str) -> str:
    """The pacer's key of an attempt; it can be read back from SQL.

    Neither a database that was made anew nor one that was restored asks under the key of a request that is lost: the
    lane's name has the instant at which its account was made known.
    """
    return f"{incarnation}:{lane}:{fence}"
