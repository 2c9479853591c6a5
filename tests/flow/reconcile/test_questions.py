"""The questions of a search: few, bounded, each asked once, with all of them and their credits on record."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from campaigns.domain.errors import VendorAway, VendorRefused
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.queue_items import QueueItem
from campaigns.domain.upstream.reply import VendorReport
from campaigns.flow.accounts.release import release_account
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.lanes.tick import tick
from campaigns.flow.reconcile.abandoned import expire_attempts
from campaigns.flow.reconcile.search import ask_to_look
from campaigns.ports import Permit
from tests.flow.real_pacer import use_real_pacer
from tests.flow.reconcile.lost_answers import look, lost_answer, old_item, shows
from tests.world import ACCOUNT, ANNA, LIMITS, UNKNOWN, UPSTREAM, World, accepted

AWAY = VendorAway("HTTP 503: OnlyFans is away")


def due(world: World) -> None:
    """Let the time of the first look come."""
    world.clock.advance(LIMITS.request_timeout_seconds + LIMITS.settle_seconds + 1)


def serve_once(world: World, account_id: str = ACCOUNT, **limits: int) -> None:
    """Serve a lane that looks once at an unknown, unless `limits` say otherwise."""
    sender = world.sender(limits=replace(LIMITS, **{"settle_looks": 1, **limits}))
    turns = iter(range(20))  # a lane that waits for the budget waits in memory, and the clock stands still
    serve_lane(sender, account_id, lambda: next(turns, None) is not None)


def seconds(world: World, number: int, each: int = 1) -> None:
    """Let time pass, with a beat and a worker."""
    for _ in range(number):
        for account_id in tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor="beat").lanes:
            serve_once(world, account_id)
        world.clock.advance(each)


def looks(world: World) -> list[str]:
    """The reasons of the evidence that searches wrote."""
    with world.store.read() as connection:
        return list(connection.scalars(text("SELECT reason FROM evidence WHERE kind = 'look' ORDER BY id")))


def foreign(world: World, number: int) -> None:
    """Let the queue show so many messages of somebody else's."""
    for each in range(number):
        shows(world, f"f{each}", text="other")


def test_a_search_goes_on_from_the_answers_that_it_has(world: World) -> None:
    run_id = lost_answer(world)
    shows(world, "777")
    foreign(world, 3)
    due(world)
    full = Permit(granted=False, wait_seconds=60, why="team budget")
    for granted in (1, 2, 1):
        world.pacer.permits = [Permit(granted=True)] * granted + [full]
        world.serve()
        assert world.states(run_id)[0] == "unknown"
        world.clock.advance(60)

    world.serve()

    assert world.states(run_id) == ["accepted", "accepted"]
    assert world.gateway.questions == [f"list {ACCOUNT}", "item 777", "item f0", "item f1", "item f2"]


def test_a_worker_that_died_in_the_middle_costs_no_question_twice(world: World) -> None:
    run_id = lost_answer(world)
    shows(world, "777")
    due(world)
    item = world.gateway.item

    def die(account: str, message_id: str) -> Any:
        raise KeyboardInterrupt

    world.gateway.item = die  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        world.serve()
    world.gateway.item = item  # type: ignore[method-assign]
    world.clock.advance(LIMITS.lease_seconds + 1)
    world.serve(owner="worker:two")

    assert world.states(run_id) == ["accepted", "accepted"]
    assert world.gateway.questions == [f"list {ACCOUNT}", "item 777"]


def test_each_look_asks_anew(world: World) -> None:
    lost_answer(world)
    shows(world, "777")
    shows(world, "778")

    look(world, LIMITS.settle_looks)

    assert world.gateway.questions == [f"list {ACCOUNT}", "item 777", "item 778"] * LIMITS.settle_looks


def test_one_list_serves_every_batch_that_is_looked_for_by_then(world: World) -> None:
    """As after a restore, when all that was ready is unknown at once."""
    run_id = lost_answer(world, users=(1, 2, 3, 4, 5, 6))
    with world.store.write() as connection:
        connection.execute(
            text("UPDATE batch SET state = 'unknown', attempts = 0, look_at = :at WHERE state = 'ready'"),
            {"at": "2026-03-02 12:00:02+00:00"},
        )
    foreign(world, 2)
    due(world)

    serve_once(world)

    assert world.states(run_id) == ["unknown"] * 3
    assert world.gateway.questions == [f"list {ACCOUNT}", "item f0", "item f1"]


