"""What the tasks ask of one another; what they do is tested in tests/flow, by real workers in tests/stories."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from campaigns.flow.campaigns.launch import launch
from campaigns.flow.schedules.due import open_due_runs
from campaigns.store.database.engine import Store
from campaigns.worker import tasks
from tests.clock import DrivenClock
from tests.world import ACCOUNT, ANNA, UPSTREAM, World

BEAT = "worker:beat"


def test_a_run_that_was_planned_wakes_its_lane_at_once(
    store: Store, clock: DrivenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a second wake-up, which finds it planned, wakes nobody."""
    world = World(store, clock)
    world.account()
    campaign_id = world.campaign(starts_at=clock.now + timedelta(seconds=1))
    launch(store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    clock.advance(1)
    (run_id,) = open_due_runs(store, actor=BEAT)
    woken: list[tuple[Any, ...]] = []
    monkeypatch.setattr(tasks, "parts", lambda: SimpleNamespace(store=store))
    monkeypatch.setattr(tasks.serve, "apply_async", woken.append)

    tasks.plan(run_id)
    tasks.plan(run_id)

    assert world.run(run_id)["state"] == "planned"
    assert woken == [(ACCOUNT,)]
