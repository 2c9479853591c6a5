"""Overlap rule `unsend`: the earlier run is taken back, whole, before the new one may start; else that is held."""

from __future__ import annotations

from campaigns.domain.upstream.outcome import Outcome
from campaigns.domain.upstream.unsend_outcome import UnsendKind, UnsendOutcome
from campaigns.flow.accounts.accounts import release_account
from campaigns.flow.runs.pause_resume_cancel import cancel_run, resume_run
from campaigns.flow.runs.rerun import rerun
from tests.flow.schedules.timetable import armed, look, put_forward, work
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
    assert hold["reason"] == (f"run {first} was not taken back whole: unknown, so nobody can say what to take back: 2")
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
        f"run {first} was not taken back whole: 1 of 3 accepted batches are still out: 3 ("
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
    again = rerun(world.store, first, upstream=UPSTREAM, reason="corrected", actor=ANNA)["run_id"]
    ticks(world)

    second = next_run(world)
    ticks(world, 5)

    assert (world.run(first)["recalled"], world.run(again)["recalled"]) == (3, 2)
    assert world.run(second)["accepted"] == 5


def test_a_new_run_that_is_cancelled_leaves_the_recall_as_it_is(world: World) -> None:
    first = first_run(world)
    ticks(world)
    second = next_run(world)

    cancel_run(world.store, second, reason="not today", actor=ANNA)
    ticks(world)

    assert (world.run(first)["recalled"], world.run(second)["state"]) == (5, "cancelled")
