"""Pause and resume a run, and cancel what was not sent of it. Every act takes a reason and leaves an event."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from campaigns.domain.errors import NotAllowed
from campaigns.domain.people import Reason
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import RUN_OPEN, HoldKind, RunState
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.engine import Store
from campaigns.store.holds.holds import Held, holds_on, lift_hold, place_hold
from campaigns.store.runs.runs import RunRow, end_run_if_done, find_run, move_run
from campaigns.store.sending.batches import anything_is_looked_for, anything_waits, cancel_ready
from campaigns.store.sending.lanes import hold_lane, lane_suppressions


@dataclass(frozen=True, slots=True)
class Paused:
    """A run that an operator has paused."""

    run_id: int
    state: RunState
    paused: bool


@dataclass(frozen=True, slots=True)
class Resumed:
    """A run of which one hold was closed."""

    run_id: int
    state: RunState
    paused: bool  # another hold still pauses it
    closed: HoldKind
    still_held_by: list[HoldKind]


def pause_run(store: Store, run_id: int, *, reason: str, actor: str) -> Paused:
    """Let nothing of the run leave until it is resumed. A request in flight may still end. Raises NotAllowed."""
    reason = Reason(reason)
    with store.write() as connection:
        run = lock_run(connection, run_id)
        refuse_ended(run, "paused")
        act = Act(connection, store.now(connection), actor)
        if not place_hold(act, Held(run_id=run_id), HoldKind.OPERATOR, reason=reason):
            raise NotAllowed(f"Run {run_id} is paused already.", Remedy(Do.RESUME_RUN, run=run_id))
        return Paused(run_id, run.state, paused=True)


def resume_run(store: Store, run_id: int, *, reason: str, actor: str) -> Resumed:
    """Close one hold on the run: the operator's if there is one, else the oldest. Others stay. Raises NotAllowed."""
    reason = Reason(reason)
    with store.write() as connection:
        run = lock_run(connection, run_id)
        act = Act(connection, store.now(connection), actor)
        holds = holds_on(connection, Held(run_id=run_id))
        if not holds:
            _refuse_not_paused(connection, run)
        lift_hold(act, holds[0].id, reason=reason, suppressions=lane_suppressions(connection, run.account_id))
        others = [hold.kind for hold in holds[1:]]
        return Resumed(run_id, run.state, paused=bool(others), closed=holds[0].kind, still_held_by=others)


def _refuse_not_paused(connection: Connection, run: RunRow) -> None:
    held = (Held(account_id=run.account_id), Held(upstream=run.upstream))
    wider = [hold for which in held for hold in holds_on(connection, which)]
    if not wider:
        raise NotAllowed(f"Run {run.id} is not paused, so there is nothing to resume.")
    raise NotAllowed(
        f"Run {run.id} is not paused itself; its account or its team is ({wider[0].reason}). Fix the cause first.",
        Remedy(Do.RELEASE_ACCOUNT, account=run.account_id),
    )


def cancel_open_run(act: Act, run: RunRow, *, reason: str) -> int:
    """Cancel what was not sent of an open run; returns how many batches. The caller holds the lane's lock.

    Anything in flight or searched for is waited for, in `cancelling`.
    """
    connection = act.connection
    batches = cancel_ready(connection, run.id, why=f"cancelled: {reason}", now=act.now)
    if run.state is RunState.CANCELLING:
        return batches
    in_flight = anything_waits(connection, run.id) or anything_is_looked_for(connection, run.id)
    end = RunState.CANCELLING if in_flight else RunState.CANCELLED
    move_run(connection, run.id, start=run.state, end=end, now=act.now, reason=reason)
    act.record(
        EventKind.RUN_CANCELLED,
        run_id=run.id,
        campaign_id=run.campaign_id,
        account_id=run.account_id,
        reason=reason,
        detail={"batches": batches, "in_flight": in_flight},
    )
    end_run_if_done(act, run.id)
    return batches


def lock_run(connection: Connection, run_id: int) -> RunRow:
    """The run under its account's lock, read after that was got: its last holder may have ended the run."""
    hold_lane(connection, find_run(connection, run_id).account_id)
    return find_run(connection, run_id)


def refuse_ended(run: RunRow, participle: str) -> None:
    """Raise NotAllowed when the run has ended."""
    if run.state not in RUN_OPEN:
        raise NotAllowed(f"Run {run.id} is {run.state.value} and can no longer be {participle}.")
