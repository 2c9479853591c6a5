"""Following what was handed over: few questions, an end to them, and a person who is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from campaigns.domain.errors import VendorAway
from campaigns.domain.schedules.handoff import WATCHED_AFTER
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.lanes.tick import tick
from campaigns.ports import Permit
from campaigns.store.views.events import events
from tests.flow.handoff.handed_over import BEAT, TODAY, armed, opened
from tests.flow.real_pacer import use_real_pacer
from tests.world import ACCOUNT, LIMITS, UPSTREAM, World


def followed(world: World, batches: int) -> int:
    """A run that was handed over, whose batches the vendor's list does not show any more."""
    armed(world, users=range(1, 2 * batches + 1))
    (run_id,) = opened(world)
    world.serve(turns=2 * batches)
    assert len(world.gateway.received) == batches
    for number in range(1, batches + 1):
        name = f"{ACCOUNT}-{number}"
        world.gateway.contents[name] = ItemContent(name, "Hello", True, 2, TODAY)
    world.clock.now = TODAY + WATCHED_AFTER
    return run_id


def minutes(world: World, number: int, questions_per_run: int = 500) -> None:
    sender = world.sender(limits=replace(LIMITS, questions_per_run=questions_per_run))
    for _ in range(number):
        for account_id in tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor=BEAT).lanes:
            serve_lane(sender, account_id, lambda: True)
        world.clock.advance(61)


def seen(world: World, run_id: int) -> list[dict[str, object]]:
    with world.store.read() as connection:
        return [event.detail or {} for event in events(connection, run_id) if event.kind == "handover_seen"]


def test_a_run_of_more_batches_than_the_budget_is_asked_about_once_each(world: World, redis_url: str) -> None:
    """Twenty a minute, of them one for questions: it takes its time, and not a question more."""
    run_id = followed(world, batches=30)
    use_real_pacer(world, redis_url, limit=20)

    minutes(world, 40)

    assert sorted(world.gateway.questions) == sorted(
        [f"list {ACCOUNT}", *(f"item {ACCOUNT}-{number}" for number in range(1, 31))]
    )
    assert seen(world, run_id) == [{"sent": 30, "not_sent": 0}]
    assert world.run(run_id)["questions"] == 31


def test_what_is_settled_is_not_asked_again_while_others_wait(world: World) -> None:
    followed(world, batches=3)
    world.gateway.contents[f"{ACCOUNT}-3"] = ItemContent(f"{ACCOUNT}-3", "Hello", True, 0, TODAY)

    minutes(world, 90)

    asked = world.gateway.questions
    assert [asked.count(f"item {ACCOUNT}-{number}") for number in (1, 2, 3)] == [1, 1, 7]


def test_a_vendor_that_never_answers_is_asked_for_little_more_than_an_hour_and_a_person_is_told(world: World) -> None:
    run_id = followed(world, batches=2)
    world.gateway.obstacle = VendorAway("HTTP 503")

    minutes(world, 100)

    asked = len(world.gateway.questions)
    assert asked <= 14
    assert seen(world, run_id) == [{"sent": 0, "not_sent": 2}]
    (hold,) = world.run(run_id)["holds"]
    assert hold["kind"] == "handover"
    assert "1 (the vendor could not be asked)" in hold["reason"]
    minutes(world, 40)
    assert len(world.gateway.questions) == asked


def test_what_was_learned_before_the_end_is_told(world: World) -> None:
    run_id = followed(world, batches=3)
    world.gateway.listed = [QueueItem(f"{ACCOUNT}-1", TODAY, is_done=True)]
    item = world.gateway.item

    def one_only(account: str, message_id: str) -> ItemContent | None:
        world.gateway.questions.append(f"item {message_id}")
        if message_id != f"{ACCOUNT}-2":
            raise VendorAway("HTTP 503")
        return item(account, message_id)

    world.gateway.item = one_only  # type: ignore[method-assign]
    minutes(world, 100)

    assert seen(world, run_id) == [{"sent": 2, "not_sent": 1}]
    assert "batch 3 (the vendor could not be asked)" in world.run(run_id)["holds"][0]["reason"]


def test_at_the_cap_a_person_is_told_what_is_known(world: World) -> None:
    run_id = followed(world, batches=5)

    minutes(world, 5, questions_per_run=3)

    assert world.gateway.questions == [f"list {ACCOUNT}", f"item {ACCOUNT}-1", f"item {ACCOUNT}-2"]
    assert seen(world, run_id) == [{"sent": 2, "not_sent": 3}]
    assert "3 (the vendor could not be asked)" in world.run(run_id)["holds"][0]["reason"]


def test_a_budget_without_room_is_waited_for_and_costs_no_question(world: World) -> None:
    run_id = followed(world, batches=1)
    world.pacer.permits = [Permit(granted=False, wait_seconds=60, why="team budget")] * 200  # sends ask, too

    minutes(world, 90)
    assert world.gateway.questions == []
    minutes(world, 15)
    assert seen(world, run_id) == [{"sent": 1, "not_sent": 0}]
    assert world.clock.now > TODAY + timedelta(hours=1)
