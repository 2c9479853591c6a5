"""4e. What was handed over is taken back before its time by a DELETE: the vendor's copy is never changed, by no PUT.

Only while a look shows that its time is more than five minutes away. What is confirmed by then was provably never sent:
its batch is cancelled, and a rerun may send to those users again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from campaigns.domain.errors import NotAllowed
from campaigns.domain.states import RUN_OPEN
from campaigns.flow.control import cancel_open_run, cancel_run
from campaigns.flow.recall import ask_back
from campaigns.store.engine import Store
from campaigns.store.handovers import HandedOver, handed_over, runs_handed_over
from campaigns.store.lanes import hold_lane
from campaigns.store.runs import RunRow, find_run


def cancel(store: Store, run_id: int, *, reason: str, actor: str) -> dict[str, Any]:
    """Cancel what has not left of a run, and take back what the vendor is still to send of it. Raises NotAllowed.

    `recalling` counts the batches that a worker takes back from now on.
    """
    with store.write() as connection:
        hold_lane(connection, find_run(connection, run_id).account_id)
        found, now = find_run(connection, run_id), store.now(connection)
        ahead = [batch for batch in handed_over(connection, run_id) if batch.due > now]
        if ahead:
            return _cancel_handed_over(connection, found, ahead, reason=reason, actor=actor, now=now)
    return {**cancel_run(store, run_id, reason=reason, actor=actor), "recalling": 0}


def _cancel_handed_over(
    connection: Connection, found: RunRow, ahead: list[HandedOver], *, reason: str, actor: str, now: datetime
) -> dict[str, Any]:
    batches = 0
    if found.state in RUN_OPEN:
        batches = cancel_open_run(connection, found, reason=reason, actor=actor, now=now)
    if not ask_back(connection, found.id, reason=reason, actor=actor, now=now):
        raise NotAllowed(f"Run {found.id} is being recalled already; `campaigns runs watch {found.id}` shows it.")
    state = find_run(connection, found.id).state.value
    return {"run_id": found.id, "state": state, "cancelled_batches": batches, "recalling": len(ahead)}


def take_back_ahead(connection: Connection, campaign_id: int, *, reason: str, actor: str, now: datetime) -> list[int]:
    """Have everything taken back that the vendor is still to send of a campaign; answers the runs."""
    runs = runs_handed_over(connection, campaign_id, now=now)
    return [run_id for run_id in runs if ask_back(connection, run_id, reason=reason, actor=actor, now=now)]
