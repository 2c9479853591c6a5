"""The vendor accounts that campaigns are sent from, each bound to one vendor and one team."""

from __future__ import annotations

from dataclasses import replace

import pytest

from campaigns.domain.errors import NotAllowed, NotFound, UsageError, VendorAway, VendorRefused
from campaigns.flow.accounts.accounts import add_account, release_account
from campaigns.flow.lanes.serve import serve_lane
from campaigns.store.views import accounts as account_views
from tests.one_database import on_both
from tests.world import ACCOUNT, ANNA, TEAM, UPSTREAM, World

pytestmark = on_both


def test_an_account_is_added_once(world: World) -> None:
    world.account()

    with pytest.raises(NotAllowed, match="is here already"):
        world.account()

    assert world.events() == ["account_added"]


@pytest.mark.parametrize("account_id", ["12345", "acct_", "acct_ä", "acct_1/../x", "acct_" + "x" * 76, "acct_1\n"])
def test_what_is_no_account_id_is_refused(world: World, account_id: str) -> None:
    with pytest.raises(UsageError, match="no account ID"):
        add_account(world.store, account_id, upstream=UPSTREAM, team=TEAM, actor=ANNA)


def test_an_account_is_bound_to_the_team_whose_key_first_serves_it_and_to_no_other(world: World) -> None:
    add_account(world.store, ACCOUNT, upstream=UPSTREAM, team=None, actor=ANNA)
    run_id = world.launch(world.campaign([1]))

    assert serve_lane(replace(world.sender(), team=lambda: "red"), ACCOUNT, lambda: True) == 1
    assert _accounts(world)[0]["team"] == "red"
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


def _accounts(world: World) -> list[dict[str, object]]:
    with world.store.read() as connection:
        return account_views.accounts(connection)
