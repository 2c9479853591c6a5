"""Skip a due run whose message must not be sent any more; its message cannot be corrected."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from campaigns.domain.messages.message import FILTER_ALONE, Message, message_faults
from campaigns.domain.states import RunState
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.runs.runs import find_run, move_run


def skip_faulty(
    connection: Connection,
    run_id: int,
    message: Message,
    *,
    recipients: int | None,
    batches: int,
    now: datetime,
    actor: str,
) -> bool:
    """Skip a due run for what became of its message since it was armed, such as a scheduled date that has passed.

    `recipients` is None for whole lists; that nobody is left is no fault here. False when nothing is wrong with it, or
    it is due no longer. The caller holds the lane's lock.
    """
    users = None if recipients is None else max(1, recipients)
    faults = message_faults(message, user_count=users, batch_count=batches, now=now)
    faults = [fault for fault in faults if fault != FILTER_ALONE]  # the lane holds such a run, and a person decides
    if not faults:
        return False
    why = "; ".join(faults)
    if not move_run(connection, run_id, start=RunState.DUE, end=RunState.SKIPPED, now=now, reason=why):
        return False
    found = find_run(connection, run_id)
    Act(connection, now, actor).record(
        EventKind.RUN_SKIPPED,
        run_id=run_id,
        campaign_id=found.campaign_id,
        account_id=found.account_id,
        reason=why,
        detail=None if found.scheduled_for is None else {"scheduled_for": found.scheduled_for.isoformat()},
    )
    return True
