"""What the record knows of a message outweighs what is decided without naming it: the last gate before a request."""

from __future__ import annotations

from typing import Any

import pytest
from pyroaring import BitMap64
from sqlalchemy import text

from campaigns.domain.errors import NotAllowed
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import BatchState
from campaigns.flow.audience.suppress import suppress, unsuppress
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.reconcile.decide import Decided, decide
from campaigns.flow.runs.pause_resume_cancel import pause_run, resume_run
from campaigns.flow.runs.rerun import rerun
from campaigns.store.database.engine import Store
from tests.clock import DrivenClock
from tests.flow.reconcile.lost_answers import answers_late, look, lost_answer, shows
from tests.world import (
    ANNA,
    LIMITS,
    LOGGED_OUT,
    NOT_SENT,
    REJECTED,
    THROTTLED,
    UNKNOWN,
    UPSTREAM,
    World,
    accepted,
)

CANCELLED = frozenset({BatchState.CANCELLED})


@pytest.fixture
def doubted(store: Store, clock: DrivenClock) -> World:
    """A world in which an operator may message somebody twice, by name."""
    return World(store, clock)


def decided(world: World, run_id: int, verdict: Any, **how: Any) -> Decided:
    return decide(world.store, run_id, **{"seqs": [1], "reason": "asked", "actor": ANNA, **how}, verdict=verdict)


def kinds_of_holds(world: World, run_id: int) -> list[str]:
    return [hold["kind"] for hold in world.run(run_id)["holds"]]


def test_a_rerun_that_was_opened_before_a_late_answer_is_not_sent(world: World) -> None:
    run_id = lost_answer(world)
    decided(world, run_id, "not-sent")
    child = rerun(world.store, run_id, upstream=UPSTREAM, states=CANCELLED, reason="again", actor=ANNA).child
    pause_run(world.store, child, reason="wait", actor=ANNA)

    answers_late(world, accepted("777"))
    resume_run(world.store, child, reason="go", actor=ANNA)
    world.serve_out()

    assert world.requests_by_user()[1] == 1
    (hold,) = world.run(child)["holds"]
    assert hold["kind"] == "late_answer"
    assert f"message 777 is on record for batch 1 of run r{run_id}" in hold["reason"]


def test_resuming_such_a_run_without_naming_the_message_holds_it_again(world: World) -> None:
    run_id = lost_answer(world)
    decided(world, run_id, "not-sent")
    child = rerun(world.store, run_id, upstream=UPSTREAM, states=CANCELLED, reason="again", actor=ANNA).child
    answers_late(world, accepted("777"))

    for _ in range(2):
        world.serve_out()
        assert kinds_of_holds(world, child) == ["late_answer"]
        resume_run(world.store, child, reason="go", actor=ANNA)
    world.serve_out()

    assert world.requests_by_user()[1] == 1


def test_the_batch_is_accepted_by_its_late_answer_once_the_rerun_is_cancelled(world: World) -> None:
    run_id = lost_answer(world)
    decided(world, run_id, "not-sent")
    child = rerun(world.store, run_id, upstream=UPSTREAM, states=CANCELLED, reason="again", actor=ANNA).child
    answers_late(world, accepted("777"))

    with pytest.raises(NotAllowed, match="has some of its users") as refusal:
        decided(world, run_id, "accepted", message_id="777")
    assert refusal.value.remedies == (Remedy(Do.CANCEL_RUN, run=child),)
    cancel_run(world.store, child, reason="they have it", actor=ANNA)
    decided(world, run_id, "accepted")

    assert world.batches(run_id)[0]["message_id"] == "777", "the one message on record is taken without being named"
    assert world.states(run_id)[0] == "accepted"
    with pytest.raises(NotAllowed, match="nobody to send to again"):
        rerun(world.store, child, upstream=UPSTREAM, states=CANCELLED, reason="again", actor=ANNA)


