"""Whose key it is: asked for seldom, whatever the vendor answers and however many accounts are served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import text

from campaigns.domain.errors import DatabaseAway, PacerAway, VendorAway, VendorRefused
from campaigns.flow.accounts.accounts import add_account
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.lanes.tick import tick
from campaigns.flow.sending.known_team import BELIEVED_SECONDS, KnownTeam
from campaigns.ports import Permit
from tests.world import ANNA, TEAM, UPSTREAM, World


@dataclass
class Vendor:
    """Answers whose key it is, and counts how often it was asked."""

    world: World
    answer: Callable[[], str] = lambda: TEAM
    asked: int = 0

    def __call__(self) -> str:
        self.asked += 1
        return self.answer()


@pytest.fixture
def vendor(world: World, monkeypatch: pytest.MonkeyPatch) -> Vendor:
    made = Vendor(world)
    monkeypatch.setattr(world.gateway, "team", made)
    return made


@pytest.fixture
def team(world: World, vendor: Vendor) -> KnownTeam:
    return KnownTeam(world.sender(), chance=lambda: 0.0)


def fails(error: Exception) -> Callable[[], str]:
    def answer() -> str:
        raise error

    return answer


def passes(world: World, seconds: float) -> None:
    world.clock.advance(seconds)
    world.local_clock += seconds


def test_it_is_asked_with_a_permit_of_the_reserve_and_believed_for_minutes(
    world: World, team: KnownTeam, vendor: Vendor
) -> None:
    assert [team(), team()] == [TEAM, TEAM]
    assert vendor.asked == len(world.pacer.reserved) == 1
    passes(world, BELIEVED_SECONDS)
    assert team() == TEAM
    assert vendor.asked == 2
    with world.store.read() as connection:
        rows = connection.execute(text("SELECT kind, purpose, account_id, run_id, permit_key FROM question")).all()
    assert [tuple(row) for row in rows] == [("team", "team", None, None, key) for key in world.pacer.reserved]


def test_without_a_permit_it_is_not_asked_and_the_wait_is_told(world: World, team: KnownTeam, vendor: Vendor) -> None:
    world.pacer.permits = [Permit(granted=False, wait_seconds=7, why="team budget")]

    with pytest.raises(PacerAway) as refusal:
        team()
    assert refusal.value.after_seconds == 7
    passes(world, 6)
    with pytest.raises(PacerAway):
        team()
    assert vendor.asked == 0

    passes(world, 1)
    assert team() == TEAM


def test_a_failure_is_remembered_for_as_long_as_the_vendor_asks_to_wait(
    world: World, team: KnownTeam, vendor: Vendor
) -> None:
    vendor.answer = fails(VendorAway("slow down", after_seconds=30))
    for _ in range(30):
        with pytest.raises(VendorAway, match="slow down") as away:
            team()
        assert away.value.after_seconds
        assert 0 < away.value.after_seconds <= 30
        passes(world, 1)
    assert vendor.asked == 1

    vendor.answer = lambda: TEAM
    assert team() == TEAM


def test_a_vendor_that_says_no_time_is_asked_ever_less_often(world: World, team: KnownTeam, vendor: Vendor) -> None:
    vendor.answer = fails(VendorAway("no answer"))
    for _ in range(3600):
        with pytest.raises(VendorAway):
            team()
        passes(world, 1)
    assert vendor.asked <= 70, "once a minute in the end"


def test_what_was_known_is_believed_on_while_the_vendor_or_the_budget_is_away(
    world: World, team: KnownTeam, vendor: Vendor
) -> None:
    """A key never changes its team, and searches may use up the whole reserve: sending must not wait for it."""
    assert team() == TEAM
    passes(world, BELIEVED_SECONDS)
    vendor.answer = fails(VendorAway("no answer"))
    assert team() == TEAM
    passes(world, 60)
    world.pacer.away = True
    assert team() == TEAM
    assert vendor.asked == 2


def test_a_refusal_is_told_once_and_asked_again_after_a_moment(world: World, team: KnownTeam, vendor: Vendor) -> None:
    """Whoever released the key must not see it held again by an answer from before."""
    assert team() == TEAM
    passes(world, BELIEVED_SECONDS)
    vendor.answer = fails(VendorRefused("the key is revoked"))
    with pytest.raises(VendorRefused):
        team()
    with pytest.raises(VendorAway, match="the key is revoked"):
        team()
    vendor.answer = lambda: TEAM
    passes(world, 2)
    assert team() == TEAM


def test_a_question_that_cannot_be_written_is_not_asked(
    world: World, team: KnownTeam, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> int:
        raise DatabaseAway("the database is locked")

    monkeypatch.setattr("campaigns.flow.sending.ask_vendor.add_question", away)
    with pytest.raises(DatabaseAway):
        team()
    assert vendor.asked == 0
    assert world.pacer.held == [], "its permit was given back"


@pytest.mark.parametrize("accounts", [1, 15])
def test_a_throttled_team_is_asked_as_seldom_for_many_accounts_as_for_one(
    world: World, team: KnownTeam, vendor: Vendor, accounts: int
) -> None:
    vendor.answer = fails(VendorAway("HTTP 429", after_seconds=30))
    for number in range(accounts):
        account_id = f"acct_{number}"
        add_account(world.store, account_id, upstream=UPSTREAM, team=TEAM, actor=ANNA)
        world.launch(world.campaign([1, 2], account_id=account_id))
    sender = replace(world.sender(), team=team)

    for _ in range(45):
        for account_id in tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor="beat").lanes:
            serve_lane(sender, account_id, lambda: True)
        passes(world, 1)

    assert vendor.asked == 2
    assert world.gateway.received == []
