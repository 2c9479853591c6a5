"""The shared budget, on a real server, with time driven by the tests."""

from __future__ import annotations

import heapq
import random
import socket
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from campaigns.adapters.redis import pacer as redis_pacer
from campaigns.adapters.redis.pacer import CLOCK_TOLERANCE, RedisPacer
from campaigns.domain.errors import DatabaseAway, PacerAway
from campaigns.ports import AccountPace, Permit, RecentUse, Recovery
from tests.adapters.conftest import DrivenPacers, OwnRedis
from tests.adapters.redis.pacer_model import ModelPacer
from tests.adapters.redis.vendor_window import WINDOW, VendorWindow

HELD = WINDOW * (1 + CLOCK_TOLERANCE)
"""How long a slot is held after its answer."""

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""


def asked(
    pacer: RedisPacer, key: str, account: str | None = None, *, hold: float = 30, reserved: bool = False
) -> Permit:
    return pacer.acquire(key, account or f"acct of {key}", hold_seconds=hold, reserved=reserved)


def granted(
    pacer: RedisPacer, key: str, account: str | None = None, *, hold: float = 30, reserved: bool = False
) -> bool:
    return asked(pacer, key, account, hold=hold, reserved=reserved).granted


def denied(why: str, wait_seconds: float) -> Permit:
    about: Any = pytest.approx(wait_seconds, abs=2e-6)
    return Permit(granted=False, wait_seconds=about, why=why)


