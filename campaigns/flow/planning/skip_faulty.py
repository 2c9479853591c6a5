"""Skip a due run whose message must no longer be sent: the message of an open run cannot be corrected."""

from __future__ import annotations

from campaigns.domain.messages.message import FILTER_ALONE, Message, message_faults
from campaigns.domain.states import RunState
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.runs.runs import find_run, move_run


def skip_faulty(act: Act, run_id: int, message: Message, *, recipients: int | None, batches: int) -> bool:
    """Skip a due run whose message became faulty after it was armed, such as by a scheduled date that has passed.

    `recipients` is None for whole lists; a run without recipients is not a fault here. Returns False when there is no
    fault, or the run is no longer due. The caller holds the lane's lock.
    """
    users = None if recipients is None else max(1, recipients)
    faults = message_faults(message, user_count=users, batch_count=batches, now=act.now)
    faults = [fault for fault in faults if fault != FILTER_ALONE]  # the lane holds such a run, and a person decides
    if not faults:
        return False
    reason = "; ".join(faults)
    if not move_run(act.connection, run_id, start=RunState.DUE, end=RunState.SKIPPED, now=act.now, reason=reason):
        return False
    run = find_run(act.connection, run_id)
    act.record(
        EventKind.RUN_SKIPPED,
        run_id=run_id,
        campaign_id=run.campaign_id,
        account_id=run.account_id,
        reason=reason,
        detail=None if run.scheduled_for is None else {"scheduled_for": run.scheduled_for.isoformat()},
    )
    return True
