"""The operators of a storm tell the truth: they decide by the vendor's ledger, and not before it can be known."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from pyroaring import BitMap64

from campaigns.flow.runs.pause_resume_cancel import pause_run
from campaigns.store.database.engine import Store
from tests.clock import DrivenClock
from tests.faults.operators import SURE_SECONDS, Operators
from tests.faults.orders import Order
from tests.faults.scene import Scene
from tests.faults.work import STORM, Work
from tests.world import UNKNOWN, World

ACCOUNT = "acct_storm000"


@pytest.fixture
def scene(store: Store, clock: DrivenClock, tmp_path: Path) -> Scene:
    return Scene(World(store, clock), tmp_path / "ledger.jsonl")


def operators_of(scene: Scene) -> tuple[Work, Operators]:
    world = scene.world

    def now() -> float:
        return world.clock.now.timestamp()

    work = Work(world.store, 1)
    return work, Operators(world.store, work, scene.ledger, random.Random(1), decides=True, clock=now)


def given_up(scene: Scene, work: Work, batches: int = 1) -> Order:
    """An order each batch of which was searched for in vain."""
    work.run_for(ACCOUNT, batches=batches)
    (order,) = work.orders.all()
    scene.world.gateway.script = [UNKNOWN] * batches
    scene.world.serve_out(ACCOUNT)
    assert scene.world.states(1) == ["unknown"] * batches
    return order


def test_what_the_vendor_has_is_accepted(scene: Scene) -> None:
    work, operators = operators_of(scene)
    order = given_up(scene, work)
    message_id = scene.accepted(order.text, ACCOUNT, *order.users)
    scene.world.clock.advance(SURE_SECONDS)
    operators.tend(at_the_end=True)
    assert scene.world.states(1) == ["accepted"]
    assert scene.world.batches(1)[0]["message_id"] in {message_id, None}
    assert not operators.given_up


def test_what_the_vendor_does_not_have_is_decided_otherwise(scene: Scene) -> None:
    work, operators = operators_of(scene)
    given_up(scene, work)
    scene.world.clock.advance(SURE_SECONDS)
    operators.tend(at_the_end=True)
    assert scene.world.states(1) in (["cancelled"], ["ready"])


def test_nothing_is_decided_while_a_request_may_still_arrive(scene: Scene) -> None:
    work, operators = operators_of(scene)
    given_up(scene, work)
    operators.unsettle()
    scene.world.clock.advance(SURE_SECONDS - 1)
    operators.tend(at_the_end=True)
    assert scene.world.states(1) == ["unknown"]


def test_users_of_a_batch_whom_the_vendor_has_in_part_are_given_up_by_name(scene: Scene) -> None:
    work, operators = operators_of(scene)
    order = given_up(scene, work)
    first, *others = order.users
    scene.accepted(order.text, ACCOUNT, first)
    scene.world.clock.advance(SURE_SECONDS)
    operators.tend(at_the_end=True)
    assert scene.world.states(1) == ["accepted"]
    assert operators.given_up == BitMap64(others)


def test_a_held_run_whose_users_were_reached_is_cancelled_and_another_one_resumed(scene: Scene) -> None:
    work, operators = operators_of(scene)
    work.run_for(ACCOUNT, batches=1)
    work.run_for(ACCOUNT, batches=1)
    for run_id in (1, 2):
        pause_run(scene.world.store, run_id, reason="held", actor=STORM)
    reached, _ = work.orders.all()
    scene.accepted(reached.text, ACCOUNT, *reached.users)
    operators.tend()
    assert scene.world.run(1)["state"] == "cancelled"
    assert (scene.world.run(2)["state"], scene.world.run(2)["holds"]) == ("planned", [])


def test_an_order_that_the_database_lost_is_placed_again_for_those_whom_the_vendor_does_not_have(scene: Scene) -> None:
    work, operators = operators_of(scene)
    lost = Order("Number 0 of the storm", ACCOUNT, BitMap64([1, 2, 3, 4]), "hold")
    work.orders.add(lost)
    scene.accepted(lost.text, ACCOUNT, 1, 2)
    operators.unsettle()
    operators.tend()
    assert operators.done == {}
    scene.world.clock.advance(SURE_SECONDS + 1)
    operators.tend()
    operators.tend()
    assert operators.done == {"lost campaign ordered again": 1}
    assert scene.world.users(1, 1) == {3, 4}
