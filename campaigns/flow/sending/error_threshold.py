"""Put a run on hold when too many of its batches are rejected: each further request would cost a credit."""

from __future__ import annotations

from campaigns.domain.sending.pacing import Limits
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import Outcome
from campaigns.store.audit.events import Act
from campaigns.store.holds.holds import Held, last_closed, place_hold
from campaigns.store.sending.attempts import OpenAttempt
from campaigns.store.sending.batches import anything_waits, ended_batches


def hold_if_failing(act: Act, opened: OpenAttempt, outcome: Outcome, limits: Limits) -> None:
    """After a rejection: put the run on hold when both the number and the share of its rejected batches are too high.

    Whoever resumes the run accepts the rejections until then: counting starts again. The caller holds the lane's lock.
    """
    if not limits.error_batches or not anything_waits(act.connection, opened.run_id):
        return
    held = Held(run_id=opened.run_id)
    resumed_at = last_closed(act.connection, held, HoldKind.ERRORS)
    rejected, accepted = ended_batches(act.connection, opened.run_id, since=resumed_at)
    if rejected < limits.error_batches or rejected < limits.error_share * (rejected + accepted):
        return
    reason = (
        f"{rejected} of the last {rejected + accepted} batches were rejected, the last because: "
        f"{outcome.error or 'the vendor refused it'}"
    )
    place_hold(act, held, HoldKind.ERRORS, reason=reason)
