"""A run whose batches all say the same: what the vendor lists is given to its requests, and to no others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from campaigns.domain.errors import NotAllowed
from campaigns.domain.states import BatchState
from campaigns.flow.reconcile.decide import decide
from campaigns.flow.reconcile.search import ask_to_look
from campaigns.flow.runs.rerun import rerun
from campaigns.store.database.engine import Store
from tests.clock import DrivenClock
from tests.flow.reconcile.listing_vendor import ListingVendor, accepted_together, vendor
from tests.world import ANNA, UPSTREAM, World

LOST = {3, 4, 5, 9, 14, 15, 21, 28, 33, 34, 40}
ABSENT = {8, 20}


@pytest.fixture
def world(store: Store, clock: DrivenClock) -> World:
    """A world whose vendor lists what it takes."""
    made = World(store, clock, gateway=ListingVendor(clock=clock))
    made.account()
    return made


def to_the_end(world: World, run_id: int) -> None:
    """Serve the lane until nothing of the run waits, as time goes by."""
    for _ in range(60):
        world.serve_out()
        if not {"ready", "sending"} & set(world.states(run_id)):
            return
        world.clock.advance(5)
    raise AssertionError("the run never came to its end")


def attributed_rightly(world: World, run_id: int) -> None:
    """Each batch with a message ID has the one that went to its users."""
    for batch in world.batches(run_id):
        if batch["message_id"] is not None:
            assert vendor(world).users_of[batch["message_id"]] == world.users(run_id, batch["seq"]), batch


def decided(world: World, run_id: int, seq: int, verdict: Any, **how: Any) -> None:
    decide(world.store, run_id, seqs=[seq], verdict=verdict, reason="asked", actor=ANNA, **how)


@pytest.mark.parametrize("ahead", [0, -190, 3600])
def test_of_forty_batches_every_listed_one_is_found_and_the_absent_two_are_left(world: World, ahead: int) -> None:
    vendor(world).ahead = timedelta(seconds=ahead)
    vendor(world).fates = [
        "lost" if number in LOST else "absent" if number in ABSENT else "answered" for number in range(1, 41)
    ]
    run_id = world.launched(range(1, 81))

    to_the_end(world, run_id)

    states = {batch["seq"]: batch["state"] for batch in world.batches(run_id)}
    assert {seq for seq, state in states.items() if state != BatchState.ACCEPTED} == ABSENT
    attributed_rightly(world, run_id)
    assert world.requests_by_user()[1] == 1
    world.prove()


def test_absent_and_lost_ones_right_behind_each_other_are_told_apart(world: World) -> None:
    """The lane waits a little after a request that is absent, so that the dates of the next one are later."""
    vendor(world).fates = ["answered", "absent", "lost", "lost", "absent", "absent", "lost"]
    run_id = world.launched(range(1, 15))

    to_the_end(world, run_id)

    found = [batch["state"] for batch in world.batches(run_id)]
    assert found == ["accepted", "unknown", "accepted", "accepted", "unknown", "unknown", "accepted"]
    attributed_rightly(world, run_id)
    world.prove()


def test_a_request_that_was_decided_stays_in_the_matching(world: World) -> None:
    """Batch 2 arrived, and an operator decides at once; batch 3 never arrives, and must not take batch 2's message."""
    for verdict in ("accepted", "not-sent"):
        world.clock.advance(60)
        vendor(world).fates = ["answered", "lost", "absent"]
        run_id = world.launched(range(1, 7))
        world.serve(turns=2)
        assert world.states(run_id)[1] == "unknown"
        decided(world, run_id, 2, verdict)

        to_the_end(world, run_id)

        assert world.states(run_id)[2] == "unknown"
        attributed_rightly(world, run_id)
    world.prove()


def test_one_that_was_decided_accepted_without_an_id_is_looked_up(world: World) -> None:
    vendor(world).fates = ["answered", "lost"]
    run_id = world.launched(range(1, 5))
    world.serve(turns=2)
    decided(world, run_id, 2, "accepted")
    assert world.batches(run_id)[1]["message_id"] is None

    world.serve()

    assert world.batches(run_id)[1]["message_id"] is not None
    attributed_rightly(world, run_id)
    assert "message_found" in world.events()
    world.prove()


