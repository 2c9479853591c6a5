"""Who is left out: of a rerun, whom its lineage may have reached; of everything, whom somebody suppressed."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import httpx
import pytest

from campaigns.domain.errors import NotAllowed
from tests.law.hosts import BATCH, LEASE
from tests.law.operators import Operators
from tests.law.place import Place
from tests.law.telling import NORTH, SOUTH, hold_the_law, served
from tests.law.vendor import Mood, Post


def test_a_rerun_leaves_out_whom_an_earlier_one_may_have_reached(world: Place) -> None:
    """The first rerun is unknown: its message is there, and not listed yet."""
    run_id = world.launched(users=BATCH)
    served(world, _refuse)
    world.vendor.mood = Mood(lag=timedelta(days=1))
    operators = Operators(world)
    child = operators.rerun(run_id)
    served(world, Post.lose_answer)
    world.settle(30)
    assert world.states(child) == ["unknown"]

    with suppress(NotAllowed):
        operators.rerun(run_id)
    world.settle(10)

    assert set(world.reached().values()) == {1}
    hold_the_law(world)


@pytest.mark.parametrize("first", ["answer", "rerun"])
def test_a_late_answer_counts_whatever_the_clock_of_the_database_says(world: Place, first: str) -> None:
    """A standby whose clock is a minute behind takes over before the answer comes."""
    run_id = world.launched(users=BATCH)
    world.vendor.mood = Mood(lag=timedelta(days=1))
    north = world.hosts[NORTH]
    north.serve_until_it_hangs("acct_one", takes=True)
    world.clock.advance(LEASE + 1)
    world.hosts[SOUTH].tick()
    operators = Operators(world)
    operators.decide(run_id, "not-sent", seq=1)
    world.clock.advance(-60)
    if first == "rerun":
        operators.rerun(run_id, cancelled=True)
    north.answer_comes()

    if first == "answer":
        with pytest.raises(NotAllowed):
            operators.rerun(run_id, cancelled=True)
    world.settle(80)

    assert set(world.reached().values()) == {1}
    hold_the_law(world)


def test_a_rerun_leaves_out_whom_somebody_suppressed_since(world: Place) -> None:
    run_id = world.launched(users=BATCH)
    served(world, _refuse)
    operators, users = Operators(world), sorted(world.batches(run_id)[0].users)
    operators.suppress(users[:1], None)

    operators.rerun(run_id)
    world.settle(10)

    assert world.reached() == {users[1]: 1}
    hold_the_law(world)


def test_whoever_is_suppressed_after_the_plan_gets_nothing(world: Place) -> None:
    run_id = world.launched(users=BATCH)
    users = sorted(world.batches(run_id)[0].users)
    Operators(world).suppress(users[:1], None)

    world.serve()

    assert world.reached() == {users[1]: 1}
    hold_the_law(world)


def _refuse(post: Post) -> httpx.Response:
    return post.vendor.answer(422, {"message": "refused", "errors": {"text": ["no"]}})
