"""Archived campaigns come back with nothing scheduled; a copy shares nothing but its content."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from campaigns.domain.errors import NotAllowed, UsageError
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.states import CampaignState
from campaigns.flow.campaigns.archive import archive_campaign, copy_campaign, unarchive_campaign
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.store.views.campaigns import CampaignView, campaign_of
from tests.one_database import on_both
from tests.world import ANNA, UPSTREAM, World

pytestmark = on_both

HOURLY = Timing(cron="0 * * * *", zone="UTC")


def view(world: World, campaign_id: int) -> CampaignView:
    with world.store.read() as connection:
        return campaign_of(connection, campaign_id)


def test_an_armed_schedule_that_was_archived_comes_back_disarmed(world: World) -> None:
    world.account()
    campaign_id = world.campaign(timing=HOURLY)
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    archive_campaign(world.store, campaign_id, actor=ANNA)

    moved = unarchive_campaign(world.store, campaign_id, actor=ANNA)

    assert moved.state is CampaignState.DRAFT  # no run of it was ever opened
    assert (view(world, campaign_id).due_at, world.events()[-1]) == (None, "campaign_unarchived")
    assert launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA).starts_at is not None


def test_a_launched_campaign_comes_back_as_launched_and_still_asks_for_a_reason(world: World) -> None:
    campaign_id = world.run(world.launched())["campaign_id"]
    world.serve()
    archive_campaign(world.store, campaign_id, actor=ANNA)

    assert unarchive_campaign(world.store, campaign_id, actor=ANNA).state is CampaignState.LAUNCHED

    with pytest.raises(NotAllowed, match="was launched before"):
        world.launch(campaign_id)
    with pytest.raises(NotAllowed, match="is not archived; it is launched"):
        unarchive_campaign(world.store, campaign_id, actor=ANNA)


def test_a_copy_of_an_archived_campaign_goes_its_own_way(world: World) -> None:
    campaign_id = world.run(world.launched([1, 2, 3]))["campaign_id"]
    world.serve()
    archive_campaign(world.store, campaign_id, actor=ANNA)

    copy = copy_campaign(world.store, campaign_id, actor=ANNA)

    assert (copy.name, view(world, copy.id).state, view(world, copy.id).launches) == ("Friday (copy)", "draft", 0)
    edit_campaign(world.store, copy.id, Changes(batch_size=1), actor=ANNA)
    assert view(world, campaign_id).revision == 1
    assert world.run(world.launch(copy.id))["planned"] == 3
    with world.store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM audience_version")).scalar_one() == 1


def test_a_copy_leaves_out_what_has_passed(world: World) -> None:
    world.account()
    now = world.clock.now
    once = world.campaign(starts_at=now + timedelta(hours=1))
    ended = world.campaign(timing=Timing(cron="0 * * * *", zone="UTC", until=now + timedelta(days=2)))
    world.clock.advance(3 * 24 * 3600)

    assert view(world, copy_campaign(world.store, once, actor=ANNA).id).starts_at is None
    assert view(world, copy_campaign(world.store, ended, actor=ANNA).id).timing == {"cron": "0 * * * *", "zone": "UTC"}


def test_the_name_of_a_copy_keeps_the_rules_of_names(world: World) -> None:
    world.account()
    campaign_id = world.campaign(name="x" * 200)

    assert len(copy_campaign(world.store, campaign_id, actor=ANNA).name) == 200
    with pytest.raises(UsageError, match="the name shows nothing"):
        copy_campaign(world.store, campaign_id, name=" ", actor=ANNA)
