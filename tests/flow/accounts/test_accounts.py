"""The vendor accounts that campaigns are sent from, each bound to one vendor and one team."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from campaigns.domain.errors import NotAllowed, NotFound, UsageError, VendorAway, VendorRefused
from campaigns.flow.accounts.accounts import add_account, set_name
from campaigns.flow.accounts.release import release_account
from campaigns.flow.accounts.remove import remove_account
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.runs.rerun import rerun
from campaigns.store.tables.accounts import lane
from campaigns.store.views import accounts as account_views
from campaigns.store.views.accounts import AccountView
from tests.one_database import on_both
from tests.world import ACCOUNT, ANNA, REJECTED, TEAM, UNKNOWN, UPSTREAM, World

pytestmark = on_both


def test_an_account_is_added_once(world: World) -> None:
    world.account()

    with pytest.raises(NotAllowed, match="is here already"):
        world.account()

    assert world.events() == ["account_added"]


@pytest.mark.parametrize("account_id", ["12345", "acct_", "acct_ä", "acct_1/../x", "acct_" + "x" * 76, "acct_1\n"])
def test_what_is_no_account_id_is_refused(world: World, account_id: str) -> None:
    with pytest.raises(UsageError, match="not a valid account ID"):
        add_account(world.store, account_id, upstream=UPSTREAM, team=TEAM, actor=ANNA)


def test_an_account_is_bound_to_the_team_whose_key_first_serves_it_and_to_no_other(world: World) -> None:
    add_account(world.store, ACCOUNT, upstream=UPSTREAM, team=None, actor=ANNA)
    run_id = world.launch(world.campaign([1]))

    assert serve_lane(replace(world.sender(), team=lambda: "red"), ACCOUNT, lambda: True) == 1
    assert _accounts(world)[0].team == "red"
    assert serve_lane(replace(world.sender(), team=lambda: "blue"), ACCOUNT, lambda: True) == 0

    assert world.states(run_id) == ["accepted"]
    assert world.events().count("account_bound") == 1


def test_a_refused_key_holds_the_team_until_somebody_releases_it(world: World) -> None:
    run_id = world.launched([1])

    def refused() -> str:
        raise VendorRefused("the key is revoked")

    bad = replace(world.sender(), team=refused)
    assert serve_lane(bad, ACCOUNT, lambda: True) == 0
    assert serve_lane(bad, ACCOUNT, lambda: True) == 0
    assert [(hold["scope"], hold["kind"]) for hold in world.run(run_id)["holds"]] == [("team", "key")]
    assert world.serve() == 0

    release_account(world.store, ACCOUNT, reason="set a new key", actor=ANNA)
    assert world.serve() == 1


def test_a_vendor_that_is_away_postpones_the_lane(world: World) -> None:
    run_id = world.launched([1])

    def away() -> str:
        raise VendorAway("no answer")

    assert serve_lane(replace(world.sender(), team=away), ACCOUNT, lambda: True) == 0

    assert world.run(run_id)["lane"]["waits_for"] == "the vendor"
    assert world.states(run_id) == ["ready"]
    world.clock.advance(2)
    assert world.serve() == 1


def test_releasing_what_is_not_held_or_not_known_is_refused(world: World) -> None:
    world.account()

    with pytest.raises(NotAllowed, match="nothing to release"):
        release_account(world.store, ACCOUNT, reason="none", actor=ANNA)
    with pytest.raises(NotFound, match="not known"):
        release_account(world.store, "acct_two", reason="none", actor=ANNA)


def test_a_name_is_changed_alone(world: World) -> None:
    world.account()
    set_name(world.store, ACCOUNT, " Anna ", actor=ANNA)

    (account,) = _accounts(world)
    assert (account.name, account.zone, account.team) == ("Anna", None, TEAM)
    assert set_name(world.store, ACCOUNT, "", actor=ANNA).name is None
    assert world.events() == ["account_added", "account_changed", "account_changed"]
    with pytest.raises(NotFound, match="not known"):
        set_name(world.store, "acct_two", "Bea", actor=ANNA)


def test_an_account_that_was_removed_is_hidden_and_comes_back_with_its_lane_and_fence(world: World) -> None:
    run_id = world.launched([1])
    world.serve()
    before = _lane(world)
    remove_account(world.store, ACCOUNT, reason="sold", actor=ANNA)
    assert _accounts(world) == []

    added = add_account(world.store, ACCOUNT, upstream=UPSTREAM, team="another", name="Anna", actor=ANNA)

    assert (added.brought_back, added.name, added.team) == (True, "Anna", TEAM)
    assert _lane(world) == before
    assert world.states(run_id) == ["accepted"]
    assert world.events()[-2:] == ["account_removed", "account_brought_back"]
    world.launch(world.campaign([2]))
    assert world.serve() == 1


def test_nothing_new_is_opened_on_an_account_that_was_removed(world: World) -> None:
    run_id = world.launched([1, 2])
    world.gateway.script = [REJECTED]
    world.serve()
    draft = world.campaign([3])
    remove_account(world.store, ACCOUNT, reason="sold", actor=ANNA)

    for act in (
        lambda: world.campaign([3]),
        lambda: world.launch(draft),
        lambda: rerun(world.store, run_id, upstream=UPSTREAM, reason="again", actor=ANNA),
        lambda: set_name(world.store, ACCOUNT, "Anna", actor=ANNA),
        lambda: remove_account(world.store, ACCOUNT, reason="sold", actor=ANNA),
    ):
        with pytest.raises(NotAllowed, match="was removed"):
            act()
    with pytest.raises(NotAllowed, match="belongs to sandbox"):
        add_account(world.store, ACCOUNT, upstream="https://another.example", team=None, actor=ANNA)


def test_an_account_that_is_used_is_not_removed(world: World) -> None:
    run_id = world.launched([1])
    with pytest.raises(NotAllowed, match=f"run r{run_id} is open"):
        remove_account(world.store, ACCOUNT, reason="sold", actor=ANNA)
    world.gateway.script = [UNKNOWN]
    world.serve_out()
    with pytest.raises(NotAllowed, match=f"an outcome of run r{run_id} is unknown"):
        remove_account(world.store, ACCOUNT, reason="sold", actor=ANNA)
    world.account("acct_two")
    later = world.clock.now + timedelta(days=1)
    armed = world.campaign([1], account_id="acct_two", starts_at=later)
    launch(world.store, armed, upstream=UPSTREAM, actor=ANNA)
    with pytest.raises(NotAllowed, match=f"campaign c{armed} is armed"):
        remove_account(world.store, "acct_two", reason="sold", actor=ANNA)
    with pytest.raises(UsageError, match="reason is empty"):
        remove_account(world.store, "acct_two", reason=" ", actor=ANNA)
    assert [account.id for account in _accounts(world)] == ["acct_one", "acct_two"]


def _lane(world: World) -> tuple[object, ...]:
    with world.store.read() as connection:
        return tuple(connection.execute(select(lane).where(lane.c.account_id == ACCOUNT)).one())


def _accounts(world: World) -> list[AccountView]:
    with world.store.read() as connection:
        return account_views.accounts(connection)
