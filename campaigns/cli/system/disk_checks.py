"""The check of `doctor` that writes: whether the database takes a write, and how long a commit takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from campaigns.checks.check import AWAY, Check
from campaigns.checks.disks import room_fix
from campaigns.domain.errors import DatabaseAway

if TYPE_CHECKING:
    from campaigns.store.database.engine import Store

SLOW_SECONDS = 0.5
"""A commit that takes longer limits an account to a message a second, since each message takes two commits."""


def write_check(store: Store) -> Check:
    """Whether the database takes a write now: the row that says when `doctor` last ran. Raises RoleTooWeak."""
    from campaigns.domain.errors import RoleTooWeak
    from campaigns.store.health.heartbeats import beat_heart

    began = time.monotonic()
    try:
        with store.write() as connection:
            beat_heart(connection, "doctor", now=store.now(connection))
    except RoleTooWeak:
        raise
    except DatabaseAway as fault:
        fix = room_fix(fault, store) or "see what the database says, then try again"
        return Check("database writes", "fault", str(fault), fix, AWAY)
    took = time.monotonic() - began
    if took > SLOW_SECONDS:
        found = f"a commit takes {took:.1f} s, and each message needs two"
        return Check("database writes", "note", found, "look at the load of its disk, or give it a faster one")
    return Check("database writes", "ok", f"a commit takes {took * 1000:.0f} ms")
