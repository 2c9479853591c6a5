"""A process may die between any two steps of a recall: whoever takes over takes back all of it, and loses no recall."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

import pytest

from campaigns.domain.upstream.queue_items import ItemContent
from campaigns.domain.upstream.unsend_outcome import UnsendKind, UnsendOutcome
from campaigns.flow.recall.recall import recall_run
from campaigns.store.database.engine import Store, open_store
from campaigns.store.sending.lanes import lanes_to_wake
from tests.clock import DrivenClock
from tests.crash_points.steps import FragileStore, Killed, Place, Steps
from tests.invariants import Vendor, nobody_lost
from tests.one_database import one_database
from tests.world import ANNA, UNSENT, UPSTREAM, World

LOST = UnsendOutcome(UnsendKind.UNCLEAR, "the answer was lost")

PATH = ("read", "acquire", "acquired", "begin", "commit", "committed", "delete", "deleted", "free the slot")


@dataclass
class ForgivingVendor(Vendor):
    """It takes back what it is told to, keeps that by itself, and loses the first answers."""

    told: dict[str, int] = field(default_factory=dict)  # message ID -> how often it was told to take it back
    loses: int = 0

    def unsend(
        self, account: str, message_id: str, *, deadline_seconds: float, may_start: Callable[[], str | None]
    ) -> UnsendOutcome:
        self.told[message_id] = self.told.get(message_id, 0) + 1
        self.loses -= 1
        self.deleting = [LOST if self.loses >= 0 else UNSENT]
        return super().unsend(account, message_id, deadline_seconds=deadline_seconds, may_start=may_start)

    def item(self, account: str, message_id: str) -> ItemContent | None:
        is_out = message_id not in self.told
        return ItemContent(message_id, "Hello", True, 2, is_canceled=not is_out, can_unsend=is_out)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Every death gets an account of its own in it."""
    yield from one_database(request, tmp_path_factory)


@pytest.fixture(scope="module")
def clock() -> DrivenClock:
    return DrivenClock()


@pytest.fixture(scope="module")
def store(database_url: str, clock: DrivenClock) -> Iterator[Store]:
    opened = open_store(database_url, clock=clock)
    yield opened
    opened.close()


_numbers = itertools.count(1)


def accepted_run(store: Store, clock: DrivenClock, *, loses: int = 0) -> tuple[Place, int]:
    """A run of two batches that were accepted, on an account of its own."""
    world = World(store, clock, gateway=ForgivingVendor(loses=loses))
    place = Place(world, world.account(f"acct_recalled_{next(_numbers)}"))
    run_id = place.launched([1, 2, 3])
    world.serve(place.account_id)
    return place, run_id


def take_over(place: Place) -> None:
    """The lease runs out, and another worker goes on for as long as a tick would wake it."""
    for _ in range(20):
        now = place.world.clock.advance(60)
        with place.world.store.read() as connection:
            woken = lanes_to_wake(connection, upstream=UPSTREAM, now=now, again_before=now)
        if place.account_id not in woken:
            return
        place.world.serve(place.account_id, owner="worker:two")
    raise AssertionError("the recall never ends")


def test_a_death_at_any_boundary_of_a_recall_leaves_nothing_out(store: Store, clock: DrivenClock) -> None:
    """The vendor's first answer is lost, so that there is a look, too."""
    for die_at in itertools.count():
        place, run_id = accepted_run(store, clock, loses=1)
        recall_run(store, run_id, reason="wrong price", actor=ANNA)
        try:
            crossed = place.serve_and_die(die_at)
        except pytest.fail.Exception:  # it got through: there is no such boundary any more
            assert die_at > 2 * len(PATH)
            return
        take_over(place)

        vendor = cast("ForgivingVendor", place.world.gateway)
        run = place.world.run(run_id)
        assert (run["recalled"], run["accepted"], run["state"]) == (3, 3, "finished"), crossed
        recall = run["recall"]
        assert (recall["unsent"], recall["failed"], recall["unknown"]) == (2, 0, 0), crossed
        assert (len(vendor.told), max(vendor.told.values())) == (2, 1), "asked again for what is shown as taken back"
        nobody_lost(place.world, run_id)


def test_a_recall_that_dies_while_it_is_asked_for_is_asked_for_whole_or_not_at_all(
    store: Store, clock: DrivenClock
) -> None:
    outcomes = Counter[bool]()
    for die_at in itertools.count():
        place, run_id = accepted_run(store, clock)
        steps = Steps(die_at)
        try:
            recall_run(cast("Store", FragileStore(store, steps)), run_id, reason="wrong price", actor=ANNA)
        except Killed:
            was_asked = place.world.run(run_id)["recall"] is not None
            assert was_asked == ("committed" in steps.crossed)
            outcomes[was_asked] += 1
        else:
            break
    assert set(outcomes) == {True, False}
