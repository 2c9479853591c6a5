"""The judge of a storm goes red for each thing that must not be, and for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pyroaring import BitMap64

from campaigns.store.database.engine import Store
from tests.clock import DrivenClock
from tests.faults.lost import Lost
from tests.faults.oracle import Batch, Item, Verdict, every_id_is_right
from tests.faults.orders import Order
from tests.faults.scene import Scene
from tests.world import World, accepted

ACCOUNT, OTHER = "acct_one", "acct_two"
EASTER = Order("Happy Easter", ACCOUNT, BitMap64([1, 2, 3, 4]), "hold")
SOLSTICE = Order("Happy solstice", OTHER, BitMap64([5, 6]), "hold")
AT_LEAST_ONCE = Order("Happy new year", OTHER, BitMap64([7, 8]), "resend")


@pytest.fixture
def scene(store: Store, clock: DrivenClock, tmp_path: Path) -> Scene:
    return Scene(World(store, clock), tmp_path / "ledger.jsonl")


def test_what_was_ordered_and_reached_by_a_database_that_is_no_more_is_in_order(scene: Scene) -> None:
    scene.order(EASTER, SOLSTICE)
    scene.accepted(EASTER.text, ACCOUNT, 1, 2)
    scene.accepted(EASTER.text, ACCOUNT, 3, 4)
    scene.accepted(SOLSTICE.text, OTHER, 5, 6)
    verdict = scene.judged()
    assert verdict.faults == []
    assert (verdict.accepted, verdict.users) == (3, 6)


def a_text_that_nobody_ordered(scene: Scene) -> str:
    scene.accepted("Explicit offer", ACCOUNT, 1, 2, 3, 4)
    return "item 700 says 'Explicit offer', which nobody ordered"


def the_text_of_another_account(scene: Scene) -> str:
    scene.order(SOLSTICE)
    scene.accepted(SOLSTICE.text, ACCOUNT, 5, 6)
    scene.accepted(EASTER.text, ACCOUNT, 1, 2, 3, 4)
    return "item 700 of acct_one says acct_two's 'Happy solstice'"


def the_text_of_another_order_of_the_account(scene: Scene) -> str:
    scene.order(Order("For VIPs", ACCOUNT, BitMap64([9]), "hold"))
    scene.accepted("For VIPs", ACCOUNT, 9, 1, 2, 3, 4)
    return "item 700 says 'For VIPs' to 4 users for whom it was not ordered"


@pytest.mark.parametrize(
    "happened", [a_text_that_nobody_ordered, the_text_of_another_account, the_text_of_another_order_of_the_account]
)
def test_a_wrong_text_or_account_is_found(scene: Scene, happened: Callable[[Scene], str]) -> None:
    scene.order(EASTER)
    fault = happened(scene)
    verdict = scene.judged()
    assert verdict.wrong_texts == [fault]
    assert verdict.faults == [fault]


def test_a_user_who_was_reached_before_and_after_a_restore_is_a_duplicate(scene: Scene) -> None:
    scene.order(EASTER)
    scene.accepted(EASTER.text, ACCOUNT, 1, 2, 3, 4)
    scene.accepted(EASTER.text, ACCOUNT, 3, 4)
    assert scene.judged().faults == ["Happy Easter: 2 users were messaged more than once"]


def test_a_campaign_that_sends_unknowns_again_may_double_and_is_counted_apart(scene: Scene) -> None:
    scene.order(AT_LEAST_ONCE)
    scene.accepted(AT_LEAST_ONCE.text, OTHER, 7, 8)
    scene.accepted(AT_LEAST_ONCE.text, OTHER, 7, 8)
    verdict = scene.judged()
    assert (verdict.faults, verdict.doubled_by_policy) == ([], 2)


def test_users_whom_neither_the_vendor_nor_a_batch_has_are_lost(scene: Scene) -> None:
    scene.order(EASTER)
    scene.accepted(EASTER.text, ACCOUNT, 1)
    assert scene.judged().faults == ["Happy Easter: 3 users were not reached, and stand in no batch"]


def test_a_send_that_no_database_had_committed_is_found(scene: Scene) -> None:
    scene.order(EASTER)
    scene.accepted(EASTER.text, ACCOUNT, 1, 2, 3, 4)
    scene.lost.requests[ACCOUNT, "sha 0"] = {101.0}  # after it was accepted
    assert scene.judged().unannounced == ["item 700 was accepted without an attempt committed before it"]
    scene.lost.requests.clear()
    assert scene.judged().unannounced == ["item 700 was accepted without an attempt committed before it"]


def test_users_who_are_accepted_and_were_not_reached_are_lost_unless_an_operator_knew_it(scene: Scene) -> None:
    scene.order(EASTER)
    scene.world.account()
    scene.run_of(EASTER)
    scene.world.gateway.script = [accepted("1"), accepted("700")]
    scene.world.serve_out()
    assert scene.accepted(EASTER.text, ACCOUNT, 3, 4) == "700"
    verdict = scene.judged()
    assert verdict.losses == ["Happy Easter: 2 users are accepted, but were not reached"]
    assert verdict.wrong_ids == ["batch 1 of run r1 has message ID 1, which is not its own"]
    assert scene.judged(given_up=BitMap64([1, 2])).losses == []


@pytest.mark.parametrize(("repeated_at", "is_lost"), [(None, True), (5.0, True), (40.0, False)])
def test_what_a_rerun_of_a_lost_database_sent_is_not_asked_of_the_batch_that_it_repeated(
    repeated_at: float | None, *, is_lost: bool
) -> None:
    """The same bytes: the attempt before the item is its own, and that may stand in a database that is no more."""
    request, users = (ACCOUNT, "sha"), BitMap64([1, 2])
    item = Item("700", ACCOUNT, 50.0, "sha", EASTER.text, users)
    batch = Batch(1, "batch 1 of run r1", ACCOUNT, "cancelled", None, "hold", EASTER.text, users)
    lost = Lost({} if repeated_at is None else {request: {repeated_at}})
    verdict = Verdict()
    every_id_is_right(verdict, [item], {request: [(1, 10.0)]}, {1: batch}, lost)
    assert bool(verdict.losses) is is_lost


def test_a_message_id_of_another_account_is_not_its_own(scene: Scene) -> None:
    scene.order(EASTER)
    scene.world.account()
    scene.run_of(EASTER)
    scene.world.gateway.script = [accepted("700"), accepted("701")]
    scene.world.serve_out()
    scene.accepted(EASTER.text, OTHER, 1, 2)
    scene.accepted(EASTER.text, ACCOUNT, 3, 4)
    scene.accepted(EASTER.text, ACCOUNT, 1, 2)
    assert scene.judged().wrong_ids == ["batch 1 of run r1 has message ID 700, which is not its own"]
