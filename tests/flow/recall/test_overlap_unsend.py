"""Overlap rule `unsend`: the earlier run is unsent completely before the new one starts, or the new one is paused."""

from __future__ import annotations

from datetime import timedelta

from campaigns.domain.schedules.timing import Timing
from campaigns.domain.upstream.outcome import Outcome
from campaigns.domain.upstream.queue_items import ItemContent
from campaigns.domain.upstream.unsend_outcome import UnsendKind, UnsendOutcome
from campaigns.flow.accounts.release import release_account
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.runs.pause_resume_cancel import resume_run
from campaigns.flow.runs.rerun import rerun
from campaigns.flow.schedules.backfill import backfill
from campaigns.flow.schedules.gaps import Period
from campaigns.flow.schedules.pause_resume_skip import skip_next
from tests.flow.schedules.timetable import HOURLY, armed, look, put_forward, work
from tests.world import ACCOUNT, ANNA, LOGGED_OUT, REJECTED, UNKNOWN, UPSTREAM, World, accepted

REFUSED = UnsendOutcome(UnsendKind.REFUSED, "HTTP 400: too late", http_status=400)
SIGNED_OUT = UnsendOutcome(UnsendKind.HELD, "logged out", http_status=500, hold=LOGGED_OUT.hold)


def first_run(world: World) -> int:
    """The run of the first occurrence of an hourly campaign that takes the earlier one back."""
    armed(world, overlap="unsend")
    return next_run(world)


def next_run(world: World) -> int:
    put_forward(world, hours=1)
    (run_id,) = look(world)
    return run_id


def ticks(world: World, count: int = 3) -> None:
    for _ in range(count):
        work(world)
        world.clock.advance(1)


def sends(world: World) -> list[int]:
    """How many users each POST named, in order."""
    return [len(body["userIds"]) for body in world.gateway.received]


def test_a_finished_run_is_taken_back_before_the_next_one_is_even_planned(world: World) -> None:
    first = first_run(world)
    ticks(world)
    assert world.run(first)["state"] == "finished"

    second = next_run(world)

    assert world.run(second)["waits_for_recall_of"] == [first]
    assert work(world) == []
    assert (world.run(first)["recalled"], sends(world)) == (5, [2, 2, 1])
    ticks(world)
    run = world.run(second)
    assert (run["state"], run["accepted"], run["waits_for_recall_of"], run["holds"]) == ("finished", 5, [], [])
    assert world.run(first)["recall"]["for_run_id"] == second
    assert world.gateway.deleted == ["acct_one-3", "acct_one-2", "acct_one-1"]


def test_a_delete_that_is_confirmed_and_not_done_holds_the_next_run(world: World) -> None:
    first = first_run(world)
    ticks(world)
    for number in (1, 2, 3):
        world.gateway.contents[f"acct_one-{number}"] = ItemContent(f"acct_one-{number}", "Hello", True, 2)
    world.gateway.deleting = [UnsendOutcome(UnsendKind.UNSENT, http_status=200)] * 60

    second = next_run(world)
    for _ in range(30):
        work(world)
        world.clock.advance(60)

    assert world.run(first)["recalled"] == 0
    assert [hold["kind"] for hold in world.run(second)["holds"]] == ["recall"]
    assert sends(world) == [2, 2, 1]


def overtaken(world: World, answer: Outcome) -> tuple[int, int]:
    """The next occurrence comes while the second batch of a run is at the vendor, who then answers."""
    first, opened = first_run(world), list[int]()

    def meanwhile() -> Outcome:
        opened.append(next_run(world))
        return answer

    world.gateway.script = [accepted("m-1"), meanwhile]
    ticks(world, 1)
    return first, opened[0]


def test_a_run_that_is_half_sent_is_cancelled_and_what_had_left_is_taken_back(world: World) -> None:
    first, second = overtaken(world, accepted("m-2"))
    ticks(world)

    run = world.run(first)
    assert (run["state"], run["accepted"], run["cancelled"], run["recalled"]) == ("cancelled", 4, 1, 4)
    assert world.gateway.deleted == ["m-2", "m-1"]
    assert (world.run(second)["state"], world.run(second)["accepted"]) == ("finished", 5)


def test_an_unknown_batch_holds_the_new_run_once_it_was_looked_for(world: World) -> None:
    first, second = overtaken(world, UNKNOWN)

    assert (world.run(first)["state"], world.gateway.deleted) == ("cancelling", [])
    world.clock.advance(10)
    ticks(world, 5)

    assert (world.run(first)["recalled"], world.gateway.deleted) == (2, ["m-1"])
    (hold,) = world.run(second)["holds"]
    assert hold["kind"] == "recall"
    assert hold["reason"] == (f"run r{first} was not unsent completely: unknown, so nobody knows what to unsend: 2")
    assert world.run(second)["accepted"] == 0

    resume_run(world.store, second, reason="a second one does no harm", actor=ANNA)
    ticks(world)
    assert world.run(second)["accepted"] == 5


def test_what_cannot_be_taken_back_any_more_holds_the_new_run(world: World) -> None:
    first = first_run(world)
    ticks(world)
    world.gateway.deleting = [REFUSED]
    second = next_run(world)
    ticks(world)

    (hold,) = world.run(second)["holds"]
    assert hold["kind"] == "recall"
    assert hold["reason"].startswith(
        f"run r{first} was not unsent completely: 1 of 3 accepted batches are still out: 3 ("
    )
    assert sends(world) == [2, 2, 1]


