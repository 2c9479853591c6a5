"""Hold a run of which too much is rejected: whatever is wrong, each further request costs a credit."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from campaigns.domain.sending.pacing import Limits
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import Outcome
from campaigns.store.audit.events import Act
from campaigns.store.holds.holds import Held, last_closed, place_hold
from campaigns.store.sending.attempts import OpenAttempt
from campaigns.store.sending.batches import anything_waits, ended_batches


def hold_if_failing(
    connection: Connection, opened: OpenAttempt, outcome: Outcome, limits: Limits, *, actor: str, now: datetime
) -> None:
    """After a rejection: hold the run when the limits' share of its batches, and their least number, is rejected.

    Who resumes it has accepted what was rejected until then: it is counted anew. The caller holds the lane's lock.
    """
    if not limits.error_batches or not anything_waits(connection, opened.run_id):
        return
    held = Held(run_id=opened.run_id)
    rejected, accepted = ended_batches(connection, opened.run_id, since=last_closed(connection, held, HoldKind.ERRORS))
    if rejected < limits.error_batches or rejected < limits.error_share * (rejected + accepted):
        return
    reason = (
        f"{rejected} of the last {rejected + accepted} batches were rejected, the last because: "
        f"{outcome.error or 'the vendor refused it'}"
    )
    place_hold(Act(connection, now, actor), held, HoldKind.ERRORS, reason=reason)