def test_sending_again_is_refused_until_the_late_message_is_named(doubted: World) -> None:
    run_id = lost_answer(doubted)
    look(doubted, LIMITS.settle_looks)
    assert doubted.states(run_id) == ["unknown", "accepted"]
    answers_late(doubted, accepted("777"))
    doubted.serve()
    assert doubted.batches(run_id)[0]["message_id"] == "777"

    for verdict in ("resend", "not-sent"):
        with pytest.raises(NotAllowed, match="message 777 is on record"):
            decided(doubted, run_id, verdict)
        with pytest.raises(NotAllowed, match="message 777 is on record"):
            decided(doubted, run_id, verdict, despite=["778"])
    decided(doubted, run_id, "resend", despite=["777"])
    doubted.serve_out()

    assert doubted.requests_by_user()[1] == 2
    assert kinds_of_holds(doubted, run_id) == []
    doubted.prove()


def test_a_decision_that_was_taken_before_the_late_answer_does_not_name_it(world: World) -> None:
    """The gate stands before each request, not before each decision."""
    run_id = lost_answer(world)
    look(world, LIMITS.settle_looks)
    decided(world, run_id, "resend")
    answers_late(world, accepted("777"))
    assert kinds_of_holds(world, run_id) == ["late_answer"]
    resume_run(world.store, run_id, reason="go on", actor=ANNA)

    world.serve_out()

    assert world.requests_by_user()[1] == 1
    assert kinds_of_holds(world, run_id) == ["late_answer"]
    decided(world, run_id, "accepted", message_id="777")
    assert world.states(run_id)[0] == "accepted"


def test_a_plain_acceptance_is_not_overruled_after_an_earlier_overrule(doubted: World) -> None:
    run_id = lost_answer(doubted)
    shows(doubted, "777")
    look(doubted)
    decided(doubted, run_id, "resend", reason="777 is the creator's own")
    doubted.gateway.script = [accepted("888")]
    doubted.serve_out()
    assert doubted.batches(run_id)[0]["message_id"] == "888"

    with pytest.raises(NotAllowed, match="accepted, not unknown"):
        decided(doubted, run_id, "resend")

    assert doubted.requests_by_user()[1] == 2
    doubted.prove()


@pytest.mark.parametrize("late", [REJECTED, NOT_SENT, LOGGED_OUT], ids=lambda outcome: outcome.kind.value)
def test_a_late_answer_that_proves_that_nothing_was_sent_is_used_by_the_search(world: World, late: Any) -> None:
    run_id = lost_answer(world, (1, 2))
    answers_late(world, late)

    world.serve_out()

    assert world.states(run_id) == ["rejected" if late is REJECTED else "accepted"]
    assert "unknown_refuted" in world.events()
    assert world.gateway.questions == [], "the vendor was not asked for what was known"
    assert world.requests_by_user()[1] == (1 if late is REJECTED else 2)


def test_what_was_not_sent_in_a_run_that_is_cancelled_is_cancelled(world: World) -> None:
    run_id = lost_answer(world, (1, 2))
    cancel_run(world.store, run_id, reason="stop", actor=ANNA)
    answers_late(world, NOT_SENT)

    world.serve_out()

    assert world.states(run_id) == ["cancelled"]
    assert world.run(run_id)["state"] == "cancelled"


def test_a_late_answer_settles_a_batch_that_was_given_up(world: World) -> None:
    run_id = lost_answer(world, (1, 2))
    look(world, LIMITS.settle_looks)
    assert world.run(run_id)["state"] == "finished_with_failures"

    answers_late(world, accepted("777"))
    world.serve()

    assert world.batches(run_id)[0]["message_id"] == "777"
    assert world.run(run_id)["state"] == "finished"


def test_a_late_answer_owns_its_message_at_once(world: World) -> None:
    """Batch 1 was decided, then its answer came; batch 2 never arrived, and must not take batch 1's message."""
    run_id = lost_answer(world, (1, 2, 3, 4))
    shows(world, "777")
    decided(world, run_id, "accepted", reason="it is in the queue")
    answers_late(world, accepted("777"))
    world.gateway.script = [UNKNOWN]

    world.serve_out()

    assert [batch["message_id"] for batch in world.batches(run_id)][1] is None
    assert world.states(run_id) == ["accepted", "unknown"]


