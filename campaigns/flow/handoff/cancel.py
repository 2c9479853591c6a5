"""Cancel a run: cancel what was not sent yet, and unsend what was handed over before its time.

A handed-over message is unsent only while the vendor shows that its time is more than five minutes away. What is
confirmed by then was provably never sent: its batch is cancelled, and a rerun may send to those users again. The
vendor's copy is never edited.
"""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.domain.errors import NotAllowed
from campaigns.domain.ids import run_name
from campaigns.domain.people import Reason
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import RUN_OPEN, RunState
from campaigns.flow.recall.recall import MAY_SEND, ask_back
from campaigns.flow.runs.pause_resume_cancel import cancel_open_run, lock_run, refuse_ended
from campaigns.flow.runs.shown import refuse_more
from campaigns.store.audit.events import Act
from campaigns.store.database.engine import Store
from campaigns.store.handoff.handed_over import HandedOver, handed_over, is_ahead, open_runs_ahead, runs_handed_over
from campaigns.store.runs.runs import RunRow, books, find_run


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The immediate result of a cancel; what is in flight or handed over ends later."""

    run_id: int
    state: RunState
    cancelled_batches: int
    recalling: int  # batches that a worker unsends from now on


def cancel_run(store: Store, run_id: int, *, reason: str, shown: int | None = None, actor: str) -> Cancelled:
    """Cancel what was not sent of a run, and let a worker unsend what was handed over of it.

    `shown`: the recipients that a person was shown as waiting. Raises NotAllowed; Outdated when more wait now.

    A request in flight, or one that is searched for, may turn out to be handed over: it is unsent as soon as that is
    known.
    """
    reason = Reason(reason)
    with store.write() as connection:
        run = lock_run(connection, run_id)
        act = Act(connection, store.now(connection), actor)
        refuse_more(shown, books(connection, run_id).waiting, f"recipients of run {run_id} who wait")
        ahead = len(_still_ahead(act, run_id))
        if ahead or (run.state in MAY_SEND and is_ahead(connection, run_id, now=act.now)):
            batches, is_asked = _cancel_ahead(act, run, reason=reason)
            if ahead and not is_asked:
                raise NotAllowed(f"Run {run_name(run_id)} is being recalled already.", Remedy(Do.WATCH_RUN, run=run_id))
        else:
            refuse_ended(run, "cancelled")
            if run.state is RunState.CANCELLING:
                raise NotAllowed(
                    f"Run {run_name(run_id)} is being cancelled already; a request of it is still in flight."
                )
            batches = cancel_open_run(act, run, reason=reason)
        return Cancelled(run_id, find_run(connection, run_id).state, batches, ahead)


def take_back_ahead(act: Act, campaign_id: int, *, reason: str) -> list[int]:
    """Have everything unsent that the vendor is still to send of a campaign; returns the runs.

    A run that is only half handed over is cancelled, since nothing is unsent of a run that still sends.
    """
    connection, now = act.connection, act.now
    runs = {*runs_handed_over(connection, campaign_id, now=now), *open_runs_ahead(connection, campaign_id, now=now)}
    return [run_id for run_id in sorted(runs) if _cancel_ahead(act, find_run(connection, run_id), reason=reason)[1]]


def _cancel_ahead(act: Act, run: RunRow, *, reason: str) -> tuple[int, bool]:
    """Cancel what is ready of a run and have unsent what left; the batches, and whether a recall was asked for."""
    batches = 0
    if run.state in RUN_OPEN:
        batches = cancel_open_run(act, run, reason=reason)
    may_be_out = find_run(act.connection, run.id).state is RunState.CANCELLING or _still_ahead(act, run.id)
    return batches, bool(may_be_out) and ask_back(act, run.id, reason=reason)


def _still_ahead(act: Act, run_id: int) -> list[HandedOver]:
    return [batch for batch in handed_over(act.connection, run_id) if batch.due > act.now]
