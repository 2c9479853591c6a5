"""A run of which too much is rejected is held, and goes on when somebody says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from campaigns.domain.upstream.outcome import Outcome
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.runs.pause_resume_cancel import resume_run
from tests.world import ACCOUNT, ANNA, LIMITS, REJECTED, World, accepted


def serve(world: World, answers: str, error_batches: int = 4, error_share: float = 0.5) -> None:
    """Serve with these answers: `r` a rejection, `a` an acceptance."""
    made = len(world.gateway.received)
    outcomes: list[Outcome] = [REJECTED if one == "r" else accepted(f"{made}-{n}") for n, one in enumerate(answers)]
    world.gateway.script = list(outcomes)
    left = iter(range(len(answers)))
    limits = replace(LIMITS, error_share=error_share, error_batches=error_batches)
    serve_lane(world.sender(limits=limits), ACCOUNT, lambda: next(left, None) is not None)


def holds(world: World, run_id: int) -> list[tuple[str, str]]:
    return [(hold["kind"], hold["reason"]) for hold in world.run(run_id)["holds"]]


@pytest.mark.parametrize(
    ("answers", "is_held"),
    [
        ("rrrr", True),
        ("rrr", False),  # too few
        ("aaaarrrr", True),  # half
        ("aaaaarrrr", False),  # not half
        ("aararaarar", False),
    ],
)
def test_a_run_is_held_when_the_share_and_the_number_are_reached(world: World, answers: str, is_held: bool) -> None:
    run_id = world.launched(range(1, 41), batch_size=2)

    serve(world, answers)

    assert bool(holds(world, run_id)) is is_held
    assert world.serve() == (0 if is_held else 20 - len(answers))


def test_the_hold_says_how_many_and_why(world: World) -> None:
    run_id = world.launched(range(1, 41), batch_size=2)

    serve(world, "arrrr")

    reason = "4 of the last 5 batches were rejected, the last because: refused"
    assert holds(world, run_id) == [("errors", reason)]


def test_who_resumes_it_has_accepted_what_was_rejected(world: World) -> None:
    run_id = world.launched(range(1, 41), batch_size=2)
    serve(world, "rrrr")

    world.clock.advance(60)
    resume_run(world.store, run_id, reason="as expected", actor=ANNA)
    world.clock.advance(1)
    serve(world, "rrr")
    assert holds(world, run_id) == []
    serve(world, "r")

    assert "4 of the last 4 batches" in holds(world, run_id)[0][1]


def test_a_run_that_is_over_is_not_held(world: World) -> None:
    run_id = world.launched(range(1, 9), batch_size=2)

    serve(world, "rrrr")

    assert (world.run(run_id)["state"], holds(world, run_id)) == ("finished_with_failures", [])


def test_nothing_is_held_when_the_number_is_0(world: World) -> None:
    run_id = world.launched(range(1, 41), batch_size=2)

    serve(world, "r" * 12, error_batches=0)

    assert holds(world, run_id) == []


def test_what_the_vendor_only_keeps_counts_as_taken(world: World) -> None:
    run_id = world.launched(range(1, 41), batch_size=2, message={"save_for_later": True})

    serve(world, "aaaaarrrr")

    assert holds(world, run_id) == []
