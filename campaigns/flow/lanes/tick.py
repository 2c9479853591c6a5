"""What beat asks for once a second: open what is due, settle what was abandoned, say whom to wake. Safe to run twice.

Wake-ups may be lost, doubled or late: everything that is asked for here is asked for again until SQL says it is done.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from campaigns.crashpoint import crash_point
from campaigns.domain.errors import TryLater
from campaigns.flow.audit.seal import seal_events
from campaigns.flow.reconcile.abandoned import expire_attempts
from campaigns.flow.runs.expire import expire_runs
from campaigns.flow.schedules.due import open_due_runs
from campaigns.ports import Recovery
from campaigns.store.database.engine import Store
from campaigns.store.health.heartbeats import beat_heart, worker_serves
from campaigns.store.runs.wake_ups import mark_plan_wanted, runs_to_plan
from campaigns.store.sending.lanes import lanes_to_wake, lock_free_lanes, mark_woken
from campaigns.store.sending.recent_requests import cool_downs, recent_requests, was_ever_used

WAKE_AGAIN = timedelta(seconds=5)
"""A lane or a plan that nobody took up is asked for again after this: the broker may lose a message."""

PLAN_AGAIN = timedelta(seconds=20)
"""Planning ten million recipients takes seconds, so its wake-up is given longer."""


@dataclass(frozen=True, slots=True)
class WakeUps:
    """Whom to wake."""

    plans: list[int]  # run IDs
    lanes: list[str]  # account IDs


def tick(store: Store, *, upstream: str, settle_seconds: float, actor: str) -> WakeUps:
    """One look at everything that waits for its time; an account whose lock somebody keeps waits for the next one."""
    open_due_runs(store, actor=actor)
    expire_attempts(store, settle_seconds=settle_seconds, actor=actor)
    expire_runs(store, actor=actor)
    with store.read() as connection:
        now = store.now(connection)
        plans = runs_to_plan(connection, now=now, again_before=now - PLAN_AGAIN)
        lanes = lanes_to_wake(connection, upstream=upstream, now=now, again_before=now - WAKE_AGAIN)
    with store.write() as connection:
        # Lanes before runs, as everybody locks them: a plan that holds its lane would else wait for us, and we for it.
        # Who is locked is at work, or stuck; either way it is asked for again by the next look.
        if lanes:
            lanes = lock_free_lanes(connection, lanes)
            mark_woken(connection, lanes, now=now)
        if plans:
            plans = mark_plan_wanted(connection, plans, now=now)
        beat_heart(connection, "beat", now=now)
        worker_serves(connection, upstream, now=now)
    crash_point("tick.marked")
    with suppress(TryLater):  # the trail can wait for the next tick, whoever is to be woken cannot
        seal_events(store)
    return WakeUps(plans, lanes)


def recovery(store: Store, *, within: timedelta) -> Recovery:
    """What SQL knows of recent requests, for a rate budget that Redis has lost. Raises DatabaseAway."""
    with store.read() as connection:
        now = store.now(connection)
        uses = recent_requests(connection, now=now, within=within)
        return Recovery(uses, cool_downs(connection, now=now), was_ever_used(connection))
