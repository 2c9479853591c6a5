"""The tick, once a second: open due runs, settle abandoned attempts, list the lanes to wake. Safe to run twice.

Wake-ups may be lost, doubled or late: each is repeated until SQL shows that its work is done.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
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
from campaigns.store.operations.operations import operations_to_do
from campaigns.store.runs.wake_ups import mark_plan_wanted, runs_to_plan
from campaigns.store.sending.lanes import lanes_to_wake, lock_free_lanes, mark_woken
from campaigns.store.sending.recent_requests import cool_downs, recent_requests, was_ever_used

WAKE_AGAIN = timedelta(seconds=5)
"""A wake-up that nobody took is repeated after this: the broker may lose a message."""

PLAN_AGAIN = timedelta(seconds=20)
"""A wake-up to plan is repeated later: planning ten million recipients takes seconds."""


@dataclass(frozen=True, slots=True)
class WakeUps:
    """The runs to plan, the lanes to serve, and the operation to carry out."""

    plans: list[int]  # run IDs
    lanes: list[str]  # account IDs
    operations: list[int] = field(default_factory=list)  # at most one


def tick(store: Store, *, upstream: str, settle_seconds: float, actor: str) -> WakeUps:
    """Do everything that is due; an account whose lock somebody holds waits for the next tick.

    Raises DatabaseAway. A crash in the middle leaves the rest to the next tick.
    """
    open_due_runs(store, actor=actor)
    expire_attempts(store, settle_seconds=settle_seconds, actor=actor)
    expire_runs(store, actor=actor)
    with store.read() as connection:
        now = store.now(connection)
        plans = runs_to_plan(connection, now=now, again_before=now - PLAN_AGAIN)
        lanes = lanes_to_wake(connection, upstream=upstream, now=now, again_before=now - WAKE_AGAIN)
        operations = operations_to_do(connection, now=now)
    with store.write() as connection:
        # Lanes before runs, the order in which everybody locks: else a plan that holds its lane would wait for us, and
        # we for it. A locked lane is at work, or stuck; either way the next tick wakes it again.
        if lanes:
            lanes = lock_free_lanes(connection, lanes)
            mark_woken(connection, lanes, now=now)
        if plans:
            plans = mark_plan_wanted(connection, plans, now=now)
        beat_heart(connection, "beat", now=now)
        worker_serves(connection, upstream, now=now)
    crash_point("tick.marked")
    with suppress(TryLater):  # sealing can wait for the next tick, wake-ups cannot
        seal_events(store)
    return WakeUps(plans, lanes, operations)


def recovery(store: Store, *, within: timedelta) -> Recovery:
    """The recent requests in SQL, to rebuild a rate budget that Redis has lost. Raises DatabaseAway."""
    with store.read() as connection:
        now = store.now(connection)
        uses = recent_requests(connection, now=now, within=within)
        return Recovery(uses, cool_downs(connection, now=now), was_ever_used(connection))
