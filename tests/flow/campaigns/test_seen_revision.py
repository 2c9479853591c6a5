"""An edit or a launch of another revision than its author saw is refused in the transaction that would do it."""

from __future__ import annotations

import pytest

from campaigns.domain.errors import NoRevision, Outdated
from campaigns.flow.campaigns import launch_checks
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.campaigns.launch import launch
from tests.world import ANNA, UPSTREAM, World


@pytest.fixture
def campaign(world: World) -> int:
    """A campaign whose second revision nobody has seen yet."""
    world.account()
    made = world.campaign(users=[1, 2, 3])
    edit_campaign(world.store, made, Changes(name="Other", made_from=1), actor=ANNA)
    return made


def test_an_edit_of_an_older_revision_is_refused(campaign: int, world: World) -> None:
    with pytest.raises(Outdated) as refusal:
        edit_campaign(world.store, campaign, Changes(name="Mine", made_from=1), actor=ANNA)
    assert refusal.value.revision == 2
    assert world.events().count("campaign_edited") == 1


def test_a_launch_of_an_older_revision_is_refused(campaign: int, world: World) -> None:
    with pytest.raises(Outdated):
        launch(world.store, campaign, upstream=UPSTREAM, made_from=1, actor=ANNA)
    assert "run_opened" not in world.events()
    assert launch(world.store, campaign, upstream=UPSTREAM, made_from=2, actor=ANNA).run_id == 1


def test_a_large_launch_without_a_plan_is_refused_where_nobody_was_asked(
    campaign: int, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch_checks, "LARGE_LAUNCH", 3)
    with pytest.raises(NoRevision) as refusal:
        launch(world.store, campaign, upstream=UPSTREAM, needs_plan=True, actor=ANNA)
    assert refusal.value.code == "plan_missing"
    assert launch(world.store, campaign, upstream=UPSTREAM, actor=ANNA).run_id == 1