def test_what_one_unknown_needs_is_asked_within_minutes_while_others_use_up_the_budget(
    world: World, redis_url: str
) -> None:
    """Twenty a minute, of them one for questions; another account sends as often as it may."""
    run_id = lost_answer(world)
    shows(world, "777")
    pacer = use_real_pacer(world, redis_url, limit=20)
    began, numbers = world.clock.now, iter(range(10**6))
    while world.states(run_id)[0] == "unknown" and world.clock.now < began + timedelta(minutes=5):
        while pacer.acquire(key := f"acct_two:{next(numbers)}", "acct_two", hold_seconds=6).granted:
            pacer.answered(key)
        seconds(world, 1, each=2)

    assert world.states(run_id)[0] == "accepted"
    assert world.gateway.questions == [f"list {ACCOUNT}", "item 777"]


def test_a_budget_below_the_questions_of_one_look_settles_it_all_the_same(world: World, redis_url: str) -> None:
    run_id = lost_answer(world)
    shows(world, "777")
    foreign(world, 5)
    use_real_pacer(world, redis_url, limit=5)

    seconds(world, 120, each=5)

    assert world.states(run_id)[0] == "accepted"
    assert len(world.gateway.questions) == 7


def test_questions_that_fail_are_asked_ever_less_often_and_the_first_and_last_are_evidence(world: World) -> None:
    run_id = lost_answer(world)
    world.gateway.obstacle = AWAY

    seconds(world, 60, each=60)
    asked = len(world.gateway.questions)
    assert asked <= 15, "in an hour"
    assert looks(world) == [f"could not look: {AWAY}"]

    world.gateway.obstacle = None
    shows(world, "777")
    world.gateway.listed[-1] = QueueItem("777", world.gateway.listed[0].date)
    world.clock.advance(600)
    serve_once(world)
    first, last, found = looks(world)
    assert first == f"could not look: {AWAY}"
    assert last.startswith(f"could not look {asked} times, the last time at 2026-03-02T1")
    assert last.endswith(str(AWAY))
    assert "listed items" in found
    assert world.states(run_id)[0] == "unknown"


def test_the_whole_account_backs_off_not_each_of_its_batches(world: World) -> None:
    lost_answer(world, users=range(1, 41))  # type: ignore[arg-type]
    with world.store.write() as connection:
        connection.execute(text("UPDATE batch SET state = 'unknown', attempts = 0, look_at = updated_at WHERE seq > 1"))
    world.gateway.obstacle = AWAY

    seconds(world, 30, each=20)

    assert len(world.gateway.questions) <= 8


def test_the_vendors_own_wait_is_kept(world: World) -> None:
    lost_answer(world)
    world.gateway.obstacle = VendorAway("HTTP 429", after_seconds=300)
    due(world)
    seconds(world, 99, each=3)
    assert len(world.gateway.questions) == 1
    seconds(world, 2, each=3)
    assert len(world.gateway.questions) == 2


def test_a_full_budget_is_no_failure_and_leaves_no_row(world: World) -> None:
    lost_answer(world)
    due(world)
    world.pacer.permits = [Permit(granted=False, wait_seconds=9, why="team budget")] * 5
    seconds(world, 46)
    assert world.gateway.questions == [f"list {ACCOUNT}"]
    with world.store.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM question")) == 1


def test_redis_that_is_away_stops_questions_as_it_stops_messages(world: World) -> None:
    lost_answer(world)
    due(world)
    world.pacer.away = True
    seconds(world, 10)
    assert world.gateway.questions == []


def test_while_the_vendor_refuses_the_account_nothing_is_asked_in_vain(world: World) -> None:
    run_id = lost_answer(world)
    with world.store.write() as connection:
        connection.execute(
            text(
                "INSERT INTO hold (scope, account_id, kind, reason, actor, opened_at) "
                "VALUES ('account', :account, 'account', 'logged out', 'w', :now)"
            ),
            {"account": ACCOUNT, "now": "2026-03-02 12:00:00+00:00"},
        )
    shows(world, "777")
    seconds(world, 60)
    world.serve()
    assert world.gateway.questions == []

    release_account(world.store, ACCOUNT, reason="logged in", actor=ANNA)
    seconds(world, 6)
    assert world.states(run_id) == ["accepted", "accepted"]


@pytest.mark.parametrize(("kind", "scope"), [("account", "account"), ("key", "team"), ("credits", "team")])
def test_a_question_that_the_vendor_refuses_holds_whom_it_concerns_and_is_not_repeated(
    world: World, kind: str, scope: str
) -> None:
    run_id = lost_answer(world)
    world.gateway.obstacle = VendorRefused("the vendor says no", hold=HoldKind(kind))
    due(world)
    seconds(world, 40, each=30)

    assert [(hold["kind"], hold["scope"]) for hold in world.run(run_id)["holds"]] == [(kind, scope)]
    assert len(world.gateway.questions) == 1


