"""Somebody stops everything in the middle of it all, and lets it go on."""

from __future__ import annotations

import httpx

from campaigns.flow.accounts.stop import go, stop
from tests.law.hosts import BATCH
from tests.law.operators import Operators
from tests.law.place import WHY, Place
from tests.law.telling import hold_the_law, the_list_reaches_back
from tests.law.vendor import Post, Vendor
from tests.world import UPSTREAM


def test_nothing_leaves_during_a_stop_and_everybody_gets_it_once_afterwards(world: Place) -> None:
    """Also what is launched later, from an account that is added later, after Redis has forgotten everything."""
    first = world.launched(users=3 * BATCH)
    stops = []

    def stopped_meanwhile(_: Vendor, post: Post) -> httpx.Response:
        stops.append(stop(world.store, None, upstream=UPSTREAM, **WHY))
        world.vendor.fate = None
        return post.accept()

    world.vendor.fate = stopped_meanwhile
    world.settle(10)
    assert [(each.run_id, each.batch) for each in stops[0].in_flight] == [(first, 1)]
    assert len(world.reached()) == BATCH

    later = world.launched("acct_new", users=BATCH)
    world.lose_redis()
    world.settle(60, every=15)
    assert len(world.reached()) == BATCH
    Operators(world).cancel(later)

    go(world.store, None, actor=WHY["actor"])
    world.settle(30)
    assert world.states(first) == ["accepted"] * 3
    assert len(world.reached()) == 3 * BATCH
    assert set(world.reached().values()) == {1}
    hold_the_law(world)


def test_what_an_answer_was_lost_of_is_searched_for_and_recalled_during_a_stop(world: Place) -> None:
    run_id = world.launched(users=BATCH)
    the_list_reaches_back(world)

    def lost_and_stopped(_: Vendor, post: Post) -> httpx.Response:
        stop(world.store, None, upstream=UPSTREAM, **WHY)
        world.vendor.fate = None
        return post.lose_answer()

    world.vendor.fate = lost_and_stopped
    world.settle(60)
    assert world.states(run_id) == ["accepted"], "found at the vendor"

    Operators(world).recall(run_id)
    world.settle(30)
    assert [message.unsent_at is not None for message in world.ledger.messages.values()] == [True]
    hold_the_law(world)
