"""Whoever wrote the newest revision of a campaign may not launch it, where that rule is on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.domain.access.rights import Principal, Right
from campaigns.domain.errors import Forbidden
from campaigns.flow.access.four_eyes import choose_four_eyes, refuse_armed_edit, refuse_own_edit
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.store.database.engine import Store
from tests.clock import DrivenClock
from tests.one_database import AGAIN_ON_POSTGRESQL
from tests.world import ANNA, UPSTREAM, World

pytestmark = pytest.mark.parametrize("database_url", AGAIN_ON_POSTGRESQL, indirect=True)

ANNA_AT_THE_DESK = Principal("anna", frozenset({Right.SENDER}), address="192.0.2.1")
BEN = Principal("ben", frozenset({Right.SENDER}))


def test_the_rule_is_off_until_somebody_turns_it_on(store: Store, clock: DrivenClock) -> None:
    world = World(store, clock)
    world.account()
    campaign_id = world.campaign([1, 2])

    refuse_own_edit(store, ANNA_AT_THE_DESK, campaign_id)
    assert choose_four_eyes(store, is_on=True, actor=BEN.actor).is_changed
    with pytest.raises(Forbidden, match=f"anna wrote the newest revision of campaign c{campaign_id}") as refusal:
        refuse_own_edit(store, ANNA_AT_THE_DESK, campaign_id)
    refuse_own_edit(store, BEN, campaign_id)

    assert refusal.value.code == "own_edit"
    assert not choose_four_eyes(store, is_on=True, actor=BEN.actor).is_changed
    assert world.events().count("access_rule_changed") == 1
    choose_four_eyes(store, is_on=False, actor=BEN.actor)
    refuse_own_edit(store, ANNA_AT_THE_DESK, campaign_id)


def test_only_the_newest_revision_counts(store: Store, clock: DrivenClock) -> None:
    world = World(store, clock)
    world.account()
    campaign_id = world.campaign([1, 2])
    choose_four_eyes(store, is_on=True, actor=ANNA)

    edit_campaign(store, campaign_id, Changes(name="another"), actor=BEN.actor, tick_seconds=1)

    refuse_own_edit(store, ANNA_AT_THE_DESK, campaign_id)
    with pytest.raises(Forbidden):
        refuse_own_edit(store, BEN, campaign_id)


def test_what_a_schedule_would_send_is_written_by_who_may_send_it(store: Store, clock: DrivenClock) -> None:
    world = World(store, clock)
    world.account()
    draft = world.campaign([1, 2])
    armed = world.campaign([1, 2], starts_at=clock.now + timedelta(hours=1), zone="UTC")
    launch(store, armed, upstream=UPSTREAM, actor=ANNA)
    editor = Principal("carl", frozenset({Right.EDITOR}))

    refuse_armed_edit(store, editor, draft)
    refuse_armed_edit(store, BEN, armed)
    with pytest.raises(Forbidden, match="needs the right sender"):
        refuse_armed_edit(store, editor, armed)
    choose_four_eyes(store, is_on=True, actor=ANNA)
    refuse_armed_edit(store, BEN, draft)
    with pytest.raises(Forbidden, match="nobody sends alone what they wrote"):
        refuse_armed_edit(store, BEN, armed)
