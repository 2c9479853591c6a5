"""Runs that wait to be planned, and when a worker was last woken for each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update

from campaigns.domain.states import RunState
from campaigns.store.schedules.occurrences import waits_for_another
from campaigns.store.sending.lanes import not_told_lately
from campaigns.store.tables.runs import run


def runs_to_plan(connection: Connection, *, now: datetime, again_before: datetime) -> list[int]:
    """Due runs that wait for no other run and for which nobody was woken lately, the oldest first."""
    return list(
        connection.scalars(
            select(run.c.id)
            .where(
                run.c.state == RunState.DUE.value,
                not_told_lately(run.c.hinted_at, now=now, again_before=again_before),
                ~waits_for_another(),
            )
            .order_by(run.c.id)
        )
    )


def mark_plan_wanted(connection: Connection, run_ids: Sequence[int], *, now: datetime) -> list[int]:
    """Remember when a worker was last woken to plan these runs; returns those that nobody else keeps locked."""
    unlocked = select(run.c.id).where(run.c.id.in_(run_ids)).order_by(run.c.id).with_for_update(skip_locked=True)
    free = list(connection.scalars(unlocked))
    connection.execute(update(run).where(run.c.id.in_(free)).values(hinted_at=now))
    return free
