"""A stop beside somebody who commits an attempt, adds an account, stops too, or vanished with an account's lock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from campaigns.flow.accounts.accounts import add_account
from campaigns.flow.accounts.stop import Stopped, go, stop
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.sending import send
from campaigns.store.database import postgresql
from campaigns.store.database.engine import Store
from campaigns.store.holds.stops import open_stops
from campaigns.store.sending.lanes import LaneClaim, claim_lane, hold_lane
from tests.store.interleave import Doing, overlapping, together
from tests.world import ACCOUNT, ANNA, LIMITS, TEAM, UPSTREAM, World

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

OTHER = "https://another.example"


def stopping(store: Store) -> Stopped:
    return stop(store, None, upstream=UPSTREAM, reason="fire", actor=ANNA)


def test_an_attempt_that_is_being_committed_is_in_flight_when_the_stop_returns(world: World) -> None:
    """The stop waits for it and lists it; it is never committed behind the stop's back."""
    run_id = world.launched([1, 2])

    _, stopped = overlapping(world.store, _commits_an_attempt(world), stopping)

    assert [each.run_id for each in stopped.in_flight] == [run_id]
    assert stopped.not_confirmed == []


def _commits_an_attempt(world: World) -> Doing:
    sender = world.sender()
    with world.store.write() as connection:
        lease = timedelta(seconds=LIMITS.lease_seconds)
        claim = claim_lane(connection, ACCOUNT, owner=sender.owner, name=ACCOUNT, now=world.clock.now, lease=lease)
    assert claim is not None
    return lambda store: send._commit_attempt(replace(sender, store=store), claim)


def test_an_attempt_that_begins_after_the_stop_is_not_committed(world: World) -> None:
    world.launched([1, 2])
    attempt = _commits_an_attempt(world)

    _, claim = overlapping(world.store, stopping, attempt)

    assert isinstance(claim, LaneClaim), "nothing was there to send"
    assert world.attempts(1) == []


@pytest.mark.parametrize("order", ["stop first", "account first"])
def test_an_account_under_a_new_address_that_is_added_at_that_moment_is_stopped(world: World, order: str) -> None:
    world.account()

    def adds(store: Store) -> Any:
        return add_account(store, "acct_new", upstream=OTHER, team=TEAM, actor=ANNA)

    acts = [stopping, adds] if order == "stop first" else [adds, stopping]
    overlapping(world.store, *acts)

    run_id = launch(world.store, world.campaign([1], account_id="acct_new"), upstream=OTHER, actor=ANNA).run_id
    assert run_id is not None
    assert [hold["kind"] for hold in world.run(run_id)["holds"]] == ["stop"]


def test_of_two_who_stop_at_once_one_is_the_first(world: World) -> None:
    world.account()
    stops = together(lambda: stopping(world.store), lambda: stopping(world.store))

    assert sorted(each.was_stopped for each in stops) == [False, True]
    with world.store.read() as connection:
        assert len(open_stops(connection)) == 1
    assert go(world.store, None, actor=ANNA).still_stopped == []


@on_postgresql
def test_a_stop_is_in_force_although_somebody_vanished_with_the_lock_of_an_account(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "BRIEF_SECONDS", 0.05)
    run_id = world.launch(world.campaign([1], account_id=world.account()))
    world.account("acct_two")
    with world.store.write() as connection:
        hold_lane(connection, "acct_two")  # and never ends
        stopped = stopping(world.store)

    assert stopped.not_confirmed == ["acct_two"]
    assert [hold["kind"] for hold in world.run(run_id)["holds"]] == ["stop"]
