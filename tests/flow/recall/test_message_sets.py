"""Batches that share messages are taken back together, or wait until somebody has said which message is whose."""

from __future__ import annotations

import pytest

from campaigns.flow.recall.recall import recall_run
from campaigns.flow.reconcile.decide import decide
from campaigns.store.database.engine import Store
from tests.clock import DrivenClock
from tests.flow.reconcile.listing_vendor import ListingVendor, accepted_together, vendor
from tests.world import ANNA, World


@pytest.fixture
def world(store: Store, clock: DrivenClock) -> World:
    made = World(store, clock, gateway=ListingVendor(clock=clock))
    made.account()
    return made


def recalled(world: World, run_id: int) -> None:
    recall_run(world.store, run_id, reason="wrong price", actor=ANNA)
    world.serve()


def test_a_recall_takes_the_whole_set_back(world: World) -> None:
    run_id = world.launched(range(1, 5))
    ids = accepted_together(world, run_id)

    recalled(world, run_id)

    assert set(world.gateway.deleted) == ids
    assert [batch["follow"] for batch in world.batches(run_id)] == ["unsent", "unsent"]
    assert world.run(run_id)["recalled"] == 4
    world.prove()


def test_a_set_that_is_shared_with_a_run_that_stays_waits_for_a_decision(world: World) -> None:
    first, second = world.launched((1, 2)), world.launched((3, 4))
    ids = accepted_together(world, first, second)

    recalled(world, first)
    assert world.gateway.deleted == [], "nobody knows which of them is the run's"
    assert world.run(first)["recall"]["waits_for"].startswith("a decision which message is whose: batch 1")

    whose = next(one for one in ids if 1 in vendor(world).users_of[one])
    decide(world.store, first, seqs=[1], verdict="accepted", message_id=whose, reason="seen", actor=ANNA)
    world.clock.advance(60)
    world.serve()

    assert world.gateway.deleted == [whose]
    assert world.run(first)["recalled"] == 2
    world.prove()


def test_a_set_of_two_runs_goes_when_both_are_taken_back(world: World) -> None:
    first, second = world.launched((1, 2)), world.launched((3, 4))
    ids = accepted_together(world, first, second)
    recalled(world, first)

    recalled(world, second)
    world.clock.advance(60)
    world.serve()

    assert set(world.gateway.deleted) == ids
    assert [world.run(run_id)["recalled"] for run_id in (first, second)] == [2, 2]
    world.prove()
