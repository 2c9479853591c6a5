"""Two batches whose messages nobody can tell apart are accepted with both, and stay together until somebody can."""

from __future__ import annotations

from contextlib import suppress

from campaigns.domain.errors import NotAllowed
from tests.law.hosts import BATCH
from tests.law.ledger import Message
from tests.law.operators import Operators
from tests.law.place import Place
from tests.law.records import Batch
from tests.law.telling import come_to_rest, hold_the_law, served, the_list_reaches_back
from tests.law.vendor import Post


def accepted_together(world: Place, *run_ids: int) -> list[Message]:
    """Their messages, by batch. Both searches are ended by an operator, and both requests arrive after that."""
    operators = Operators(world)
    the_list_reaches_back(world)
    for run_id in run_ids:
        served(world, Post.lose_request)
        (seq,) = [batch.seq for batch in world.batches(run_id) if batch.state == "unknown"]
        operators.decide(run_id, "accepted", seq=seq)
    world.clock.advance(30)
    second, first = [post.take() for post in reversed(world.vendor.posts)]  # the later one arrives first
    for run_id in run_ids:
        operators.look(run_id)
    world.settle(10)
    world.ledger.taken_for_sent.clear()
    assert [batch.message_ids for batch in _of(world, *run_ids)] == [(second.id, first.id)] * 2
    return [first, second]


def test_a_set_is_accepted_with_its_messages_together(world: Place) -> None:
    run_id = world.launched(users=2 * BATCH)
    accepted_together(world, run_id, run_id)

    assert world.states(run_id) == ["accepted", "accepted"]
    hold_the_law(world)
    come_to_rest(world)


def test_a_recall_takes_the_whole_set_back(world: Place) -> None:
    run_id = world.launched(users=2 * BATCH)
    messages = accepted_together(world, run_id, run_id)

    Operators(world).recall(run_id)
    world.settle(20, every=5)

    assert all(message.unsent_at is not None for message in messages)
    hold_the_law(world)


def test_a_recall_takes_nothing_of_a_set_that_a_run_shares_which_stays(world: Place) -> None:
    """Whose message is whose is decided first; then the run's own one goes, and no other."""
    stays, goes = world.launched(users=BATCH), world.launched(users=BATCH)
    own, others = reversed(accepted_together(world, stays, goes))
    operators = Operators(world)

    operators.recall(goes)
    world.settle(20, every=5)
    assert world.vendor.deletes == [], "nobody knows which of them is the run's"
    operators.decide(goes, "accepted", seq=1, named=True)
    world.settle(60, every=15)

    assert (own.unsent_at is not None, others.unsent_at) == (True, None)
    hold_the_law(world)


def test_a_decision_says_whose_message_of_a_set_is_whose(world: Place) -> None:
    """Each holds the other's, in name only."""
    run_id = world.launched(users=2 * BATCH)
    first, second = accepted_together(world, run_id, run_id)

    with suppress(NotAllowed):
        Operators(world).decide(run_id, "accepted", seq=1, named=True)

    assert [batch.message_ids for batch in world.batches(run_id)] == [(first.id,), (second.id,)]
    hold_the_law(world)


def _of(world: Place, *run_ids: int) -> list[Batch]:
    return [batch for run_id in dict.fromkeys(run_ids) for batch in world.batches(run_id)]
