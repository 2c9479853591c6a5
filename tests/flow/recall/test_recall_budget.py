"""A recall and the rate budget: DELETEs are counted as messages are, also after Redis lost its state."""

from __future__ import annotations

from campaigns.domain.upstream.queue_items import ItemContent
from campaigns.domain.upstream.unsend_outcome import UnsendKind, UnsendOutcome
from campaigns.flow.recall.recall import recall_run
from campaigns.ports import Permit
from tests.flow.real_pacer import use_real_pacer
from tests.world import ACCOUNT, ANNA, World

UNCLEAR = UnsendOutcome(UnsendKind.UNCLEAR, "no answer came")


def recalled(world: World, batches: int) -> int:
    run_id = world.launched(range(1, 2 * batches + 1))
    world.serve(turns=2 * batches)
    world.clock.advance(3600)
    recall_run(world.store, run_id, reason="wrong price", actor=ANNA)
    return run_id


def test_a_redis_that_forgets_during_a_recall_lets_no_more_deletes_through(world: World, redis_url: str) -> None:
    recalled(world, batches=30)
    pacer = use_real_pacer(world, redis_url, limit=10)
    for _ in range(4):
        world.serve(turns=9)
        world.clock.advance(2.1)  # the rows of the last permits stand now: the next life grants what it can
        world.serve(turns=9)
        pacer.forget()

    assert len(world.gateway.deleted) == 9, "the tenth place of the minute is kept for questions"


def test_a_recall_waits_out_the_accounts_gap_and_sends_nothing_in_between(world: World) -> None:
    run_id = recalled(world, batches=2)
    world.launch(world.campaign([91, 92]))
    gap = Permit(granted=False, wait_seconds=1, why="account gap")
    world.pacer.permits = [Permit(granted=True), gap, Permit(granted=True), gap]

    world.serve()

    assert world.slept == [1, 1]
    assert world.gateway.deleted == [f"{ACCOUNT}-2", f"{ACCOUNT}-1"]
    assert world.run(run_id)["recall"]["finished_at"] is not None
    assert len(world.gateway.received) == 3


def test_without_room_for_the_delete_nothing_is_looked_at(world: World) -> None:
    """The look would cost a credit and prove nothing for long."""
    recalled(world, batches=1)
    world.gateway.deleting = [UNCLEAR]
    world.serve()
    world.pacer.permits = [Permit(granted=False, wait_seconds=30, why="team budget")]
    world.clock.advance(1)
    world.serve()
    assert world.gateway.questions == []

    world.clock.advance(30)
    world.gateway.contents[f"{ACCOUNT}-1"] = ItemContent(f"{ACCOUNT}-1", "Hello", True, 2, can_unsend=True)
    world.serve()
    assert world.gateway.questions == [f"item {ACCOUNT}-1"]
    assert world.gateway.deleted == [f"{ACCOUNT}-1"] * 2


def test_what_a_recall_asks_is_booked_on_its_run(world: World) -> None:
    run_id = recalled(world, batches=1)
    world.gateway.deleting = [UNCLEAR]
    world.serve()
    world.clock.advance(1)
    world.serve()

    assert world.gateway.questions == [f"item {ACCOUNT}-1"]
    assert (world.run(run_id)["questions"], world.run(run_id)["question_credits"]) == (1, 1)


def test_a_delete_whose_permit_grew_old_asks_for_it_again(world: World) -> None:
    recalled(world, batches=1)
    acquire = world.pacer.acquire

    def slowly(key: str, account: str, *, hold_seconds: float, reserved: bool = False) -> Permit:
        world.local_clock += 0 if key in world.pacer.held else 2  # the database was locked meanwhile
        return acquire(key, account, hold_seconds=hold_seconds, reserved=reserved)

    world.pacer.acquire = slowly  # type: ignore[method-assign]
    world.serve()

    assert len(world.gateway.deleted) == 1
    assert world.pacer.asked_again == [world.pacer.held[-1]]