class TestTheBracket:
    def test_a_slot_is_free_again_one_window_after_its_answer(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=1)
        assert granted(pacer, "a")
        pacers.pass_seconds(20)
        pacer.answered("a")
        assert asked(pacer, "b") == denied("team budget", HELD)
        pacers.pass_seconds(HELD - 0.001)
        assert asked(pacer, "b") == denied("team budget", 0.001)
        pacers.pass_seconds(0.001)
        assert granted(pacer, "b")

    def test_a_lost_answer_frees_its_slot_one_window_after_its_deadline(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=1)
        assert granted(pacer, "a", hold=30)
        # The answer may still come, so nobody waits longer than a window before asking again.
        assert asked(pacer, "b") == denied("team budget", HELD)
        pacers.pass_seconds(30 + HELD - 0.001)
        assert not granted(pacer, "b")
        pacers.pass_seconds(0.001)
        assert granted(pacer, "b")

    def test_a_late_answer_takes_its_slot_again(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=1)
        assert granted(pacer, "a", hold=30)
        pacers.pass_seconds(30 + HELD)
        pacer.answered("a")
        assert asked(pacer, "b") == denied("team budget", HELD)

    def test_the_same_key_asked_twice_is_granted_once_and_holds_one_slot(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=2, gap=1)
        assert granted(pacer, "a", "anna")
        assert granted(pacer, "a", "anna")
        assert pacer.state().used == 1

    def test_a_key_asked_again_later_is_held_from_then_on(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=1)
        assert granted(pacer, "a", hold=30)
        pacers.pass_seconds(80)
        assert granted(pacer, "a", hold=30)
        pacers.pass_seconds(30 + HELD - 0.001)
        assert not granted(pacer, "b")

    def test_an_answered_key_asked_again_is_another_request(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=2)
        assert granted(pacer, "a")
        pacer.answered("a")
        assert granted(pacer, "a")
        assert pacer.state().used == 2
        pacer.answered("a")
        assert not granted(pacer, "a")

    def test_a_refund_gives_slot_and_gap_back_at_once(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=1, gap=5)
        assert granted(pacer, "a", "anna")
        pacer.refund("a", "anna")
        pacer.refund("a", "anna")
        assert pacer.state().used == 0
        assert granted(pacer, "b", "anna")

    def test_a_refund_leaves_the_gap_of_a_later_request(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(gap=5)
        assert granted(pacer, "a", "anna")
        pacers.pass_seconds(5)
        assert granted(pacer, "b", "anna")
        pacer.refund("a", "anna")
        assert asked(pacer, "c", "anna") == denied("account gap", 5)

    def test_an_answered_request_is_not_refunded(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=1)
        assert granted(pacer, "a")
        pacer.answered("a")
        pacer.refund("a", "acct of a")
        assert not granted(pacer, "b")

    def test_an_answer_twice_frees_no_later(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=1)
        assert granted(pacer, "a")
        pacer.answered("a")
        pacers.pass_seconds(HELD - 1)
        pacer.answered("a")
        pacers.pass_seconds(1)
        assert granted(pacer, "b")

    def test_the_answer_to_an_unknown_key_is_harmless_and_counted(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=2)
        assert granted(pacer, "a")
        pacer.answered("who?")
        assert pacer.state().used == 2
        pacer.refund("and who?", "nobody")

    def test_upstreams_do_not_share_a_budget(self, pacers: DrivenPacers, redis_url: str) -> None:
        other = DrivenPacers(redis_url)
        assert granted(pacers.make(limit=1), "a")
        assert granted(other.make(limit=1), "a")
        other.close()

    def test_pacers_of_one_upstream_share_its_budget(self, pacers: DrivenPacers) -> None:
        assert granted(pacers.make(limit=1), "a")
        assert not granted(pacers.make(limit=1), "b")

    def test_redis_own_clock_is_used_unless_a_test_drives_it(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=1, window_seconds=0.05)
        pacer._clock = str
        assert granted(pacer, "a")
        pacer.answered("a")
        permit = asked(pacer, "b")
        assert permit.granted or 0 < permit.wait_seconds <= 0.0501


class TestAccounts:
    def test_the_starts_of_one_account_keep_the_gap(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(gap=1.5)
        assert granted(pacer, "a", "anna")
        pacer.answered("a")
        pacers.pass_seconds(0.5)
        assert asked(pacer, "b", "anna") == denied("account gap", 1)
        assert granted(pacer, "c", "bo")
        pacers.pass_seconds(1)
        assert granted(pacer, "b", "anna")

    def test_a_reserved_request_ignores_the_gap_and_sets_none(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(reserve=0.2, gap=5)
        assert granted(pacer, "a", "anna", reserved=True)
        assert granted(pacer, "b", "anna")
        assert granted(pacer, "c", "anna", reserved=True)

    def test_nothing_starts_on_an_account_that_cools_down(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make()
        assert granted(pacer, "a", "anna")
        pacer.cool_down("anna", 30)
        assert asked(pacer, "b", "anna") == denied("cool-down", 30)
        assert asked(pacer, "b", "anna", reserved=True) == denied("cool-down", 30)
        assert asked(pacer, "a", "anna") == denied("cool-down", 30)
        assert granted(pacer, "c", "bo")
        pacers.pass_seconds(30)
        assert granted(pacer, "b", "anna")

    def test_a_cool_down_is_never_shortened(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make()
        pacer.cool_down("anna", 30)
        pacer.cool_down("anna", 5)
        assert asked(pacer, "a", "anna") == denied("cool-down", 30)
        pacer.cool_down("anna", 40)
        assert asked(pacer, "a", "anna") == denied("cool-down", 40)

    def test_a_denial_names_what_takes_longest(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=1, gap=100)
        assert granted(pacer, "a", "anna")
        pacer.answered("a")
        assert asked(pacer, "b", "anna") == denied("account gap", 100)
        assert asked(pacer, "b", "bo") == denied("team budget", HELD)
        pacer.cool_down("bo", 61)
        assert asked(pacer, "b", "bo") == denied("cool-down", 61)
        pacer.cool_down("anna", 61)
        assert asked(pacer, "b", "anna") == denied("account gap", 100)

    def test_people_see_the_budget_as_it_stands(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=20, reserve=0.1, gap=2)
        assert granted(pacer, "a", "anna")
        assert granted(pacer, "b", "anna", reserved=True)
        pacer.cool_down("bo", 7)
        pacers.pass_seconds(0.5)
        pacer.answered("a", limit_minute=15, remaining_minute=13)
        state = pacer.state()
        assert (state.limit_per_minute, state.reserve, state.used) == (15, 2, 2)
        assert (state.vendor_limit, state.vendor_remaining) == (15, 13)
        assert state.accounts == [AccountPace("anna", 1.5, 0.0), AccountPace("bo", 0.0, 6.5)]


class TestTheReserve:
    def test_senders_leave_the_reserve_alone(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=10, reserve=0.2)
        assert [granted(pacer, f"s{n}") for n in range(9)] == [True] * 8 + [False]
        assert [granted(pacer, f"r{n}", reserved=True) for n in range(3)] == [True, True, False]

    def test_requests_on_the_reserve_take_nothing_from_the_senders(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=10, reserve=0.2)
        assert all(granted(pacer, f"r{n}", reserved=True) for n in range(2))
        assert [granted(pacer, f"s{n}") for n in range(9)] == [True] * 8 + [False]

    def test_questions_use_no_more_than_the_reserve_however_idle_the_budget_is(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=10, reserve=0.2)
        assert [granted(pacer, f"r{n}", reserved=True) for n in range(3)] == [True, True, False]
        assert asked(pacer, "r3", reserved=True) == denied("team budget", HELD)
        assert [granted(pacer, f"s{n}") for n in range(9)] == [True] * 8 + [False]

    def test_a_limit_of_one_has_no_reserve(self, pacers: DrivenPacers) -> None:
        assert granted(pacers.make(limit=1, reserve=0.5), "a")

    @pytest.mark.parametrize(("limit", "reserve"), [(1, 0.5), (3, 0.0)])
    def test_without_a_reserve_one_question_at_a_time_is_asked(
        self, pacers: DrivenPacers, limit: int, reserve: float
    ) -> None:
        pacer = pacers.make(limit=limit, reserve=reserve)
        assert [granted(pacer, f"r{n}", reserved=True) for n in range(2)] == [True, False]

    @pytest.mark.parametrize("limit", [1, 3])
    def test_without_a_reserve_a_question_that_waits_goes_before_the_next_message(
        self, pacers: DrivenPacers, limit: int
    ) -> None:
        pacer = pacers.make(limit=limit, reserve=0.0)
        for number in range(limit):
            assert granted(pacer, f"s{number}")
            pacer.answered(f"s{number}")
        wait = asked(pacer, "r", reserved=True).wait_seconds
        pacers.pass_seconds(wait)
        assert [granted(pacer, f"t{number}") for number in range(limit)] == [True] * (limit - 1) + [False]
        assert asked(pacer, "t").wait_seconds >= 1, "whoever waits does not ask in a loop"
        pacers.pass_seconds(5)
        assert granted(pacer, "r", reserved=True)
        pacer.answered("r")
        pacers.pass_seconds(HELD)
        assert granted(pacer, "t")

    def test_a_question_that_does_not_come_back_is_waited_for_no_longer(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=1, reserve=0.0)
        assert granted(pacer, "s")
        pacer.answered("s")
        assert not granted(pacer, "r", reserved=True)
        pacers.pass_seconds(HELD)
        permit = asked(pacer, "t")
        assert permit == denied("team budget", 10)
        pacers.pass_seconds(permit.wait_seconds)
        assert granted(pacer, "t")


class TestLearning:
    def test_a_lower_limit_of_the_vendor_holds_at_once(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=10)
        assert granted(pacer, "a")
        pacer.answered("a", limit_minute=2)
        assert pacer.state().limit_per_minute == 2
        assert [granted(pacer, key) for key in "bc"] == [True, False]

    def test_a_higher_limit_is_believed_after_a_window(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=10)
        assert granted(pacer, "a")
        pacer.answered("a", limit_minute=3)
        pacer.answered("b", limit_minute=8)
        assert pacer.state().limit_per_minute == 3
        pacers.pass_seconds(HELD)
        pacer.answered("c", limit_minute=8)
        assert pacer.state().limit_per_minute == 8

    def test_the_setting_is_never_exceeded(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=10)
        assert granted(pacer, "a")
        pacer.answered("a", limit_minute=5000, remaining_minute=4999)
        assert pacer.state().limit_per_minute == 10

    @pytest.mark.parametrize("limit", [None, 0, -1])
    def test_no_limit_reported_changes_nothing(self, pacers: DrivenPacers, limit: int | None) -> None:
        pacer = pacers.make(limit=10)
        assert granted(pacer, "a")
        pacer.answered("a", limit_minute=limit, remaining_minute=0)
        assert pacer.state().limit_per_minute == 10

    def test_what_others_use_of_the_key_shrinks_the_budget_until_a_window_has_passed(
        self, pacers: DrivenPacers
    ) -> None:
        pacer = pacers.make(limit=10)
        assert granted(pacer, "a")
        pacer.answered("a", limit_minute=10, remaining_minute=3)  # 7 used, one of them ours
        assert pacer.state().limit_per_minute == 4
        assert [granted(pacer, key) for key in "bcde"] == [True, True, True, False]
        pacers.pass_seconds(HELD)
        assert pacer.state().limit_per_minute == 10

    def test_within_a_window_others_use_only_tightens(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=10)
        assert all(granted(pacer, key) for key in "abc")
        pacer.answered("a", limit_minute=10, remaining_minute=3)
        assert pacer.state().limit_per_minute == 6
        pacer.answered("b", limit_minute=10, remaining_minute=9)
        assert pacer.state().limit_per_minute == 6
        pacer.answered("c", limit_minute=10, remaining_minute=0)
        assert pacer.state().limit_per_minute == 3

    def test_a_budget_that_others_use_up_opens_again(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=10)
        assert granted(pacer, "a")
        pacer.answered("a", limit_minute=10, remaining_minute=0)
        pacers.pass_seconds(20)
        permit = asked(pacer, "b")
        assert permit == denied("team budget", HELD - 20)
        pacers.pass_seconds(permit.wait_seconds)
        assert granted(pacer, "b")

    def test_whoever_waits_is_told_when_others_use_is_forgotten(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=10)
        assert all(granted(pacer, key) for key in "ab")
        pacer.answered("a", limit_minute=10, remaining_minute=0)
        pacers.pass_seconds(20)
        pacer.answered("b", limit_minute=9, remaining_minute=5)
        assert pacer.state().limit_per_minute == 1
        assert asked(pacer, "c") == denied("team budget", HELD - 20)
        pacers.pass_seconds(HELD - 20)
        assert granted(pacer, "c")

    def test_a_limit_that_others_use_up_wholly_opens_again(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=10)
        assert all(granted(pacer, key) for key in "ab")
        pacer.answered("a", limit_minute=10, remaining_minute=0)
        pacers.pass_seconds(20)
        pacer.answered("b", limit_minute=5)
        assert pacer.state().limit_per_minute == 0
        assert asked(pacer, "c") == denied("team budget", HELD - 20)

    def test_our_own_requests_freed_while_an_answer_was_on_its_way_are_not_taken_for_others(
        self, pacers: DrivenPacers
    ) -> None:
        pacer = pacers.make(limit=10)
        assert granted(pacer, "a")
        pacer.answered("a")
        pacers.pass_seconds(HELD - 1)
        assert granted(pacer, "b")  # the vendor counts it at once, and "a" still
        pacers.pass_seconds(2)
        pacer.answered("b", limit_minute=10, remaining_minute=8)
        assert pacer.state().limit_per_minute == 10


class TestFailingClosed:
    def each_call(self, pacer: RedisPacer) -> list[Callable[[], Any]]:
        return [
            lambda: asked(pacer, "a"),
            lambda: pacer.answered("a"),
            lambda: pacer.refund("a", "anna"),
            lambda: pacer.cool_down("anna", 1),
            pacer.state,
        ]

    def test_nothing_is_granted_when_redis_is_not_there(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            driven = DrivenPacers(f"redis://127.0.0.1:{unused.getsockname()[1]}")
            for call in self.each_call(driven.make()):
                with pytest.raises(PacerAway, match="nothing is sent until Redis is back"):
                    call()
        driven.close()

    def test_a_server_that_never_answers_is_given_up_soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(redis_pacer, "SOCKET_SECONDS", 0.05)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            driven = DrivenPacers(f"redis://127.0.0.1:{silent.getsockname()[1]}")
            for call in self.each_call(driven.make()):
                with pytest.raises(PacerAway, match="TimeoutError"):
                    call()
            driven.close()

    def test_the_library_may_wait_five_seconds_at_most_and_try_twice(self, pacers: DrivenPacers) -> None:
        options = pacers.make()._redis.connection_pool.connection_kwargs
        assert options["socket_timeout"] <= 5
        assert options["socket_connect_timeout"] <= 5
        assert options["retry"].get_retries() == 1

    def test_a_budget_that_makes_no_sense_grants_nothing(self, pacers: DrivenPacers, redis_url: str) -> None:
        pacer = pacers.make()
        assert granted(pacer, "a")
        with Redis.from_url(redis_url) as redis:
            redis.set(f"campaigns:pace:{pacers.upstream}:flights", "nonsense")
        with pytest.raises(PacerAway, match="WRONGTYPE"):
            asked(pacer, "b")

    def test_the_message_names_no_password(self) -> None:
        driven = DrivenPacers("redis://:open-sesame@127.0.0.1:1")
        with pytest.raises(PacerAway) as refusal:
            asked(driven.make(), "a")
        assert "sesame" not in str(refusal.value)
        driven.close()


def use(key: str, account: str, started: float, answered: float | None = None, *, reserved: bool = False) -> RecentUse:
    return RecentUse(key, account, started, answered, reserved)


def loss_by_flush(driven: DrivenPacers, redis: OwnRedis) -> None:
    redis.flush()


def loss_by_restart(driven: DrivenPacers, redis: OwnRedis) -> None:
    redis.kill()
    redis.start()


def loss_by_eviction_of_the_slots(driven: DrivenPacers, redis: OwnRedis) -> None:
    with Redis.from_url(redis.url) as client:
        assert client.delete(f"campaigns:pace:{driven.upstream}:slots") == 1


def loss_by_eviction_of_the_state(driven: DrivenPacers, redis: OwnRedis) -> None:
    with Redis.from_url(redis.url) as client:
        assert client.delete(f"campaigns:pace:{driven.upstream}:state") == 1


def loss_by_a_clock_set_back(driven: DrivenPacers, redis: OwnRedis) -> None:
    driven.pass_seconds(-3600)


AOF = ("--appendonly", "yes", "--appendfsync", "always")

every_loss = pytest.mark.parametrize(
    ("lose", "own_redis"),
    [
        (loss_by_flush, ()),
        (loss_by_restart, ()),
        (loss_by_restart, AOF),
        (loss_by_eviction_of_the_slots, ()),
        (loss_by_eviction_of_the_state, ()),
        (loss_by_a_clock_set_back, ()),
    ],
    ids=["flush", "restart", "restart with old files", "slots evicted", "state evicted", "clock set back"],
    indirect=["own_redis"],
)


class TestRebuilding:
    @every_loss
    def test_after_a_loss_the_slots_come_from_the_database(
        self, fragile_pacers: DrivenPacers, own_redis: OwnRedis, lose: Callable[[DrivenPacers, OwnRedis], None]
    ) -> None:
        known = Recovery([], {})
        pacer = fragile_pacers.make(limit=10, reserve=0.2, gap=7, recover=lambda: known)
        assert granted(pacer, "zero")
        lose(fragile_pacers, own_redis)
        known = Recovery(
            [use("a", "anna", 10, 9), use("b", "bo", 5), use("c", "cy", 61, 60.5), use("q", "", 3, 2, reserved=True)],
            {"di": 12.0},
        )
        permit = asked(pacer, "x")
        assert permit == denied("rebuilding", 2)
        fragile_pacers.pass_seconds(2)
        assert granted(pacer, "x")
        state = pacer.state()
        assert state.used == 4  # a, b, q and x; c's window is over, and zero has no row
        assert {pace.account: pace.cool_down_seconds for pace in state.accounts}["di"] == 12
        assert asked(pacer, "y", "bo") == denied("account gap", 2)
        assert asked(pacer, "y", "di") == denied("cool-down", 12)
        assert [granted(pacer, f"r{n}", reserved=True) for n in range(2)] == [True, False], "q is of the reserve"

    def test_recovered_slots_are_freed_when_they_would_have_been(
        self, fragile_pacers: DrivenPacers, own_redis: OwnRedis
    ) -> None:
        uses = [use("answered", "anna", 10, 9), use("lost", "bo", 5)]
        pacer = fragile_pacers.make(limit=10, recover=lambda: Recovery(uses, {}), longest_hold_seconds=30)
        pacer._settle = 0
        used = []
        for passed in [0, HELD - 9 - 0.001, 0.001, 30 - 5 + 9 - 0.001, 0.001]:
            fragile_pacers.pass_seconds(passed)
            used.append(pacer.state().used)
        assert used == [2, 2, 1, 1, 0]

    def test_an_answer_after_the_loss_frees_a_recovered_slot_one_window_later(
        self, fragile_pacers: DrivenPacers
    ) -> None:
        pacer = fragile_pacers.make(limit=1, recover=lambda: Recovery([use("a", "anna", 5)], {}))
        pacer._settle = 0
        assert not granted(pacer, "b")
        pacer.answered("a")
        fragile_pacers.pass_seconds(HELD)
        assert granted(pacer, "b")

    def test_a_budget_that_was_ever_used_settles_even_when_the_database_knows_nothing_recent(
        self, fragile_pacers: DrivenPacers
    ) -> None:
        """A permit may have been granted just before the loss, for a DELETE or a question as well."""
        pacer = fragile_pacers.make(recover=lambda: Recovery([], {}, was_used=True))
        assert asked(pacer, "a") == denied("rebuilding", 2)
        fragile_pacers.pass_seconds(2)
        assert granted(pacer, "a")

    def test_a_database_that_was_asked_too_early_and_answers_late_is_asked_again(
        self, fragile_pacers: DrivenPacers
    ) -> None:
        answers = [Recovery([], {}, was_used=True), Recovery([use("a", "anna", 2)], {}, was_used=True)]

        def slow() -> Recovery:
            answer = answers.pop(0)
            fragile_pacers.pass_seconds(3)
            return answer

        pacer = fragile_pacers.make(limit=1, recover=slow)
        assert asked(pacer, "b").why == "rebuilding"
        fragile_pacers.pass_seconds(1e-6)
        assert asked(pacer, "b").why == "team budget"

    def test_a_first_start_has_nothing_to_wait_for(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(limit=3, reserve=0.3)
        assert [granted(pacer, key) for key in "abc"] == [True, True, False]
        assert granted(pacer, "d", reserved=True)

    def test_nothing_is_granted_while_the_database_cannot_answer(self, pacers: DrivenPacers) -> None:
        answers: list[Recovery | Exception] = [DatabaseAway("The database is locked."), KeyError("a bug")]

        def recover() -> Recovery:
            answer = answers.pop(0) if answers else Recovery([], {})
            if isinstance(answer, Exception):
                raise answer
            return answer

        pacer = pacers.make(recover=recover)
        with pytest.raises(PacerAway, match="The database is locked"):
            asked(pacer, "a")
        with pytest.raises(PacerAway, match="a bug"):
            pacer.state()
        assert granted(pacer, "a")

    def test_one_pacer_rebuilds_while_the_others_wait(self, pacers: DrivenPacers) -> None:
        rebuilds = 0

        def recover() -> Recovery:
            nonlocal rebuilds
            rebuilds += 1
            assert asked(other, "b") == denied("rebuilding", 0.2)
            with pytest.raises(PacerAway, match="being rebuilt"):
                other.state()
            other.answered("b")
            other.refund("b", "anna")
            return Recovery([], {})

        other = pacers.make(recover=recover)
        assert granted(pacers.make(recover=recover), "a")
        assert granted(other, "b")
        assert rebuilds == 1

    def test_the_database_is_not_asked_again_while_the_last_rows_settle(self, fragile_pacers: DrivenPacers) -> None:
        asked_at = []

        def recover() -> Recovery:
            asked_at.append(fragile_pacers.now)
            return Recovery([use("a", "anna", 10, 9)], {})

        one, other = (fragile_pacers.make(recover=recover) for _ in range(2))
        began = fragile_pacers.now
        assert asked(one, "b") == denied("rebuilding", 2)
        fragile_pacers.pass_seconds(1.5)
        assert asked(other, "c") == denied("rebuilding", 0.5)
        fragile_pacers.pass_seconds(0.5)
        assert granted(other, "c")
        assert asked_at == [began, began + 2_000_000]

    def test_a_clock_set_back_during_the_rebuilding_starts_it_anew(self, fragile_pacers: DrivenPacers) -> None:
        pacer = fragile_pacers.make(recover=lambda: Recovery([use("a", "anna", 10, 9)], {}))
        assert asked(pacer, "b") == denied("rebuilding", 2)
        fragile_pacers.pass_seconds(-3600)
        assert asked(pacer, "b") == denied("rebuilding", 2)

    def test_a_clock_set_back_does_not_prolong_a_cool_down(self, pacers: DrivenPacers) -> None:
        pacer = pacers.make(recover=lambda: Recovery([], {"bo": 5.0}))
        assert granted(pacer, "a")
        pacer.cool_down("anna", 30)
        pacers.pass_seconds(-3600)
        assert granted(pacer, "b", "anna")
        assert asked(pacer, "c", "bo") == denied("cool-down", 5)

    def test_a_cool_down_set_during_the_rebuilding_is_kept(self, pacers: DrivenPacers) -> None:
        def recover() -> Recovery:
            pacer.cool_down("anna", 50)
            return Recovery([], {"anna": 20.0})

        pacer = pacers.make(recover=recover)
        assert asked(pacer, "a", "anna") == denied("cool-down", 50)

    def test_whoever_is_stuck_in_the_rebuilding_is_overtaken_and_changes_nothing_later(
        self, pacers: DrivenPacers
    ) -> None:
        def stuck() -> Recovery:
            pacers.pass_seconds(31)
            assert granted(pacers.make(limit=1), "b")
            return Recovery([], {})

        assert not granted(pacers.make(limit=1, recover=stuck), "a")

    def test_a_recovery_from_before_another_loss_is_thrown_away(
        self, fragile_pacers: DrivenPacers, own_redis: OwnRedis
    ) -> None:
        def stale() -> Recovery:
            own_redis.flush()
            newer = fragile_pacers.make(limit=1, recover=lambda: Recovery([use("b", "bo", 1)], {}))
            assert asked(newer, "c").why == "rebuilding"
            return Recovery([], {})

        assert asked(fragile_pacers.make(limit=1, recover=stale), "a").why == "rebuilding"

    def test_the_vendors_limit_is_remembered_over_a_loss(
        self, fragile_pacers: DrivenPacers, own_redis: OwnRedis
    ) -> None:
        pacer = fragile_pacers.make(limit=10)
        assert granted(pacer, "a")
        pacer.answered("a", limit_minute=4)
        own_redis.flush()
        assert pacer.state().limit_per_minute == 4

    @pytest.mark.parametrize("own_redis", [AOF], indirect=True)
    def test_a_restart_with_its_files_keeps_the_vendors_limit_for_others(
        self, fragile_pacers: DrivenPacers, own_redis: OwnRedis
    ) -> None:
        pacer = fragile_pacers.make(limit=10)
        assert granted(pacer, "a")
        pacer.answered("a", limit_minute=4)
        own_redis.kill()
        own_redis.start()
        assert fragile_pacers.make(limit=10).state().limit_per_minute == 4


def endless_demand(
    driven: DrivenPacers,
    made: list[RedisPacer],
    vendor: VendorWindow,
    *,
    senders: int,
    seconds: float,
    travel: Callable[[], tuple[float, float | None]],
    hold: float,
    questions: bool = False,
) -> None:
    """Let `senders` ask, send and ask again; `travel` draws the time to the vendor and, unless lost, back.

    `questions`: one in nine requests is a question.
    """
    start = driven.now
    events: list[tuple[float, int, str, str]] = [(0.0, n, "ask", "") for n in range(senders)]
    numbers = iter(range(senders, 10**9))
    back: dict[str, float | None] = {}
    reports: dict[str, int] = {}
    while events and events[0][0] <= seconds:
        now, number, kind, key = heapq.heappop(events)
        driven.now = start + round(now * 1_000_000)
        pacer = made[number % len(made)]
        if kind == "ask":
            key = f"request {number}"
            permit = pacer.acquire(key, f"account {number}", hold_seconds=hold, reserved=questions and number % 9 == 0)
            if permit.granted:
                there, back[key] = travel()
                heapq.heappush(events, (now + there, next(numbers), "arrives", key))
            else:
                heapq.heappush(events, (now + permit.wait_seconds, next(numbers), "ask", ""))
        elif kind == "arrives":
            vendor.count(now)
            reports[key] = vendor.remaining(now)
            home = back[key]
            kind = "lost" if home is None else "answer"
            heapq.heappush(events, (now + (hold if home is None else home), next(numbers), kind, key))
        else:
            if kind == "answer":
                pacer.answered(key, limit_minute=vendor.limit, remaining_minute=reports.pop(key))
            heapq.heappush(events, (now, next(numbers), "ask", ""))


travels = st.lists(
    st.tuples(
        st.one_of(st.just(0.0), st.floats(0, 0.5), st.floats(0, 15)),
        st.one_of(st.just(0.0), st.floats(0, 0.5), st.floats(0, 15), st.none()),
    ),
    min_size=1,
    max_size=30,
)


class TestNeverOver:
    @settings(unhurried, max_examples=60)
    @given(
        limit=st.integers(1, 8),
        reserve=st.sampled_from([0.0, 0.2]),
        senders=st.integers(1, 20),
        processes=st.integers(1, 3),
        phase=st.one_of(st.none(), st.floats(0, WINDOW, exclude_max=True)),
        drawn=travels,
    )
    def test_no_window_of_the_vendor_ever_holds_more_than_its_limit(
        self,
        *,
        redis_url: str,
        limit: int,
        reserve: float,
        senders: int,
        processes: int,
        phase: float | None,
        drawn: list[tuple[float, float | None]],
    ) -> None:
        driven = DrivenPacers(redis_url)
        made = [driven.make(limit=limit, reserve=reserve) for _ in range(processes)]
        vendor = VendorWindow(limit, phase=phase)
        journeys = iter(drawn * 1000)
        endless_demand(
            driven,
            made,
            vendor,
            senders=senders,
            seconds=250,
            travel=lambda: next(journeys),
            hold=31,
            questions=True,
        )
        assert vendor.most_in_any_window() <= limit
        assert made[0].state().limit_per_minute == limit, "our own requests were taken for somebody else's"
        driven.close()

    @pytest.mark.parametrize(
        ("limit", "phase", "hours", "senders"),
        [(2, None, 24, 1), (8, 17.3, 3, 3)],
        ids=["a day, sliding", "three hours, fixed"],
    )
    def test_endless_demand_uses_99_percent_and_is_never_over(
        self, pacers: DrivenPacers, *, limit: int, phase: float | None, hours: int, senders: int
    ) -> None:
        chance = random.Random(7)
        vendor = VendorWindow(limit, phase=phase)
        endless_demand(
            pacers,
            [pacers.make(limit=limit), pacers.make(limit=limit)],
            vendor,
            senders=senders,
            seconds=hours * 3600,
            travel=lambda: (chance.uniform(0, 0.2), chance.uniform(0, 0.2)),
            hold=60,
        )
        assert vendor.most_in_any_window() <= limit
        assert len(vendor.counted) / (hours * 3600 / WINDOW * limit) >= 0.99


keys = st.sampled_from("abcdef")
accounts = st.sampled_from(["anna", "bo"])
steps = st.one_of(
    st.tuples(st.just("acquire"), keys, accounts, st.sampled_from([1.0, 30.0]), st.booleans()),
    st.tuples(st.just("answered"), keys, st.sampled_from([None, 3, 5, 9]), st.sampled_from([None, 0, 1, 2, 3, 5, 8])),
    st.tuples(st.just("refund"), keys, accounts),
    st.tuples(st.just("cool_down"), accounts, st.sampled_from([0.5, 20.0])),
    st.tuples(st.just("pass"), st.one_of(st.sampled_from([0.0, 1e-6, 1.0, 2.0, HELD]), st.floats(0, 40))),
)


@unhurried
@given(
    limit=st.integers(1, 6),
    share=st.sampled_from([0.0, 0.05, 0.4]),
    gap=st.sampled_from([0.0, 2.0]),
    taken=st.lists(steps, max_size=60),
)
def test_redis_does_what_the_model_does(
    redis_url: str, limit: int, share: float, gap: float, taken: list[tuple[Any, ...]]
) -> None:
    driven = DrivenPacers(redis_url)
    pacer = driven.make(limit=limit, reserve=share, gap=gap)
    model = ModelPacer(limit, share, round(HELD * 1e6), round(gap * 1e6))
    assert pacer.state().used == 0
    for verb, *details in taken:
        if verb == "acquire":
            key, account, hold, reserved = details
            permit = pacer.acquire(key, account, hold_seconds=hold, reserved=reserved)
            hindrances = model.acquire(driven.now, key, account, round(hold * 1e6), reserved)
            assert permit.granted == (not hindrances)
            if not permit.granted:
                wait = round(permit.wait_seconds * 1e6)
                assert wait == hindrances[permit.why] or (permit.why == "team budget" and 0 < wait <= model.window)
                assert wait >= max(hindrances.values())
                if reserved and permit.why == "team budget":
                    model.question_waits(driven.now, wait)
        elif verb == "answered":
            pacer.answered(details[0], limit_minute=details[1], remaining_minute=details[2])
            model.answered(driven.now, *details)
        elif verb == "refund":
            pacer.refund(*details)
            model.refund(driven.now, *details)
        elif verb == "cool_down":
            pacer.cool_down(*details)
            model.cool_down(driven.now, details[0], round(details[1] * 1e6))
        else:
            driven.pass_seconds(*details)
        state = pacer.state()
        assert state.used == len(model.held(driven.now))
        assert (state.limit_per_minute, state.reserve) == (model.limit(driven.now), model.reserve(driven.now))
    driven.close()