def test_an_id_that_was_taken_wrongly_is_given_back_to_its_owner(world: World) -> None:
    first = lost_answer(world, (1, 2))
    shows(world, "777")
    look(world)
    second = world.launched((3, 4), message={"text": "Another"})
    world.gateway.script = [UNKNOWN]
    world.serve_out()
    with pytest.raises(NotAllowed, match="belongs to another batch"):
        decided(world, second, "accepted", message_id="777")

    decided(world, first, "not-sent", reason="777 is the other run's")
    decided(world, second, "accepted", message_id="777")

    assert world.batches(second)[0]["message_id"] == "777"
    assert world.states(first) == ["cancelled"]
    with world.store.read() as connection:
        kept = connection.execute(text("SELECT count(*) FROM message WHERE message_id = '777'")).scalar_one()
    assert kept == 1, "what was written once stands"


def test_policy_resend_never_sends_what_the_record_knows(world: World) -> None:
    """A late answer whose ID another batch owns cannot settle its batch, but it is no absence either."""
    run_id = lost_answer(world, (1, 2), on_unknown="resend")
    taken = world.launched((8, 9), message={"text": "Another"})
    world.gateway.script = [accepted("777")]
    with world.store.write() as connection:
        connection.execute(text("UPDATE batch SET look_at = NULL WHERE state = 'unknown'"))
    world.serve()
    assert world.batches(taken)[0]["message_id"] == "777"
    answers_late(world, accepted("777"))

    world.serve_out()

    assert world.states(run_id) == ["unknown"]
    assert world.requests_by_user()[1] == 1


def left_out_since(world: World) -> int:
    """The first request named users 1 and 2 and its answer was lost; the second left out user 1, and was throttled."""
    run_id = lost_answer(world, (1, 2))
    look(world, LIMITS.settle_looks)
    decided(world, run_id, "resend")
    suppress(world.store, BitMap64([1]), account_id=None, reason="asked", actor=ANNA)
    world.gateway.script = [THROTTLED]
    world.serve(turns=1)
    unsuppress(world.store, BitMap64([1]), account_id=None, reason="asked", actor=ANNA)
    assert [batch["size"] for batch in world.batches(run_id)] == [1, 1]
    return run_id


@pytest.mark.parametrize("is_taken", [False, True])
def test_a_late_answer_counts_for_who_was_left_out_since_its_request(doubted: World, *, is_taken: bool) -> None:
    run_id = left_out_since(doubted)
    answers_late(doubted, accepted("777"))
    if is_taken:
        decided(doubted, run_id, "accepted", message_id="777")
    else:
        cancel_run(doubted.store, run_id, reason="they have it", actor=ANNA)

    with pytest.raises(NotAllowed, match="nobody to send to again"):
        rerun(doubted.store, run_id, upstream=UPSTREAM, states=CANCELLED, reason="again", actor=ANNA)


def test_a_late_answer_stops_a_rerun_to_who_was_left_out_since_its_request(doubted: World) -> None:
    run_id = left_out_since(doubted)
    child = rerun(doubted.store, run_id, upstream=UPSTREAM, states=CANCELLED, reason="again", actor=ANNA).child
    answers_late(doubted, accepted("777"))
    doubted.clock.advance(60)  # the cool-down is over
    doubted.serve_out()

    assert kinds_of_holds(doubted, child) == ["late_answer"]
    decided(doubted, run_id, "accepted", message_id="777")
    resume_run(doubted.store, child, reason="go", actor=ANNA)
    doubted.serve_out()

    assert kinds_of_holds(doubted, child) == ["late_answer"]
    assert doubted.requests_by_user()[1] == 1


def test_who_was_left_out_before_the_request_did_not_get_its_message(world: World) -> None:
    run_id = world.launched((1, 2))
    suppress(world.store, BitMap64([1]), account_id=None, reason="asked", actor=ANNA)
    world.gateway.script = [UNKNOWN]
    world.serve()
    unsuppress(world.store, BitMap64([1]), account_id=None, reason="asked", actor=ANNA)
    answers_late(world, accepted("777"))

    again = rerun(world.store, run_id, upstream=UPSTREAM, states=CANCELLED, reason="again", actor=ANNA)
    world.serve_out()

    assert again.recipients == 1
    assert world.requests_by_user() == {1: 1, 2: 1}
