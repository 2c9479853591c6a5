"""An answer that names a message and says that it failed: the message is ours, and what fans have is not known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from campaigns.domain.errors import NotAllowed
from campaigns.domain.upstream.queue_items import ItemContent
from campaigns.flow.reconcile.decide import decide
from campaigns.flow.reconcile.sent_counts import ask_sent_counts
from campaigns.flow.sending.spool_outcome import keep_outcome, write_kept
from campaigns.store.database.engine import Store
from campaigns.store.proof import verify
from tests.clock import DrivenClock
from tests.flow.reconcile.lost_answers import answers_late, lost_answer
from tests.world import ANNA, LIMITS, UNKNOWN, World, accepted

FAILED = replace(UNKNOWN, http_status=200, message_id="777", error="HTTP 200: message 777 was taken, but it failed")


def shown(world: World, **says: Any) -> None:
    world.gateway.contents["777"] = ItemContent("777", "Hello", is_free=True, sent_count=0, **says)


def sent(world: World) -> int:
    run_id = world.launched((1, 2), on_unknown="resend")
    world.gateway.script = [FAILED]
    world.serve()
    assert world.states(run_id) == ["unknown"]
    return run_id


def decided(world: World, run_id: int, verdict: Any, **how: Any) -> None:
    decide(world.store, run_id, seqs=None, verdict=verdict, reason="asked", actor=ANNA, **how)


def test_it_is_unknown_and_an_operator_decides_with_the_vendors_words(world: World) -> None:
    run_id = sent(world)
    shown(world, has_error=True)

    world.serve_out()

    assert world.states(run_id) == ["unknown"], "never sent again by policy"
    assert set(world.gateway.questions) == {"item 777"}, "its own message is looked at, and no list"
    assert "it failed" in world.batches(run_id)[0]["error"]
    decided(world, run_id, "accepted")
    assert world.batches(run_id)[0]["message_id"] == "777"


def test_one_that_the_vendor_shows_without_a_fault_later_is_accepted(world: World) -> None:
    run_id = sent(world)
    shown(world, has_error=False)

    world.serve_out()

    assert (world.states(run_id), world.batches(run_id)[0]["message_id"]) == (["accepted"], "777")


@pytest.mark.parametrize(("text", "is_free"), [("Another tool's", True), ("Hello", False)])
def test_one_that_says_something_else_is_not_taken_for_ours(world: World, text: str, *, is_free: bool) -> None:
    """A refusal can name somebody else's message, such as one that it is in conflict with."""
    run_id = sent(world)
    world.gateway.contents["777"] = ItemContent("777", text, is_free=is_free, sent_count=0)

    world.serve_out()

    assert world.states(run_id) == ["unknown"]
    assert "has another text" in world.batches(run_id)[0]["error"]


def test_sending_it_again_names_the_message(world: World) -> None:
    run_id = sent(world)
    shown(world, has_error=True)
    world.serve_out()

    with pytest.raises(NotAllowed, match="message 777 is on record"):
        decided(world, run_id, "not-sent")

    decided(world, run_id, "not-sent", despite=["777"])
    assert world.states(run_id) == ["cancelled"]


def test_nobody_else_takes_the_message(world: World) -> None:
    sent(world)
    other = world.launched((8, 9))
    world.gateway.script = [accepted("777")]
    shown(world, has_error=True)

    world.serve_out()

    assert world.states(other) == ["unknown"]


def test_such_an_answer_that_comes_late_or_twice_is_the_same(world: World) -> None:
    run_id = lost_answer(world, (1, 2))
    shown(world, has_error=True)
    answers_late(world, FAILED)

    world.serve_out()

    assert world.states(run_id) == ["unknown"]
    decided(world, run_id, "accepted")
    assert world.batches(run_id)[0]["message_id"] == "777"


@pytest.fixture
def doubted(store: Store, clock: DrivenClock) -> World:
    """A world whose proof may fail."""
    return World(store, clock)


@pytest.mark.parametrize(("count", "minutes", "faults"), [(0, 5, 0), (0, 60, 1), (4, 60, 1), (5, 60, 0), (10, 60, 0)])
def test_far_fewer_fans_than_the_batch_holds_are_a_fault_once_it_had_its_time(
    doubted: World, count: int, minutes: int, faults: int
) -> None:
    run_id = doubted.launched(range(1, 11), batch_size=10)
    doubted.serve()
    doubted.clock.advance(60 * minutes)
    doubted.gateway.contents = {"acct_one-1": ItemContent("acct_one-1", "Hello", is_free=True, sent_count=count)}
    ask_sent_counts(doubted.sender(), run_id, most=9, actor=ANNA, beforehand=lambda _: None)

    with doubted.store.read() as connection:
        found = verify.verify(connection)

    assert len(found.faults) == faults
    assert found.ok == (faults == 0)


def test_a_message_that_is_shown_as_failed_is_a_fault_at_once(doubted: World) -> None:
    run_id = doubted.launched((1, 2))
    doubted.serve()
    item = ItemContent("acct_one-1", "Hello", is_free=True, sent_count=0, has_error=True)
    doubted.gateway.contents = {"acct_one-1": item}
    ask_sent_counts(doubted.sender(), run_id, most=9, actor=ANNA, beforehand=lambda _: None)

    with doubted.store.read() as connection:
        (fault,) = verify.verify(connection).faults

    assert fault == (
        f"run r{run_id} batch 1: the vendor says that message acct_one-1 went to 0 of 2 fans, and shows it as failed"
    )


def test_the_outcome_is_the_same_when_it_was_kept_outside_the_database(world: World) -> None:
    from sqlalchemy import text

    from campaigns.store.sending.attempts import OpenAttempt

    run_id = sent(world)
    shown(world, has_error=True)
    with world.store.read() as connection:
        row = connection.execute(text("SELECT id, fence FROM batch")).one()
    opened = OpenAttempt(row.id, 1, 1, 0, run_id, "acct_one", row.fence)

    keep_outcome(world.spool, opened, FAILED, costs_attempt=True)
    write_kept(world.store, world.spool, LIMITS, actor="worker:one")

    assert "answer_came_late" not in world.events(), "it stands already"