def test_a_late_answer_is_used_whatever_stops_the_questions(world: World) -> None:
    run_id = world.launched([1])

    def late() -> Any:
        world.clock.advance(LIMITS.lease_seconds + 1)
        expire_attempts(world.store, settle_seconds=1, actor="sweeper")
        return accepted("777")

    world.gateway.script = [late]
    world.serve()
    world.gateway.obstacle = AWAY
    assert world.states(run_id) == ["unknown"]

    look(world)

    assert world.batches(run_id)[0]["message_id"] == "777"
    assert world.gateway.questions == []


class TestTheCap:
    def searched(self, world: World, most: int, times: int = 1) -> None:
        for _ in range(times):
            due(world)
            serve_once(world, questions_per_run=most, settle_looks=LIMITS.settle_looks)

    def test_at_the_cap_the_search_ends_as_unclear_and_a_person_is_asked(self, world: World) -> None:
        run_id = lost_answer(world, on_unknown="resend")
        foreign(world, 5)

        self.searched(world, most=3)

        assert world.gateway.questions == [f"list {ACCOUNT}", "item f0", "item f1"]
        assert world.states(run_id) == ["unknown", "accepted"], "policy resend needs absence, and this is none"
        assert "unknown_given_up" in world.events()
        assert "all that CAMPAIGNS_QUESTIONS_PER_RUN allows" in world.batches(run_id)[0]["error"]
        assert world.requests_by_user()[1] == 1
        with world.store.read() as connection:
            (detail,) = connection.scalars(text("SELECT detail FROM evidence WHERE kind = 'look'"))
        assert "unclear" in str(detail)

    def test_an_operator_may_go_beyond_it_by_as_many_again(self, world: World) -> None:
        run_id = lost_answer(world)
        shows(world, "777")
        self.searched(world, most=1)
        assert world.states(run_id)[0] == "unknown"

        world.clock.advance(1)
        ask_to_look(world.store, run_id, actor=ANNA)
        self.searched(world, most=2)

        assert world.batches(run_id)[0]["message_id"] == "777"
        assert world.gateway.questions == [f"list {ACCOUNT}"] * 2 + ["item 777"]

    def test_other_runs_have_their_own(self, world: World) -> None:
        lost_answer(world, users=(1, 2))
        self.searched(world, most=1, times=LIMITS.settle_looks)
        other = world.launch(world.campaign([8, 9], message={"text": "Another"}))
        world.gateway.script = [UNKNOWN]
        world.serve()
        world.clock.advance(600)  # its circuit is open
        self.searched(world, most=1)
        assert len(world.gateway.questions) == 2
        assert world.states(other) == ["unknown"]

    def test_a_late_answer_after_it_still_counts(self, world: World) -> None:
        run_id = world.launched([1])
        old_item(world)

        def late() -> Any:
            world.clock.advance(LIMITS.lease_seconds + 1)
            expire_attempts(world.store, settle_seconds=1, actor="sweeper")
            self.searched(world, most=0)
            assert world.run(run_id)["state"] == "finished_with_failures"
            return accepted("777")

        world.gateway.script = [late]
        world.serve()
        seconds(world, 6)

        assert world.states(run_id) == ["accepted"]
        assert world.batches(run_id)[0]["message_id"] == "777"
        assert world.gateway.questions == []


def test_questions_and_their_credits_are_booked_on_the_run(world: World) -> None:
    run_id = lost_answer(world)
    shows(world, "777")
    foreign(world, 2)
    reports = [VendorReport(credits_used=1), VendorReport(credits_used=0), None, VendorReport()]
    world.gateway.last_report = lambda: reports.pop(0)  # type: ignore[method-assign]

    look(world)

    found = world.run(run_id)
    assert (found["questions"], found["question_credits"]) == (4, 3), "what names no credits costs one"
    other = world.launch(world.campaign([9]))
    assert (world.run(other)["questions"], world.run(other)["question_credits"]) == (0, 0)


def test_a_redis_that_forgets_during_searches_lets_no_more_questions_through(world: World, redis_url: str) -> None:
    lost_answer(world)
    foreign(world, 9)
    pacer = use_real_pacer(world, redis_url, limit=10, reserve=0.4)
    due(world)
    for _ in range(5):
        serve_once(world)
        world.clock.advance(2.1)  # the rows of the last permits stand now
        serve_once(world)
        pacer.forget()

    assert len(world.gateway.questions) == 4, "as many as the reserve has"
