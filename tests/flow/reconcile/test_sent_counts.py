"""The vendor's sent counts: kept when a look sees them, asked for by an operator, compared by `audit verify`."""

from __future__ import annotations

import pytest

from campaigns.domain.errors import NotAllowed, VendorAway
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.upstream.queue_items import ItemContent
from campaigns.flow.reconcile.decide import decide
from campaigns.flow.reconcile.sent_counts import KEPT_TOGETHER, ask_sent_counts
from campaigns.ports import Permit
from campaigns.store.database.engine import Store
from campaigns.store.proof import verify
from campaigns.store.proof.sent_counts import Compared
from campaigns.store.proof.verify import Verified
from campaigns.store.views import events as event_views
from tests.clock import DrivenClock
from tests.flow.reconcile.lost_answers import look, lost_answer, shows
from tests.world import ANNA, World


def verified(world: World) -> Verified:
    with world.store.read() as connection:
        return verify.verify(connection)


def tells(world: World, counts: dict[str, int | None]) -> None:
    """Let the vendor show these messages, gone to so many fans."""
    world.gateway.contents = {name: ItemContent(name, "Hello", True, count) for name, count in counts.items()}


def ask(world: World, run_id: int, most: int = 100) -> int:
    def beforehand(questions: int) -> None:
        world.gateway.questions.append(f"{questions} to ask")

    return ask_sent_counts(world.sender(), run_id, most=most, actor=ANNA, beforehand=beforehand)


@pytest.fixture
def doubted(store: Store, clock: DrivenClock) -> World:
    """A world whose proof may fail."""
    return World(store, clock)


def test_what_a_look_saw_is_compared(world: World) -> None:
    run_id = lost_answer(world, users=(1, 2))
    shows(world, "777", sent=1)
    look(world)

    counted = verified(world).sent_counts

    assert (counted.accepted, counted.told) == (1, 1)
    (said,) = counted.below
    assert said.startswith(f"run r{run_id} batch 1: the vendor says that message 777 went to 1 of 2 fans, as of ")


def test_an_operator_asks_about_each_accepted_batch_and_is_told_beforehand(world: World) -> None:
    run_id = world.launched([1, 2, 3, 4, 5])
    world.serve()
    tells(world, {"acct_one-1": 2, "acct_one-2": 2})

    assert ask(world, run_id) == 3

    assert world.gateway.questions == ["3 to ask", "item acct_one-1", "item acct_one-2", "item acct_one-3"]
    found = verified(world)
    assert (found.ok, found.sent_counts) == (True, Compared(3, 2, []))
    with world.store.read() as connection:
        event = list(event_views.events(connection, run_id))[-1]
    assert (event.kind, event.actor) == ("counts_asked", ANNA)
    assert event.detail == {"batches": {"1": 2, "2": 2, "3": None}}


def test_more_fans_than_the_batch_holds_is_a_fault(doubted: World) -> None:
    run_id = doubted.launched([1, 2])
    doubted.serve()
    tells(doubted, {"acct_one-1": 3})

    ask(doubted, run_id)

    fault = f"run r{run_id} batch 1: the vendor says that message acct_one-1 went to 3 fans, but the batch holds 2"
    assert verified(doubted).faults == [fault]


def test_the_newest_count_is_the_one_that_holds(world: World) -> None:
    run_id = world.launched([1, 2])
    world.serve()
    for count in (0, 1, 2):
        world.clock.advance(60)
        tells(world, {"acct_one-1": count})
        ask(world, run_id)
        assert len(verified(world).sent_counts.below) == (count != 2)

    assert ask(world, run_id) == 0, "it is known that everybody got it"


def test_more_credits_than_allowed_are_not_spent(world: World) -> None:
    run_id = world.launched([1, 2, 3, 4, 5])
    world.serve()

    with pytest.raises(NotAllowed, match="3 accepted batches to ask about") as refusal:
        ask(world, run_id, most=2)

    assert refusal.value.remedies == (Remedy(Do.ALLOW_CREDITS, run=run_id, value="3"),)
    assert world.gateway.questions == []


def test_another_vendors_run_is_not_asked_about(world: World) -> None:
    run_id = world.launched([1, 2])
    world.serve()
    world.gateway.team = lambda: "another"  # type: ignore[method-assign]

    with pytest.raises(NotAllowed, match="not the one for it"):
        ask(world, run_id)

    assert world.gateway.questions == []


def test_a_question_waits_for_the_shared_budget(world: World) -> None:
    run_id = world.launched([1, 2])
    world.serve()
    world.pacer.permits = [Permit(granted=False, wait_seconds=7), Permit(granted=True)]

    ask(world, run_id)

    assert world.slept == [7]


def test_what_was_told_before_the_vendor_went_away_is_kept(world: World) -> None:
    run_id = world.launched(range(1, 2 * KEPT_TOGETHER + 5))
    world.serve()
    tells(world, {f"acct_one-{number}": 2 for number in range(1, KEPT_TOGETHER + 3)})
    asked = world.gateway.item

    def item(account: str, message_id: str) -> ItemContent | None:
        if message_id == f"acct_one-{KEPT_TOGETHER + 2}":
            raise VendorAway("gone")
        return asked(account, message_id)

    world.gateway.item = item  # type: ignore[method-assign]
    with pytest.raises(VendorAway):
        ask(world, run_id)

    assert verified(world).sent_counts.told == KEPT_TOGETHER + 1
    assert world.events().count("counts_asked") == 2


def test_a_count_that_was_asked_for_is_no_search(world: World) -> None:
    """An operator may overrule what a search found, never what the vendor answered."""
    run_id = world.launched([1, 2])
    world.serve()
    tells(world, {"acct_one-1": 2})
    ask(world, run_id)

    with pytest.raises(NotAllowed, match="accepted, not unknown"):
        decide(world.store, run_id, seqs=[1], verdict="resend", reason="x", actor=ANNA)


def test_a_whole_list_is_not_compared_since_nobody_knows_its_size(world: World) -> None:
    run_id = world.launched(message={"user_lists": ["fans"]})
    world.serve()

    assert ask(world, run_id) == 0
