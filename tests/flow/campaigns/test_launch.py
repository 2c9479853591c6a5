"""A launch sends what was looked at, once, from the account's own vendor."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from pyroaring import BitMap64
from sqlalchemy import text

from campaigns.domain.errors import NotAllowed, NotFound
from campaigns.domain.messages.message import make_message
from campaigns.domain.remedies import Do, Remedy
from campaigns.flow.audience.suppress import suppress
from campaigns.flow.campaigns.archive import archive_campaign
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.planning.preview import preview
from tests.one_database import on_both
from tests.world import ACCOUNT, ANNA, LIMITS, UPSTREAM, World

pytestmark = on_both


def test_a_launch_opens_and_freezes_its_run_at_once(world: World) -> None:
    run_id = world.launched()

    assert world.run(run_id)["state"] == "planned"
    assert world.states(run_id) == ["ready"] * 3
    assert world.events()[-2:] == ["run_opened", "run_planned"]


def test_a_second_launch_needs_a_reason_and_starts_a_lineage_of_its_own(world: World) -> None:
    campaign_id = _campaign(world)
    world.launch(campaign_id)
    with pytest.raises(NotAllowed, match=r"launched before \(once\);"):
        world.launch(campaign_id)

    again = world.launch(campaign_id, again_reason="the first one was a test")

    world.serve()
    assert world.run(again)["accepted"] == 5
    assert world.run(again)["parent_run_id"] is None
    assert set(world.requests_by_user().values()) == {2}


def test_a_hash_works_once(world: World) -> None:
    campaign_id = _campaign(world)
    digest = preview(world.store, campaign_id, LIMITS).hash

    world.launch(campaign_id, plan_hash=digest)

    with pytest.raises(NotAllowed, match="no longer has the hash"):
        world.launch(campaign_id, plan_hash=digest, again_reason="again")


@pytest.mark.parametrize("change", ["edit", "suppress"])
def test_a_launch_of_a_plan_that_has_changed_is_refused(world: World, change: str) -> None:
    campaign_id = _campaign(world)
    digest = preview(world.store, campaign_id, LIMITS).hash
    if change == "edit":
        edit_campaign(world.store, campaign_id, Changes(message=make_message({"text": "Other"})), actor=ANNA)
    else:
        suppress(world.store, BitMap64([1]), account_id=None, reason="asked to stop", actor=ANNA)

    with pytest.raises(NotAllowed, match="no longer has the hash"):
        world.launch(campaign_id, plan_hash=digest)

    assert "run_opened" not in world.events()


def test_a_plan_hash_that_the_release_before_made_is_refused(world: World) -> None:
    """Its hashes depended on how a set came about, so that equal sets could have two."""
    campaign_id = _campaign(world)
    with world.store.read() as connection:
        revision = connection.execute(text("SELECT sha256 FROM revision")).scalar_one()
        audience = connection.execute(text("SELECT users_sha256 FROM audience_version")).scalar_one()
    identity = [campaign_id, 0, ACCOUNT, UPSTREAM, revision, audience, []]
    old_hash = hashlib.sha256(json.dumps(identity).encode()).hexdigest()

    with pytest.raises(NotAllowed, match="an earlier release made the hash"):
        world.launch(campaign_id, plan_hash=old_hash)

    assert "run_opened" not in world.events()


def test_a_campaign_of_another_vendor_is_not_launched(world: World) -> None:
    campaign_id = _campaign(world)

    with pytest.raises(NotAllowed, match="never changes vendors"):
        launch(world.store, campaign_id, upstream="https://vendor.example", actor=ANNA)


def test_a_lane_of_another_vendor_sends_nothing(world: World) -> None:
    """A campaign that was launched in the sandbox never goes out for real when a key is set later."""
    from dataclasses import replace

    from campaigns.flow.lanes.serve import serve_lane

    run_id = world.launched()
    real = replace(world.sender(), upstream="https://vendor.example")
    other_team = replace(world.sender(), team=lambda: "another")

    assert serve_lane(real, "acct_one", lambda: True) == 0
    assert serve_lane(other_team, "acct_one", lambda: True) == 0
    assert world.states(run_id) == ["ready"] * 3


def test_nothing_is_launched_for_nobody(world: World) -> None:
    campaign_id = _campaign(world)
    suppress(world.store, BitMap64(range(1, 6)), account_id=None, reason="asked to stop", actor=ANNA)

    with pytest.raises(NotAllowed, match="nobody is left"):
        world.launch(campaign_id)


def test_a_whole_list_is_refused_while_anybody_is_suppressed_unless_that_is_accepted(world: World) -> None:
    world.account()
    suppress(world.store, BitMap64([1]), account_id="acct_one", reason="asked to stop", actor=ANNA)
    lists: dict[str, Any] = {"message": {"user_lists": ["fans"]}}

    with pytest.raises(NotAllowed, match="the vendor alone knows who is on its lists") as refused:
        world.launch(world.campaign(**lists))
    assert refused.value.remedies == (Remedy(Do.ACCEPT_SUPPRESSED, campaign=1),)
    run_id = world.launch(world.campaign(**lists, accept_suppressed=True))
    world.serve()

    assert world.states(run_id) == ["accepted"]


def test_archived_and_unknown_campaigns_are_not_launched(world: World) -> None:
    campaign_id = _campaign(world)
    archive_campaign(world.store, campaign_id, actor=ANNA)

    with pytest.raises(NotAllowed, match="archived"):
        world.launch(campaign_id)
    with pytest.raises(NotFound, match="no campaign c7"):
        world.launch(7)


def _campaign(world: World) -> int:
    world.account()
    return world.campaign()
