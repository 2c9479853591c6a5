"""An occurrence that meets an earlier run of its campaign: skipped, waiting, or in its place."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.domain.states import BatchState
from campaigns.domain.upstream.outcome import Outcome
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.runs.pause_resume_cancel import pause_run
from campaigns.flow.runs.rerun import rerun
from tests.flow.schedules.timetable import (
    BEAT,
    armed,
    look,
    put_forward,
    runs,
    states,
    work,
)
from tests.world import ANNA, REJECTED, UNKNOWN, UPSTREAM, World, accepted


def test_an_occurrence_is_skipped_while_an_earlier_run_is_open(world: World) -> None:
    campaign_id = armed(world)
    first = _open(world)
    pause_run(world.store, first, reason="wait", actor=ANNA)
    work(world)

    put_forward(world, hours=1)

    assert look(world) == []
    assert states(world, campaign_id) == {"13:00": "planned", "14:00": "skipped"}
    assert runs(world, campaign_id)[1]["reason"] == f"run r{first} of the campaign had not ended: overlap rule skip"


def test_a_run_that_only_waits_for_a_decision_is_in_nobodys_way(world: World) -> None:
    campaign_id = armed(world)
    _open(world)
    world.gateway.script = [REJECTED]
    work(world)
    world.serve_out()
    assert states(world, campaign_id) == {"13:00": "finished_with_failures"}

    assert len(_next(world)) == 1


def test_a_run_that_is_looked_for_is_in_the_way(world: World) -> None:
    campaign_id = armed(world, "* * * * *")
    put_forward(world, minutes=1)
    world.gateway.script = [UNKNOWN] * 3
    work(world)

    put_forward(world, seconds=2)
    world.clock.advance(58)
    look(world)

    assert states(world, campaign_id) == {"12:01": "sending", "12:02": "skipped"}


def test_a_launch_by_hand_is_in_the_way_too(world: World) -> None:
    campaign_id = armed(world)
    by_hand = world.launch(campaign_id, at_once=True)

    assert _next(world) == []
    assert f"run r{by_hand} of the campaign" in str(runs(world, campaign_id)[1]["reason"])


def test_one_occurrence_waits_in_a_queue_and_a_further_one_is_skipped(world: World) -> None:
    campaign_id = armed(world, overlap="queue")
    first = _open(world)
    pause_run(world.store, first, reason="wait", actor=ANNA)
    (second,) = _next(world)
    assert _next(world) == []

    assert states(world, campaign_id) == {"13:00": "planned", "14:00": "due", "15:00": "skipped"}
    assert world.run(second)["after_run_id"] == first
    assert work(world) == [], "the first one has not ended"
    assert not plan_run(world.store, second, actor=BEAT), "not even for a wake-up that comes from anywhere"


@pytest.mark.parametrize("end", ["finished", "finished_with_failures", "cancelled"])
def test_who_waits_starts_by_itself_at_the_next_tick_however_the_earlier_one_ended(world: World, end: str) -> None:
    first, opened = _occurrence_comes_in_flight(world, overlap="queue")
    world.gateway.script += [REJECTED] if end == "finished_with_failures" else []
    if end == "cancelled":
        pause_run(world.store, first, reason="wait", actor=ANNA)
        put_forward(world, seconds=1)
        opened += look(world)
        cancel_run(world.store, first, reason="no more", actor=ANNA)
        world.gateway.script.clear()
    else:
        work(world)
        world.serve_out()
    assert world.run(first)["state"] == end
    assert world.run(opened[0])["after_run_id"] == first

    assert work(world) == opened

    assert world.run(opened[0])["state"] == "finished"


def test_who_waits_behind_one_that_is_cancelled_waits_for_what_that_one_waited_for(world: World) -> None:
    campaign_id = armed(world, "*/10 * * * *", misfire="all")
    put_forward(world, minutes=35)
    first, second, third = look(world)
    work(world)
    assert world.run(first)["state"] == "finished"
    pause_run(world.store, second, reason="wait", actor=ANNA)
    assert work(world) == [second]

    fourth = world.launch(campaign_id, at_once=True)
    pause_run(world.store, fourth, reason="wait", actor=ANNA)
    cancel_run(world.store, second, reason="no more", actor=ANNA)

    assert work(world) == [], "another run of the campaign goes on"
    assert world.run(third)["after_run_id"] == fourth
    cancel_run(world.store, fourth, reason="no more", actor=ANNA)
    assert work(world) == [third]


def test_the_earlier_run_is_cancelled_and_the_new_one_starts_when_that_is_final(world: World) -> None:
    first, opened = _occurrence_comes_in_flight(world, overlap="cancel")
    seen: list[tuple[str, bool]] = []
    comes: Any = world.gateway.script[0]

    def comes_meanwhile() -> Outcome:
        answer: Outcome = comes()
        seen.append((world.run(first)["state"], plan_run(world.store, opened[0], actor=BEAT)))
        return answer

    world.gateway.script = [comes_meanwhile]
    work(world)

    assert seen == [("cancelling", False)]
    assert world.run(first)["state"] == "cancelled"
    assert "overlap rule cancel" in world.run(first)["reason"]
    assert work(world) == opened
    assert world.run(opened[0])["state"] == "finished"
    assert sorted(world.requests_by_user().values()) == [1, 1, 1, 2, 2]


def test_under_cancel_the_newest_of_many_takes_the_place_of_all(world: World) -> None:
    campaign_id = armed(world, overlap="cancel")
    first = _open(world)
    pause_run(world.store, first, reason="wait", actor=ANNA)
    for _ in range(3):
        put_forward(world, hours=1)
        look(world)

    work(world)

    assert states(world, campaign_id) == {
        "13:00": "cancelled",
        "14:00": "cancelled",
        "15:00": "cancelled",
        "16:00": "finished",
    }


def test_under_unsend_the_finished_run_is_to_be_taken_back_before_the_new_one_starts(world: World) -> None:
    armed(world, overlap="unsend")
    first = _open(world)
    work(world)
    assert world.run(first)["state"] == "finished"

    (second,) = _next(world, plans=False)

    assert world.events().count("recall_asked") == 1
    assert not plan_run(world.store, second, actor=BEAT)
    assert work(world) == [], "the lane takes back first"
    assert work(world) == [second]
    assert len(world.gateway.deleted) == 3
    assert world.run(second)["state"] == "finished"


def test_under_unsend_two_more_occurrences_take_back_all_that_stands(world: World) -> None:
    campaign_id = armed(world, overlap="unsend")
    first = _open(world)
    work(world)

    (second,) = _next(world, plans=False)
    (third,) = _next(world, plans=False)

    assert states(world, campaign_id) == {"13:00": "finished", "14:00": "cancelled", "15:00": "due"}
    assert not plan_run(world.store, third, actor=BEAT)
    for _ in range(3):
        work(world)
    assert [world.run(run_id)["state"] for run_id in (first, second, third)] == ["finished", "cancelled", "finished"]
    assert len(world.gateway.deleted) == 3, "each message once"


def test_under_unsend_what_a_rerun_reached_and_what_its_parent_reached_is_taken_back(world: World) -> None:
    armed(world, overlap="unsend")
    first = _open(world)
    world.gateway.script = [REJECTED]
    work(world)
    world.serve_out()
    rejected = frozenset({BatchState.REJECTED})
    rerun(world.store, first, upstream=UPSTREAM, states=rejected, reason="once more", actor=ANNA)
    world.serve_out()
    accepted_before = len(world.gateway.received) - 1

    (second,) = _next(world, plans=False)
    for _ in range(3):
        work(world)

    assert len(world.gateway.deleted) == accepted_before
    assert world.run(second)["state"] == "finished"


def test_occurrences_found_late_that_meet_a_run_of_before_follow_the_overlap_rule(world: World) -> None:
    campaign_id = armed(world, "*/10 * * * *", misfire="all", overlap="skip")
    by_hand = world.launch(campaign_id, at_once=True)
    put_forward(world, minutes=25)

    look(world)

    assert states(world, campaign_id) == {"12:10": "skipped", "12:20": "skipped"}
    assert {run["reason"] for run in runs(world, campaign_id) if run["kind"] == "schedule"} == {
        f"run r{by_hand} of the campaign had not ended: overlap rule skip"
    }


def _open(world: World) -> int:
    """The first occurrence, at 13:00."""
    put_forward(world, hours=1)
    (run_id,) = look(world)
    return run_id


def _next(world: World, *, plans: bool = True) -> list[int]:
    """The next occurrence comes, and whatever is asked for is done."""
    put_forward(world, hours=1)
    opened = look(world)
    if plans:
        work(world)
    return opened


def _occurrence_comes_in_flight(world: World, **rules: Any) -> tuple[int, list[int]]:
    """A run whose first request is in flight when an occurrence comes; answers it, and whom that will have opened."""
    opened: list[int] = []

    def comes() -> Outcome:
        put_forward(world, seconds=1)
        opened.extend(look(world))
        return accepted("in flight")

    campaign_id = armed(world, **rules)
    put_forward(world, minutes=59, seconds=59)
    first = world.launch(campaign_id, at_once=True)
    world.gateway.script = [comes]
    return first, opened
