"""What the tasks ask of one another; what they do is tested in tests/flow, by real workers in tests/stories."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import text

from campaigns.domain.access.rights import Principal, Right
from campaigns.domain.operations import BulkFilter, OperationAct
from campaigns.domain.upstream.outcome import Outcome
from campaigns.flow.backup.detect_restore import Memory
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.lanes.tick import tick
from campaigns.flow.operations.ask import Bulk, ask_bulk, preview_bulk
from campaigns.flow.schedules.due import open_due_runs
from campaigns.store.database import postgresql
from campaigns.store.database.engine import Store
from campaigns.worker import tasks
from tests.clock import DrivenClock
from tests.flow.sending.outage import FailingStore, Surprise
from tests.world import ACCOUNT, ANNA, LIMITS, UPSTREAM, World, accepted

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


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_answer_that_is_kept_for_a_locked_account_keeps_no_tick_from_the_others(
    store: Store, clock: DrivenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has the lock may be gone, and whoever waits for it here would wait for ever."""
    world = World(store, clock)
    run_id = world.launched([1])
    failing = FailingStore(store)
    shaky = replace(world.sender(), store=cast("Store", failing))

    def answer() -> Outcome:
        failing.fails = True
        return accepted("777")

    world.gateway.script = [answer]
    with pytest.raises(Surprise):
        serve_lane(shaky, ACCOUNT, lambda: True)
    failing.fails = False
    assert len(world.spool.lines) == 1
    world.launch(world.campaign([2], account_id=world.account("acct_two")))
    monkeypatch.setattr(postgresql, "BEGIN", postgresql.BEGIN.replace("10000", "0"))
    monkeypatch.setattr(postgresql, "BRIEF_SECONDS", 0.01)
    settings = SimpleNamespace(upstream_name=UPSTREAM, settle_seconds=1)
    monkeypatch.setattr(tasks, "settings", settings)
    memory = Memory(store, world.fences, world.spool, "first", BEAT)
    parts = SimpleNamespace(store=store, spool=world.spool, limits=LIMITS, memory=lambda: memory)
    monkeypatch.setattr(tasks, "parts", lambda: parts)
    sender = cache(lambda: shaky)
    sender()
    monkeypatch.setattr(tasks, "sender", sender)
    woken: list[tuple[Any, ...]] = []
    monkeypatch.setattr(tasks.serve, "apply_async", woken.append)

    with store.writer.connect() as connection:
        connection.execute(text("SELECT 1 FROM lane WHERE account_id = 'acct_one' FOR UPDATE"))
        tasks.tick()
        connection.rollback()

    assert woken == [("acct_two",)]
    assert shaky.stranded.keys() == {ACCOUNT}, "it is given back another time"
    tasks.tick()
    assert (world.states(run_id), shaky.stranded) == (["accepted"], {})


def test_a_wake_up_of_a_run_that_a_restore_took_away_is_passed_over(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "parts", lambda: SimpleNamespace(store=store))

    tasks.plan(71)


def test_threads_that_start_together_share_one_sender() -> None:
    """Else each has an HTTP client and a name of its own, and asks the vendor whose key it is."""
    builders: list[str] = []
    another = threading.Event()

    def build() -> object:
        builders.append(threading.current_thread().name)
        if len(builders) > 1:
            another.set()
        another.wait(0.2)  # the whole of it when nobody else builds
        return object()

    shared = tasks.once(build)
    with ThreadPoolExecutor(8) as threads:
        built = {id(one.result()) for one in [threads.submit(shared) for _ in range(8)]}

    assert len(built) == len(builders) == 1


def test_an_operation_is_carried_out_by_whoever_is_woken_for_it(
    store: Store, clock: DrivenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(store, clock)
    run_id = world.launched([1])
    admin, bulk = Principal("anna", frozenset({Right.ADMIN})), Bulk(OperationAct.PAUSE, BulkFilter())
    as_of = preview_bulk(store, admin, bulk, as_of=None).as_of
    asked = ask_bulk(store, admin, bulk, as_of=as_of, count=1, reason="wrong price")
    monkeypatch.setattr(tasks, "parts", lambda: SimpleNamespace(store=store))

    def woken() -> list[int]:
        return tick(store, upstream=UPSTREAM, settle_seconds=1, actor=BEAT).operations

    assert woken() == [asked.operation_id]
    tasks.operate(asked.operation_id)
    assert [hold.reason for hold in world.view(run_id).holds] == ["wrong price"]
    assert woken() == []
    tasks.operate(asked.operation_id)
    assert world.events().count("hold_opened") == 1
