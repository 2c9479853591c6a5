"""Pause, resume and cancel a run. Every act takes a reason and leaves an event."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from campaigns.domain.errors import NotAllowed
from campaigns.domain.states import RUN_OPEN, HoldKind, RunState
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.engine import Store
from campaigns.store.holds.holds import Held, holds_on, lift_hold, place_hold
from campaigns.store.runs.runs import RunRow, end_run_if_done, find_run, move_run
from campaigns.store.sending.batches import anything_is_looked_for, anything_waits, cancel_ready
from campaigns.store.sending.lanes import hold_lane, lane_suppressions


def pause_run(store: Store, run_id: int, *, reason: str, actor: str) -> dict[str, Any]:
    """Let nothing of the run leave until it is resumed. A request in flight may still end. Raises NotAllowed."""
    with store.write() as connection:
        found = _locked(connection, run_id)
        _refuse_ended(found, "paused")
        now = store.now(connection)
        if not place_hold(Act(connection, now, actor), Held(run_id=run_id), HoldKind.OPERATOR, reason=reason):
            raise NotAllowed(f"Run {run_id} is paused already; `campaigns runs resume {run_id}` lets it go on.")
        return {"run_id": run_id, "state": found.state.value, "paused": True}


def resume_run(store: Store, run_id: int, *, reason: str, actor: str) -> dict[str, Any]:
    """Close one hold on the run: the operator's if there is one, else the oldest. Others stay. Raises NotAllowed."""
    with store.write() as connection:
        found = _locked(connection, run_id)
        now = store.now(connection)
        holds = holds_on(connection, Held(run_id=run_id))
        if not holds:
            wider = [
                *holds_on(connection, Held(account_id=found.account_id)),
                *holds_on(connection, Held(upstream=found.upstream)),
            ]
            if wider:
                raise NotAllowed(
                    f"Run {run_id} is not paused itself; its account or team is held ({wider[0].reason}). When that is "
                    f"mended: `campaigns accounts release {found.account_id} --reason TEXT`."
                )
            raise NotAllowed(f"Run {run_id} is not paused, so there is nothing to resume.")
        seen = lane_suppressions(connection, found.account_id)
        lift_hold(Act(connection, now, actor), holds[0].id, reason=reason, suppressions=seen)
        return {
            "run_id": run_id,
            "state": found.state.value,
            "paused": len(holds) > 1,
            "closed": holds[0].kind,
            "still_held_by": [hold.kind for hold in holds[1:]],
        }


def cancel_run(store: Store, run_id: int, *, reason: str, actor: str) -> dict[str, Any]:
    """Cancel what has not left. Anything in flight or looked for is waited for, in `cancelling`. Raises NotAllowed."""
    with store.write() as connection:
        found = _locked(connection, run_id)
        _refuse_ended(found, "cancelled")
        if found.state is RunState.CANCELLING:
            raise NotAllowed(f"Run {run_id} is being cancelled already; a request of it is still in flight.")
        batches = cancel_open_run(connection, found, reason=reason, actor=actor, now=store.now(connection))
        return {"run_id": run_id, "state": find_run(connection, run_id).state.value, "cancelled_batches": batches}


def cancel_open_run(connection: Connection, found: RunRow, *, reason: str, actor: str, now: datetime) -> int:
    """Cancel what has not left of an open run; answers how many batches. The caller holds the lane's lock."""
    batches = cancel_ready(connection, found.id, why=f"cancelled: {reason}", now=now)
    if found.state is RunState.CANCELLING:
        return batches
    in_flight = anything_waits(connection, found.id) or anything_is_looked_for(connection, found.id)
    end = RunState.CANCELLING if in_flight else RunState.CANCELLED
    move_run(connection, found.id, start=found.state, end=end, now=now, reason=reason)
    Act(connection, now, actor).record(
        EventKind.RUN_CANCELLED,
        run_id=found.id,
        campaign_id=found.campaign_id,
        account_id=found.account_id,
        reason=reason,
        detail={"batches": batches, "in_flight": in_flight},
    )
    end_run_if_done(connection, found.id, now=now, actor=actor)
    return batches


def _locked(connection: Connection, run_id: int) -> RunRow:
    """The run under its account's lock, read after that was got: its last holder may have ended the run."""
    hold_lane(connection, find_run(connection, run_id).account_id)
    return find_run(connection, run_id)


def _refuse_ended(found: RunRow, what: str) -> None:
    if found.state not in RUN_OPEN:
        raise NotAllowed(f"Run {found.id} is {found.state.value} and cannot be {what} any more.")
