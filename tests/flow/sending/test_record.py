"""What an answer proved is written once, with everything the vendor said; a late one is kept and moves nothing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from campaigns.domain.errors import DatabaseAway
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import HoldOrder, HoldScope, Outcome, OutcomeKind
from campaigns.domain.upstream.reply import VendorReport
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.reconcile.abandoned import expire_attempts
from campaigns.flow.sending import record
from campaigns.store.views import accounts as account_views
from campaigns.store.views import events as event_views
from campaigns.store.views.accounts import CreditsBalance
from tests.one_database import on_both
from tests.world import ACCOUNT, ANNA, LIMITS, NOT_SENT, REJECTED, THROTTLED, UNKNOWN, World, accepted

pytestmark = on_both

BEAT = "worker:beat"


def test_everything_that_the_reply_said_about_itself_is_kept(world: World) -> None:
    run_id = world.launched([1])
    report = VendorReport(
        credits_used=2, credits_balance=998, limit_minute=1000, remaining_minute=7, data={"id": "m1", "isDone": False}
    )
    world.gateway.script = [
        Outcome(OutcomeKind.ACCEPTED, message_id="m1", http_status=200, report=report, response='{"data":{}}')
    ]

    world.serve()

    assert world.run(run_id)["credits_used"] == 2
    with world.store.read() as connection:
        assert account_views.credits_balance(connection) == CreditsBalance(998, world.clock.now)
        kept = connection.execute(text("SELECT limit_minute, remaining_minute, response FROM attempt_outcome")).one()
    assert tuple(kept) == (1000, 7, '{"data":{}}')


def test_an_account_that_refuses_is_held_once_however_many_batches_found_out(world: World) -> None:
    run_id = world.launched()
    logged_out = Outcome(
        OutcomeKind.HELD, error="logged out", http_status=403, hold=HoldOrder(HoldScope.ACCOUNT, HoldKind.ACCOUNT)
    )
    world.gateway.script = [logged_out]

    world.serve()
    world.serve()

    assert [hold["reason"] for hold in world.run(run_id)["holds"]] == ["logged out"]
    assert world.events().count("hold_opened") == 1
    assert len(world.attempts(run_id)) == 1


def test_a_database_that_comes_back_in_time_loses_no_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = world.launched([1])
    _away(monkeypatch, times=3)

    world.serve()

    assert world.states(run_id) == ["accepted"]
    assert world.slept == [0.1, 0.5, 1.0]


def test_an_answer_that_can_never_be_written_leaves_an_unknown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = world.launched([1, 2, 3])
    with monkeypatch.context() as patch:
        _away(patch, times=100)
        with pytest.raises(DatabaseAway):
            world.serve()
    assert world.states(run_id) == ["sending", "ready"]

    world.clock.advance(LIMITS.lease_seconds + 1)
    world.serve_out(owner="worker:two")

    assert world.states(run_id) == ["unknown", "accepted"]
    assert world.requests_by_user() == {1: 1, 2: 1, 3: 1}


def test_an_answer_whose_commit_was_lost_on_the_way_back_is_not_written_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database had committed when the connection broke; the second try finds its own work, and goes on."""
    run_id = world.launched([1, 2, 3])
    once = iter([True])
    write = record._record

    def lose_the_answer(*of: Any, **how: Any) -> Any:
        done = write(*of, **how)
        if next(once, False):
            of[0].connection.commit()
            raise DatabaseAway("the connection broke")
        return done

    monkeypatch.setattr(record, "_record", lose_the_answer)
    world.serve()

    assert world.states(run_id) == ["accepted", "accepted"]
    assert "answer_came_late" not in world.events()
    assert world.run(run_id)["state"] == "finished"


def test_a_late_answer_of_each_kind_is_kept_as_evidence(world: World) -> None:
    run_id = world.launched(range(1, 11))

    def late(answer: Outcome) -> Any:
        def come() -> Outcome:
            world.clock.advance(LIMITS.lease_seconds + 1)
            expire_attempts(world.store, settle_seconds=1, actor=BEAT)
            return answer

        return come

    answers = [accepted("m1"), UNKNOWN, REJECTED, accepted("m4"), THROTTLED]
    for answer in answers:
        world.gateway.script = [late(answer)]
        world.serve()
        world.serve_out(turns=0)

    assert world.states(run_id) == ["accepted", "unknown", "rejected", "accepted", "ready"], "the next look believes it"
    with world.store.read() as connection:
        kept = connection.execute(
            text("SELECT number, message_id, kind FROM evidence WHERE kind = 'late_answer' ORDER BY id")
        ).all()
    assert [tuple(row) for row in kept] == [(1, answer.message_id, "late_answer") for answer in answers]
    assert world.events().count("answer_came_late") == 5


@pytest.mark.parametrize("answer", [NOT_SENT, THROTTLED])
def test_what_waits_again_waits_for_its_time(world: World, answer: Outcome) -> None:
    run_id = world.launched([1])
    world.gateway.script = [answer]

    world.serve()

    (batch,) = world.batches(run_id)
    assert batch["state"] == "ready"
    assert batch["available_at"] > "2026-03-02T12:00:00"


def test_the_end_of_a_run_is_written_with_its_books(world: World) -> None:
    run_id = world.launched()
    world.gateway.script = [REJECTED, UNKNOWN]

    world.serve_out()

    with world.store.read() as connection:
        ended = [event for event in event_views.events(connection, run_id) if event.kind == "run_ended"]
    assert [event.detail for event in ended] == [
        {
            "state": "finished_with_failures",
            "planned": 5,
            "accepted": 1,
            "saved": 0,
            "rejected": 2,
            "unknown": 2,
            "cancelled": 0,
        }
    ]


def test_books_that_do_not_balance_keep_the_run_open_and_held(world: World) -> None:
    run_id = world.launched()
    with world.store.write() as connection:
        connection.execute(text("UPDATE run SET planned = planned + 1"))

    world.serve()

    assert world.run(run_id)["state"] == "sending"
    assert [hold["kind"] for hold in world.run(run_id)["holds"]] == ["books"]
    with world.store.write() as connection:
        connection.execute(text("UPDATE run SET planned = planned - 1"))


def test_an_unknown_that_comes_while_a_run_is_cancelled_stays_unknown(world: World) -> None:
    run_id = world.launched([1])

    def cancel() -> Outcome:
        cancel_run(world.store, run_id, reason="stop", actor=ANNA)
        return UNKNOWN

    world.gateway.script = [cancel]
    world.serve_out()

    assert (world.states(run_id), world.run(run_id)["state"]) == (["unknown"], "cancelled")
    assert world.run(run_id)["account"] == ACCOUNT


def _away(patch: pytest.MonkeyPatch, *, times: int) -> None:
    failures = iter(range(times))
    write = record._record

    def fail(*of: Any, **how: Any) -> Any:
        if next(failures, None) is not None:
            raise DatabaseAway("the database is away")
        return write(*of, **how)

    patch.setattr(record, "_record", fail)
