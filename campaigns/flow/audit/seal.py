"""Seal events after they happened: no send waits for a seal."""

from __future__ import annotations

from campaigns.domain.errors import StaleClaim
from campaigns.store.audit.seals import add_seals, make_seals, unsealed_events
from campaigns.store.database.engine import Store
from campaigns.store.database.postgresql import wait_briefly

EVENTS_AT_ONCE = 1000
"""At most this many, so that the one write lock of SQLite is held for milliseconds."""


def seal_events(store: Store, *, limit: int = EVENTS_AT_ONCE) -> int:
    """Seal the oldest events that wait for it; returns how many, 0 when another sealer was quicker.

    Everything is read and hashed before the one short transaction that writes, so a crash seals all or none of them,
    and any number of callers is safe. Raises DatabaseAway, or DatabaseBusy when another sealer does not end.
    """
    with store.read() as connection:
        waiting = unsealed_events(connection, limit)
        if not waiting:
            return 0
        seals = make_seals(connection, waiting, now=store.now(connection))
    if not seals:
        return 0
    try:
        with store.write() as connection:
            wait_briefly(connection)  # another sealer may have vanished in the middle, and the tick has to go on
            add_seals(connection, seals)
    except StaleClaim:
        return 0
    return len(seals)
