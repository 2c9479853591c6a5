"""Cancel a handed-over run before its time by unsending it; the vendor's copy is never edited.

Only while a look shows that its time is more than five minutes away. What is confirmed by then was provably never sent:
its batch is cancelled, and a rerun may send to those users again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from campaigns.domain.errors import NotAllowed
from campaigns.domain.states import RUN_OPEN, RunState
from campaigns.flow.recall.recall import MAY_SEND, ask_back
from campaigns.flow.runs.pause_resume_cancel import cancel_open_run, cancel_run
from campaigns.store.database.engine import Store
from campaigns.store.handoff.handed_over import HandedOver, handed_over, is_ahead, open_runs_ahead, runs_handed_over
from campaigns.store.runs.runs import RunRow, find_run
from campaigns.store.sending.lanes import hold_lane


def cancel(store: Store, run_id: int, *, reason: str, actor: str) -> dict[str, Any]:
    """Cancel what has not left of a run, and take back what the vendor is still to send of it. Raises NotAllowed.

    `recalling` counts the batches that a worker takes back from now on. A request in flight, or one that is looked for,
    may turn out to be handed over: it is taken back as soon as that is known.
    """
    with store.write() as connection:
        hold_lane(connection, find_run(connection, run_id).account_id)
        found, now = find_run(connection, run_id), store.now(connection)
        ahead = len(_still_ahead(connection, run_id, now))
        if ahead or (found.state in MAY_SEND and is_ahead(connection, run_id, now=now)):
            batches, is_asked = _cancel_ahead(connection, found, reason=reason, actor=actor, now=now)
            if ahead and not is_asked:
                raise NotAllowed(f"Run {run_id} is being recalled already; `campaigns runs watch {run_id}` shows it.")
            state = find_run(connection, run_id).state.value
            return {"run_id": run_id, "state": state, "cancelled_batches": batches, "recalling": ahead}
    return {**cancel_run(store, run_id, reason=reason, actor=actor), "recalling": 0}


def take_back_ahead(connection: Connection, campaign_id: int, *, reason: str, actor: str, now: datetime) -> list[int]:
    """Have everything taken back that the vendor is still to send of a campaign; answers the runs.

    One that is only half handed over is cancelled, since nothing is taken back of a run that still sends.
    """
    runs = {*runs_handed_over(connection, campaign_id, now=now), *open_runs_ahead(connection, campaign_id, now=now)}
    how: dict[str, Any] = {"reason": reason, "actor": actor, "now": now}
    return [run_id for run_id in sorted(runs) if _cancel_ahead(connection, find_run(connection, run_id), **how)[1]]


def _cancel_ahead(connection: Connection, found: RunRow, *, reason: str, actor: str, now: datetime) -> tuple[int, bool]:
    """Cancel what is ready of a run, and have taken back what left; the batches, and whether that was asked for."""
    batches = 0
    if found.state in RUN_OPEN:
        batches = cancel_open_run(connection, found, reason=reason, actor=actor, now=now)
    may_be_out = find_run(connection, found.id).state is RunState.CANCELLING or _still_ahead(connection, found.id, now)
    return batches, bool(may_be_out) and ask_back(connection, found.id, reason=reason, actor=actor, now=now)


def _still_ahead(connection: Connection, run_id: int, now: datetime) -> list[HandedOver]:
    return [batch for batch in handed_over(connection, run_id) if batch.due > now]
