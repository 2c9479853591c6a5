"""Hand-off against the sandbox over real sockets, both by one driven clock: listed, found, taken back, looked after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from campaigns.adapters.upstream.gateway import HttpGateway
from campaigns.domain.schedules.handoff import WATCHED_AFTER, WATCHED_AGAIN
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.recall.recall import recall_run
from campaigns.sandbox.server import Sandbox
from campaigns.sandbox.setup import Setup
from tests.flow.handoff.handed_over import TODAY, armed, opened, watched
from tests.world import ACCOUNT, ANNA, World, next_look_at

Serve = Callable[[], int]


@pytest.fixture
def vendor(world: World) -> Iterator[Sandbox]:
    setup = Setup.model_validate({"delivery_start_seconds": 0, "delivery_seconds": 0, "keys": None})
    sandbox = Sandbox("127.0.0.1", 0, setup=setup, ledger_file=None)
    sandbox.vendor.clock = lambda: world.clock().timestamp()
    sandbox.start()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def serve(world: World, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    with closing(HttpGateway(vendor.url, "sandbox")) as gateway:
        real = world.sender

        def sender(*given: Any, **named: Any) -> Any:
            return replace(real(*given, **named), gateway=gateway)

        monkeypatch.setattr(World, "sender", lambda _self, *given, **named: sender(*given, **named))
        yield lambda: serve_lane(world.sender(), ACCOUNT, lambda: True)


def handed_over(world: World, serve: Serve) -> int:
    armed(world, users=[1, 2, 3])
    (run_id,) = opened(world)
    serve()
    assert world.states(run_id) == ["accepted"] * 2
    return run_id


def test_it_is_listed_with_its_time_and_after_it_seen_to_be_sent(world: World, vendor: Sandbox, serve: Serve) -> None:
    run_id = handed_over(world, serve)
    with closing(HttpGateway(vendor.url, "sandbox")) as gateway:
        assert [(item.date, item.is_done, item.is_canceled) for item in gateway.queue(ACCOUNT)] == [
            (TODAY, False, False)
        ] * 2
    assert [item.delivered_count(world.clock.now.timestamp()) for item in vendor.vendor.world.book.accepted()] == [0, 0]

    world.clock.now = TODAY + WATCHED_AFTER
    (seen,) = watched(world, run_id)

    assert seen["detail"] == {"sent": 2, "not_sent": 0}
    assert [item.delivered_count(world.clock.now.timestamp()) for item in vendor.vendor.world.book.accepted()] == [2, 1]


def test_it_is_taken_back_before_its_time_and_never_sent(world: World, vendor: Sandbox, serve: Serve) -> None:
    run_id = handed_over(world, serve)
    world.clock.now = TODAY - timedelta(minutes=6)

    recall_run(world.store, run_id, reason="wrong price", actor=ANNA)
    serve()

    assert world.states(run_id) == ["cancelled"] * 2
    world.clock.now = TODAY + timedelta(hours=1)
    assert [item.delivered_count(world.clock.now.timestamp()) for item in vendor.vendor.world.book.accepted()] == [0, 0]
    assert watched(world, run_id) == []


def test_five_minutes_before_its_time_it_is_left_alone(world: World, serve: Serve) -> None:
    run_id = handed_over(world, serve)
    world.clock.now = TODAY - timedelta(minutes=5)

    recall_run(world.store, run_id, reason="wrong price", actor=ANNA)
    serve()

    recall = world.run(run_id)["recall"]
    assert (recall["unsent"], recall["failed"]) == (0, 2)
    assert world.states(run_id) == ["accepted"] * 2


def test_one_that_another_tool_cancels_is_told_to_a_person(world: World, vendor: Sandbox, serve: Serve) -> None:
    run_id = handed_over(world, serve)
    with closing(HttpGateway(vendor.url, "sandbox")) as gateway:
        taken = str(world.batches(run_id)[1]["message_id"])
        gateway.unsend(ACCOUNT, taken, deadline_seconds=5, may_start=lambda: None)
    world.clock.now = TODAY + WATCHED_AFTER

    (seen,) = watched(world, run_id)

    assert seen["detail"] == {"sent": 1, "not_sent": 1}
    assert "batch 2 (cancelled at the vendor)" in world.run(run_id)["holds"][0]["reason"]


def test_a_lost_answer_is_found_by_its_time(world: World, vendor: Sandbox, serve: Serve) -> None:
    vendor.vendor.adopt(Setup.model_validate({"script": [{"fault": "lost_answer", "nth": 2}]}))
    armed(world, users=[1, 2, 3])
    (run_id,) = opened(world)
    world.serve(turns=1)
    world.clock.advance(1)
    serve()
    assert world.states(run_id) == ["accepted", "unknown"]

    while "unknown" in world.states(run_id):
        with world.store.read() as connection:
            due = next_look_at(connection, ACCOUNT)
        assert due is not None, world.batches(run_id)
        world.clock.now = max(due, world.clock.now)
        serve()

    assert world.states(run_id) == ["accepted"] * 2
    world.clock.now = TODAY + WATCHED_AFTER + WATCHED_AGAIN
    (seen,) = watched(world, run_id)
    assert seen["detail"] == {"sent": 2, "not_sent": 0}