def test_nothing_to_take_back_delays_nobody(world: World) -> None:
    first = first_run(world)
    world.gateway.script = [REJECTED] * 3
    ticks(world)
    assert world.run(first)["rejected"] == 5

    second = next_run(world)
    ticks(world, 1)

    assert world.run(second)["accepted"] == 5
    assert "recall_asked" not in world.events()


def test_the_run_of_two_hours_ago_is_taken_back_even_if_the_one_between_never_started(world: World) -> None:
    first = first_run(world)
    ticks(world)
    world.gateway.deleting = [SIGNED_OUT]
    second = next_run(world)
    ticks(world)
    third = next_run(world)

    release_account(world.store, ACCOUNT, reason="signed in", actor=ANNA)
    ticks(world, 1)
    assert (world.run(second)["state"], world.run(third)["accepted"]) == ("cancelled", 0)
    ticks(world)

    assert world.run(first)["recalled"] == 5
    assert (world.run(third)["accepted"], world.run(third)["holds"]) == (5, [])
    assert sends(world) == [2, 2, 1] * 2


def test_what_stayed_out_for_a_run_that_was_cancelled_holds_the_one_after_it(world: World) -> None:
    first = first_run(world)
    ticks(world)
    world.gateway.deleting = [REFUSED]
    second = next_run(world)
    world.serve()
    world.serve()
    assert [hold["kind"] for hold in world.run(second)["holds"]] == ["recall"]
    cancel_run(world.store, second, reason="no more today", actor=ANNA)

    world.gateway.deleting = [REFUSED]
    third = next_run(world)
    ticks(world)

    assert [hold["kind"] for hold in world.run(third)["holds"]] == ["recall"]
    assert world.run(first)["recall"]["for_run_id"] == third
    assert sends(world) == [2, 2, 1]


def test_a_rerun_is_taken_back_together_with_the_run_it_completed(world: World) -> None:
    first = first_run(world)
    world.gateway.script = [REJECTED]
    ticks(world)
    again = rerun(world.store, first, upstream=UPSTREAM, reason="corrected", actor=ANNA).child
    ticks(world)

    second = next_run(world)
    ticks(world, 5)

    assert (world.run(first)["recalled"], world.run(again)["recalled"]) == (3, 2)
    assert world.run(second)["accepted"] == 5


def test_a_rerun_of_an_older_run_is_taken_back_and_so_is_the_run_that_came_after_that(world: World) -> None:
    """Else the fans keep the run before, which the rerun seems to have replaced."""
    first = first_run(world)
    world.gateway.script = [REJECTED]
    ticks(world)
    second = next_run(world)
    ticks(world)
    again = rerun(world.store, first, upstream=UPSTREAM, reason="corrected", actor=ANNA).child
    ticks(world)
    assert [world.run(run_id)["accepted"] for run_id in (first, second, again)] == [3, 5, 2]

    third = next_run(world)
    ticks(world, 8)

    assert [world.run(run_id)["recalled"] for run_id in (first, second, again)] == [3, 5, 2]
    assert (world.run(third)["accepted"], world.run(third)["holds"]) == (5, [])


def test_an_occurrence_that_was_backfilled_is_taken_back_whenever_its_row_was_made(world: World) -> None:
    first = first_run(world)
    ticks(world)
    skipped = skip_next(world.store, 1, reason="a holiday", actor=ANNA).run_id
    put_forward(world, hours=1)
    second = next_run(world)
    ticks(world)
    missed = world.clock.now - timedelta(hours=1, minutes=30)
    backfill(world.store, 1, Period(missed, world.clock.now), upstream=UPSTREAM, reason="it was no holiday", actor=ANNA)
    ticks(world)
    assert [world.run(run_id)["accepted"] for run_id in (first, second, skipped)] == [5, 5, 5]

    next_run(world)
    ticks(world, 8)

    assert [world.run(run_id)["recalled"] for run_id in (first, second, skipped)] == [5, 5, 5]


def test_what_a_person_let_stay_out_is_not_asked_for_again_by_every_later_run(world: World) -> None:
    first = first_run(world)
    ticks(world)
    world.gateway.deleting = [REFUSED]
    second = next_run(world)
    ticks(world)
    resume_run(world.store, second, reason="a second one does no harm", actor=ANNA)
    ticks(world)
    asked = len(world.gateway.deleted)

    next_run(world)
    ticks(world, 5)

    assert world.run(first)["recalled"] < 5
    assert world.run(second)["recalled"] == 5
    assert len(world.gateway.deleted) == asked + 3, "the batches of the second run alone"


def test_what_was_sent_before_the_campaign_had_the_rule_stays_but_for_the_run_before(world: World) -> None:
    armed(world, overlap="skip")
    old = [next_run(world)]
    ticks(world)
    old.append(next_run(world))
    ticks(world)
    edit_campaign(world.store, 1, Changes(timing=Timing(cron=HOURLY, zone="UTC", overlap="unsend")), actor=ANNA)

    third = next_run(world)
    ticks(world, 5)

    assert [world.run(run_id)["recalled"] for run_id in old] == [0, 5]
    assert world.run(third)["accepted"] == 5


def test_a_new_run_that_is_cancelled_leaves_the_recall_as_it_is(world: World) -> None:
    first = first_run(world)
    ticks(world)
    second = next_run(world)

    cancel_run(world.store, second, reason="not today", actor=ANNA)
    ticks(world)

    assert (world.run(first)["recalled"], world.run(second)["state"]) == (5, "cancelled")