def test_one_that_was_decided_not_sent_is_found_all_the_same_and_never_sent_again(world: World) -> None:
    vendor(world).fates = ["answered", "lost", "lost"]
    run_id = world.launched(range(1, 7))
    world.serve(turns=2)
    world.clock.advance(60)
    decided(world, run_id, 2, "not-sent")
    to_the_end(world, run_id)
    assert world.states(run_id) == ["accepted", "cancelled", "accepted"]
    assert "message_found" in world.events()

    with pytest.raises(NotAllowed, match="nobody to send to again"):
        rerun(
            world.store,
            run_id,
            upstream=UPSTREAM,
            states=frozenset({BatchState.CANCELLED}),
            reason="again",
            actor=ANNA,
        )

    attributed_rightly(world, run_id)


def test_a_batch_that_was_given_up_is_found_when_it_is_asked_for_again(world: World) -> None:
    """Its item was listed only after the last look, and another one of the same text was lost and found since."""
    vendor(world).fates = ["answered", "lost", "lost"]
    run_id = world.launched(range(1, 7))
    world.serve(turns=2)
    late = vendor(world).listed.pop(0)
    to_the_end(world, run_id)
    assert world.states(run_id) == ["accepted", "unknown", "accepted"]
    vendor(world).listed.insert(1, late)

    ask_to_look(world.store, run_id, actor=ANNA)
    to_the_end(world, run_id)

    assert world.states(run_id) == ["accepted"] * 3
    attributed_rightly(world, run_id)
    world.prove()


def test_what_only_the_set_is_sure_of_is_accepted_together(world: World) -> None:
    run_id = world.launched(range(1, 5))

    ids = accepted_together(world, run_id)

    first, second = world.batches(run_id)
    assert (first["message_id"], second["message_id"]) == (None, None)
    assert set(first["message_ids"]) == set(second["message_ids"]) == ids
    other = world.launched((8, 9))
    vendor(world).fates = ["absent"]
    to_the_end(world, other)
    with pytest.raises(NotAllowed, match="belongs to another batch"):
        decided(world, other, 1, "accepted", message_id=min(ids))
    world.prove()


def test_a_decision_says_which_message_of_a_set_is_whose(world: World) -> None:
    run_id = world.launched(range(1, 5))
    ids = sorted(accepted_together(world, run_id))
    with pytest.raises(NotAllowed, match="shares messages"):
        decided(world, run_id, 1, "not-sent")
    with pytest.raises(NotAllowed, match="nobody knows which is its own"):
        decided(world, run_id, 1, "accepted")

    whose = next(one for one in ids if 1 in vendor(world).users_of[one])
    decided(world, run_id, 1, "accepted", message_id=whose)

    assert {batch["message_id"] for batch in world.batches(run_id)} == set(ids)
    attributed_rightly(world, run_id)
    world.prove()


def test_a_set_that_was_taken_wrongly_is_given_back_whole(world: World) -> None:
    run_id = world.launched(range(1, 5))
    ids = accepted_together(world, run_id)

    decide(
        world.store,
        run_id,
        seqs=[1, 2],
        verdict="not-sent",
        reason="both are the creator's",
        actor=ANNA,
        despite=sorted(ids),
    )

    assert world.states(run_id) == ["cancelled", "cancelled"]
    other = world.launched((8, 9))
    vendor(world).fates = ["absent"]
    to_the_end(world, other)
    decided(world, other, 1, "accepted", message_id=min(ids))
    assert world.batches(other)[0]["message_id"] == min(ids)
    world.prove()


def test_reconcile_finds_what_became_clear_since(world: World) -> None:
    vendor(world).tells_its_clock = False
    vendor(world).fates = ["answered", "absent", "lost", "answered"]
    run_id = world.launched(range(1, 9))
    to_the_end(world, run_id)
    assert "unknown" in world.states(run_id)

    ask_to_look(world.store, run_id, actor=ANNA)
    to_the_end(world, run_id)

    attributed_rightly(world, run_id)
    world.prove()
