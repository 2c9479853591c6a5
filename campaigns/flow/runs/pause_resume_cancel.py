"""Pause and resume a run, and cancel what was not sent of it. Every act takes a reason and leaves an event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from campaigns.domain.errors import NotAllowed, Outdated
from campaigns.domain.people import Reason
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.sending.lifting import lifted_by
from campaigns.domain.states import RUN_OPEN, HoldKind, RunState
from campaigns.flow.runs.shown import refuse_more
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.engine import Store
from campaigns.store.holds.holds import Held, OpenHold, holds_on, lift_hold, place_hold
from campaigns.store.runs.runs import RunRow, books, end_run_if_done, find_run, move_run
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
    paused: bool  # another hold, on it, its account or its team, still pauses it
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


def resume_run(
    store: Store, run_id: int, *, reason: str, shown: int | None = None, closing: int | None = None, actor: str
) -> Resumed:
    """Close one hold on the run: the operator's if there is one, else the oldest. Others stay.

    `shown`: the recipients that a person was shown as waiting. `closing`: the hold that they were shown; without it any
    is closed. Raises NotAllowed; Outdated when more wait now, or when it would be another hold.
    """
    reason = Reason(reason)
    with store.write() as connection:
        run = lock_run(connection, run_id)
        act = Act(connection, store.now(connection), actor)
        holds, wider = holds_on(connection, Held(run_id=run_id)), _wider_holds(connection, run)
        if not holds:
            raise _nothing_to_resume(run, wider)
        if closing not in {None, holds[0].id}:
            raise Outdated(
                f"The pause of run {run_id} that the page showed has ended. Another one ({holds[0].kind}) stays: look "
                "at the run again.",
                Remedy(Do.SHOW_RUN, run=run_id),
            )
        refuse_more(shown, books(connection, run_id).waiting, f"recipients of run {run_id} who wait")
        lift_hold(act, holds[0].id, reason=reason, suppressions=lane_suppressions(connection, run.account_id))
        others = [hold.kind for hold in [*holds[1:], *wider]]
        return Resumed(run_id, run.state, paused=bool(others), closed=holds[0].kind, still_held_by=others)


def _wider_holds(connection: Connection, run: RunRow) -> list[OpenHold]:
    """The holds on the account of a run, and on its team."""
    held = (Held(account_id=run.account_id), Held(upstream=run.upstream))
    return [hold for which in held for hold in holds_on(connection, which)]


def _nothing_to_resume(run: RunRow, wider: Sequence[OpenHold]) -> NotAllowed:
    """The refusal to resume a run that has no hold of its own: what else pauses it, and what lifts that."""
    if not wider:
        return NotAllowed(f"Run {run.id} is not paused, so there is nothing to resume.")
    ways = dict.fromkeys(lifted_by(hold.kind, hold.held.scope, account_id=run.account_id) for hold in wider)
    fact = f"Run {run.id} is not paused itself"
    causes = [hold for hold in wider if hold.kind is not HoldKind.STOP]
    if not causes:
        return NotAllowed(f"{fact}, but stopped ({wider[0].reason}).", *ways)
    return NotAllowed(f"{fact}; its account or its team is ({causes[0].reason}). Fix the cause first.", *ways)


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
