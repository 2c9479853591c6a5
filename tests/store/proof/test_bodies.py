"""`audit verify` builds the body of every request again: a wrong message shows, and what cannot be built is counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pyroaring import BitMap64

from campaigns.domain.schedules.timing import Timing
from campaigns.flow.audience.suppress import suppress
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.schedules.due import open_due_runs
from campaigns.store.database.engine import Store
from campaigns.store.proof import verify
from campaigns.store.proof.bodies import Bodies
from campaigns.store.proof.verify import Verified
from tests.clock import DrivenClock
from tests.one_database import AGAIN_ON_POSTGRESQL, reused_database
from tests.store.audit.first_release import sealed_by_the_first_release
from tests.store.forger import Forger
from tests.world import ACCOUNT, ANNA, NOT_SENT, REJECTED, UNKNOWN, UPSTREAM, World

ONE_BAD_USER = replace(REJECTED, one_user_may_be_the_cause=True)


@pytest.fixture(params=AGAIN_ON_POSTGRESQL)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Nobody else's: the forger takes its rules away for good."""
    yield from reused_database(request, "forgeries")


@pytest.fixture
def world(store: Store, clock: DrivenClock) -> World:
    """A world whose books may be forged in the end."""
    return World(store, clock)


def proved(world: World) -> Verified:
    with world.store.read() as connection:
        return verify.verify(connection)


MESSAGES: dict[str, dict[str, Any]] = {
    "plain": {},
    "with a price": {"price": Decimal("9.99"), "media_files": ("11", "12"), "previews": ("11",), "locked_text": True},
    "with release forms": {"rf_tag": ("1", "2"), "rf_guest": ("3",)},
    "not ASCII": {"text": "Grüße 🎉 a < b > c"},
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_every_request_is_built_again_whatever_it_says(world: World, message: dict[str, Any]) -> None:
    world.launched(range(1, 6), message=message)
    world.gateway.script = [NOT_SENT, UNKNOWN]
    world.serve()
    world.clock.advance(60)
    world.serve_out()

    found = proved(world)

    assert (found.ok, found.faults) == (True, [])
    assert found.bodies == Bodies(4, 0)


def test_release_forms_sent_as_a_string_are_built_again_as_a_string(world: World) -> None:
    world.launched([1], message={"rf_tag": ("1", "2")})
    serve_lane(replace(world.sender(), rf_as="string"), ACCOUNT, lambda: True)

    assert world.gateway.received[0]["rfTag"] == "1,2"
    assert proved(world).bodies == Bodies(1, 0)
    assert proved(world).ok


def test_whole_lists_and_runs_that_were_handed_over_are_built_again(world: World) -> None:
    world.account()
    world.launch(world.campaign(message={"user_lists": ("42",)}))
    world.serve()
    daily = world.campaign([1, 2], timing=Timing(cron="0 18 * * *", zone="UTC", handoff=True))
    launch(world.store, daily, upstream=UPSTREAM, actor=ANNA)
    world.clock.now = world.clock.now.replace(hour=2) + timedelta(days=1)
    for run_id in open_due_runs(world.store, actor="worker:beat"):
        plan_run(world.store, run_id, actor="worker:one")
    world.serve()

    assert "scheduledDate" in world.gateway.received[1]
    found = proved(world)
    assert (found.faults, found.bodies) == ([], Bodies(2, 0))


def test_what_was_too_late_to_be_handed_over_is_built_again_without_its_time(world: World) -> None:
    world.account()
    daily = world.campaign([1, 2], timing=Timing(cron="0 18 * * *", zone="UTC", handoff=True))
    launch(world.store, daily, upstream=UPSTREAM, actor=ANNA)
    world.clock.now = world.clock.now.replace(hour=2) + timedelta(days=1)
    for run_id in open_due_runs(world.store, actor="worker:beat"):
        plan_run(world.store, run_id, actor="worker:one")
    world.clock.now = world.clock.now.replace(hour=18, minute=1)
    world.serve()

    (sent,) = world.gateway.received
    assert "scheduledDate" not in sent
    found = proved(world)
    assert (found.faults, found.bodies) == ([], Bodies(1, 0))


def test_a_batch_that_was_halved_keeps_its_users_and_is_built_again(world: World) -> None:
    run_id = world.launched([1, 2, 3, 4])
    world.gateway.script = [ONE_BAD_USER]
    world.serve_out()

    assert "split" in world.states(run_id)
    found = proved(world)
    assert (found.faults, found.bodies) == ([], Bodies(4, 0))


def test_a_message_that_was_not_the_runs_is_a_fault(world: World) -> None:
    """As of a worker that took the text of another run: the digest is that of what it sent."""
    run_id = world.launched([1, 2, 3])
    world.serve()
    Forger(world.store).does("UPDATE attempt SET request_sha256 = '" + "0" * 64 + "' WHERE batch_id = 2")

    found = proved(world)

    assert not found.ok
    assert (
        f"run r{run_id} batch 2: request 1 carried another body than the run's message to the batch's users"
        in found.faults
    )
    assert found.bodies == Bodies(2, 0)


def test_an_earlier_releases_requests_and_those_of_a_form_to_come_are_counted_and_no_fault(world: World) -> None:
    world.launched([1, 2, 3, 4, 5])
    world.serve()
    Forger(world.store).does("UPDATE attempt SET form = NULL WHERE batch_id = 1")
    to_come = '{"rf_as": "array", "text_mode": "as_written", "mark": null, "version": 2}'
    Forger(world.store).does(f"UPDATE attempt SET form = '{to_come}' WHERE batch_id = 2")

    found = proved(world)

    assert (found.ok, found.bodies) == (True, Bodies(1, 2))


def test_a_request_whose_users_were_partly_withheld_since_is_counted_and_no_fault(world: World) -> None:
    world.launched([1, 2])
    world.gateway.script = [NOT_SENT]
    world.serve()
    suppress(world.store, BitMap64([2]), account_id=None, reason="asked", actor=ANNA)
    world.clock.advance(60)
    world.serve()

    assert [body["userIds"] for body in world.gateway.received] == [["1"]]
    found = proved(world)
    assert (found.faults, found.bodies) == ([], Bodies(1, 1))


def test_a_seal_from_before_the_form_was_stored_still_holds(world: World) -> None:
    """The form is no part of version 1 of the sealed rows: with or without it the digest is the same."""
    world.launched([1, 2])
    world.serve()
    sealed_by_the_first_release(world.store)
    Forger(world.store).does("UPDATE attempt SET form = NULL")

    found = proved(world)

    assert (found.ok, found.unsealed) == (True, 0)
