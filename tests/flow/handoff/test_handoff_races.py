"""Native hand-off meets operators and delays: nothing stays with the vendor that was called off, nothing is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from campaigns.as_json import plain
from campaigns.domain.errors import VendorAway
from campaigns.domain.schedules.handoff import WATCHED_AFTER, WATCHED_AGAIN
from campaigns.domain.upstream.outcome import Outcome
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.recall.recall import recall_run
from campaigns.flow.runs.pause_resume_cancel import pause_run
from campaigns.flow.schedules.due import open_due_runs
from campaigns.flow.schedules.pause_resume_skip import SchedulePaused, pause_schedule
from tests.flow.handoff.handed_over import BEAT, TODAY, armed, dates, opened, shows, watched
from tests.one_database import on_both
from tests.world import ANNA, UNKNOWN, World, accepted


def answers_while(world: World, act: Any) -> None:
    """The vendor accepts the next request, but an operator acts before its answer is here."""

    def answer() -> Outcome:
        act()
        return accepted("m1")

    world.gateway.script.append(answer)
    shows(world, "m1")


def test_a_run_that_is_planned_after_its_time_is_sent_by_us_and_not_skipped(world: World) -> None:
    armed(world)
    (run_id,) = open_due_runs(world.store, actor=BEAT)
    world.clock.now = TODAY + timedelta(seconds=30)  # no worker was there to plan it

    assert plan_run(world.store, run_id, actor=BEAT)
    world.serve()

    assert dates(world) == [None] * 3
    assert world.run(run_id)["state"] == "finished"


@on_both
def test_a_cancel_during_the_hand_over_takes_it_back(world: World) -> None:
    armed(world, users=[1])
    (run_id,) = opened(world)
    told: dict[str, Any] = {}
    answers_while(world, lambda: told.update(plain(cancel_run(world.store, run_id, reason="wrong price", actor=ANNA))))

    world.serve()
    assert (told["state"], told["recalling"]) == ("cancelling", 0)
    world.serve()

    assert world.gateway.deleted == ["m1"]
    assert (world.run(run_id)["state"], world.states(run_id)) == ("cancelled", ["cancelled"])


@on_both
def test_a_cancel_while_a_lost_hand_over_is_looked_for_takes_back_what_is_found(world: World) -> None:
    armed(world, users=[1])
    (run_id,) = opened(world)
    world.gateway.script = [UNKNOWN]
    world.serve()
    world.gateway.listed = [QueueItem("1", world.clock.now - timedelta(hours=1)), QueueItem("3", TODAY)]
    world.gateway.contents["1"] = ItemContent("1", "Hello", True, 0)
    shows(world, "3")

    assert cancel_run(world.store, run_id, reason="wrong price", actor=ANNA).state == "cancelling"
    world.serve_out()
    world.serve()

    assert world.gateway.deleted == ["3"]
    assert (world.run(run_id)["state"], world.states(run_id)) == ("cancelled", ["cancelled"])


def test_a_cancel_of_what_is_not_handed_over_yet_leaves_nothing_to_take_back(world: World) -> None:
    armed(world)
    (run_id,) = opened(world)

    told = cancel_run(world.store, run_id, reason="wrong price", actor=ANNA)
    world.serve()

    assert (told.state, told.cancelled_batches, told.recalling) == ("cancelled", 3, 0)
    assert (world.gateway.received, world.gateway.deleted) == ([], [])


@on_both
def test_a_pause_of_the_schedule_during_the_hand_over_takes_it_back(world: World) -> None:
    campaign_id = armed(world, users=[1])
    (run_id,) = opened(world)
    told: list[SchedulePaused] = []
    answers_while(world, lambda: told.append(pause_schedule(world.store, campaign_id, reason="a mourning", actor=ANNA)))

    world.serve()
    world.serve()

    assert [paused.recalling for paused in told] == [(run_id,)]
    assert (world.gateway.deleted, world.states(run_id)) == (["m1"], ["cancelled"])


@on_both
def test_a_pause_of_the_schedule_takes_back_a_run_that_is_held_half_handed_over(world: World) -> None:
    campaign_id = armed(world)
    (run_id,) = opened(world)
    world.serve(turns=1)
    shows(world, "acct_one-1")
    pause_run(world.store, run_id, reason="is the price right?", actor=ANNA)

    told = pause_schedule(world.store, campaign_id, reason="a mourning", actor=ANNA)
    world.serve()

    assert told.recalling == (run_id,)
    assert world.gateway.deleted == ["acct_one-1"]
    assert (world.run(run_id)["state"], world.states(run_id)) == ("cancelled", ["cancelled"] * 3)


def test_a_lost_hand_over_that_is_found_only_after_its_time_is_watched_too(world: World) -> None:
    armed(world, users=[1])
    (run_id,) = opened(world)
    world.gateway.script, world.gateway.obstacle = [UNKNOWN], VendorAway("the vendor is away")
    world.serve()
    world.clock.now = TODAY + WATCHED_AFTER
    assert watched(world, run_id) == []

    world.gateway.obstacle = None
    taken_away = QueueItem("3", TODAY, is_canceled=True)
    world.gateway.listed = [QueueItem("1", world.clock.now - timedelta(hours=9)), taken_away]
    world.gateway.contents = {each: ItemContent(each, "Hello", True, 0) for each in ("1", "3")}
    world.serve_out()
    world.clock.advance(WATCHED_AGAIN.total_seconds())

    (seen,) = watched(world, run_id)
    assert seen["detail"] == {"sent": 0, "not_sent": 1}
    assert [hold["kind"] for hold in world.run(run_id)["holds"]] == ["handover"]


def test_what_is_held_over_its_time_is_asked_about_no_longer_than_an_hour(world: World) -> None:
    armed(world)
    (run_id,) = opened(world)
    world.serve(turns=1)
    pause_run(world.store, run_id, reason="is the price right?", actor=ANNA)
    world.clock.now = TODAY + WATCHED_AFTER
    world.gateway.listed = [QueueItem("acct_one-1", TODAY, is_done=True)]

    for _ in range(12):
        watched(world, run_id)
        world.clock.advance(WATCHED_AGAIN.total_seconds())

    (seen,) = watched(world, run_id)
    assert seen["detail"] == {"sent": 1, "not_sent": 0}
    assert world.gateway.questions.count("list acct_one") == 7


def test_each_request_has_a_slot_of_its_own_after_one_that_was_looked_at_first(world: World) -> None:
    armed(world, users=[1])
    (ahead,) = opened(world)
    sent = world.launch(world.campaign([2]))
    world.serve()
    shows(world, "acct_one-1")
    cancel_run(world.store, ahead, reason="wrong price", actor=ANNA)
    recall_run(world.store, sent, reason="wrong price", actor=ANNA)

    world.serve()

    assert world.gateway.deleted == ["acct_one-1", "acct_one-2"]
    with world.store.read() as connection:
        fences = connection.scalars(text("SELECT fence FROM unsend ORDER BY fence")).all()
        questions = connection.scalars(text("SELECT permit_key FROM question ORDER BY id")).all()
    held = [key if key in questions else key.rpartition(":")[2] for key in world.pacer.held[-4:]]
    assert held == [str(fences[0]), *questions, str(fences[2])], "the second look left nothing to delete"
    assert world.pacer.reserved == questions, "a DELETE takes the place of a message, a look that of a question"
