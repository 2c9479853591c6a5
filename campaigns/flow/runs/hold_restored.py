"""Hold a run that a restored database takes for new, when the same may have been sent before the restore."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from campaigns.domain.states import HoldKind
from campaigns.store.audit.events import Act
from campaigns.store.backup.restored import MAY_HAVE_BEEN_SENT
from campaigns.store.holds.holds import Held, place_hold


def hold_restored(connection: Connection, run_id: int, *, actor: str, now: datetime) -> None:
    """Hold a run until an operator has looked and resumes it. The caller holds the lane's lock."""
    place_hold(Act(connection, now, actor), Held(run_id=run_id), HoldKind.RESTORED, reason=MAY_HAVE_BEEN_SENT)
