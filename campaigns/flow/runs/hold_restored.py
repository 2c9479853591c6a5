"""Pause a run that a restored database takes for new, when the same may have been sent before the restore."""

from __future__ import annotations

from campaigns.domain.states import HoldKind
from campaigns.store.audit.events import Act
from campaigns.store.backup.restored import MAY_HAVE_BEEN_SENT
from campaigns.store.holds.holds import Held, place_hold


def hold_restored(act: Act, run_id: int) -> None:
    """Pause a run until an operator has looked at the vendor and resumes it. The caller holds the lane's lock."""
    place_hold(act, Held(run_id=run_id), HoldKind.RESTORED, reason=MAY_HAVE_BEEN_SENT)
