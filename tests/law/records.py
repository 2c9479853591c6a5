"""What whoever reads a place is given: plain records, whatever release wrote the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Memory = Literal["kept", "restored", "lost"]
"""What becomes of a memory of the fences while the database is restored."""


@dataclass(frozen=True)
class Campaign:
    """A campaign as whoever wrote it remembers it, whatever a database says."""

    number: int
    id: int
    account: str
    users: tuple[int, ...]


@dataclass(frozen=True)
class Copy:
    """What a backup holds, and what else there was at that moment."""

    database: Any
    redis: dict[bytes, bytes]
    homes: tuple[dict[str, bytes], ...]
    turn: int
    accounts: tuple[str, ...]
    campaigns: tuple[Campaign, ...]


@dataclass(frozen=True)
class Batch:
    """A batch as the database has it."""

    run_id: int
    seq: int
    state: str
    users: frozenset[int]
    message_ids: tuple[str, ...]


@dataclass(frozen=True)
class Books:
    """A run as the database has it."""

    id: int
    campaign_id: int
    account: str
    state: str
    planned: int
    batches: tuple[Batch, ...]
    holds: tuple[tuple[str, str], ...]  # its own open ones, the oldest first: kind and reason

    @property
    def users(self) -> frozenset[int]:
        """Everybody whom its batches name."""
        return frozenset(user for batch in self.batches for user in batch.users)
