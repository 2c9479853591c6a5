"""Rules that every edge relies on are kept by flow itself: a page or a script cannot pass them by."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from campaigns.domain.errors import CampaignsError, NotAllowed, UsageError
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.schedules.timing import Timing
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.runs.pause_resume_cancel import pause_run
from tests.world import ANNA, UPSTREAM, World

DAILY: dict[str, Any] = {"cron": "0 9 * * *", "zone": "UTC"}

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"timing": Timing(rotate="bogus")}, "rotate is 'bogus', but must be turn or random"),  # type: ignore[arg-type]
    ({"timing": Timing(**DAILY, grace_seconds=0.2)}, "grace is 0.2 s, shorter than the tick of 1 s"),
    ({"name": "  "}, "the name shows nothing"),
    ({"on_unknown": "bogus"}, "on_unknown is 'bogus', but must be hold or resend"),
    ({"batch_size": 1_000_001}, "batch_size is 1,000,001, but a request takes 1 to 1,000,000 user IDs"),
]


@pytest.mark.parametrize(("fields", "fault"), REFUSED)
def test_a_draft_that_breaks_a_rule_is_refused_and_nothing_is_stored(
    world: World, fields: dict[str, Any], fault: str
) -> None:
    world.account()

    with pytest.raises(UsageError) as refused:
        world.campaign([1, 2], **fields)

    assert str(refused.value).count(fault) == 1
    assert _count(world, "campaign") == _count(world, "revision") == _count(world, "audience_version") == 0


@pytest.mark.parametrize(("fields", "fault"), REFUSED)
def test_an_edit_that_breaks_a_rule_is_refused_and_nothing_is_stored(
    world: World, fields: dict[str, Any], fault: str
) -> None:
    world.account()
    campaign_id = world.campaign([1, 2])

    with pytest.raises(UsageError) as refused:
        edit_campaign(world.store, campaign_id, Changes(**fields), actor=ANNA)

    assert str(refused.value).count(fault) == 1
    assert (_count(world, "revision"), world.events()[-1]) == (1, "campaign_created")


@pytest.mark.parametrize(("reason", "actor"), [("", ANNA), ("  ", ANNA), ("why", " ")])
def test_nobody_pauses_a_run_without_a_reason_or_a_name(world: World, reason: str, actor: str) -> None:
    run_id = world.launched()
    before = world.events()

    with pytest.raises(CampaignsError):
        pause_run(world.store, run_id, reason=reason, actor=actor)

    assert (world.run(run_id)["holds"], world.events()) == ([], before)


def test_a_second_launch_needs_a_reason_with_something_in_it(world: World) -> None:
    run_id = world.launched()
    campaign_id = world.run(run_id)["campaign_id"]

    with pytest.raises(UsageError, match="The reason is empty"):
        world.launch(campaign_id, again_reason=" ")

    assert _count(world, "run") == 1


def test_a_run_that_expires_before_its_hours_open_needs_a_confirmation_of_its_own(world: World) -> None:
    """Its hours open in three hours, and it expires after one: nobody would be sent to."""
    world.account()
    now = world.clock.now
    opens = (now + timedelta(hours=3)).strftime("%H:%M")
    closes = (now + timedelta(hours=5)).strftime("%H:%M")
    timing = Timing(hours=f"{opens}-{closes}", zone="UTC", expires_seconds=3600)
    campaign_id = world.campaign([1, 2], timing=timing)

    with pytest.raises(NotAllowed, match="before its sending hours open") as refused:
        launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)

    assert refused.value.remedies == (Remedy(Do.LAUNCH_ALTHOUGH_CLOSED, campaign=campaign_id),)
    assert _count(world, "run") == 0
    assert world.launch(campaign_id, although_closed=True) == 1


def test_a_run_that_expires_after_its_hours_open_needs_none(world: World) -> None:
    world.account()
    now = world.clock.now
    hours = f"{(now + timedelta(hours=3)):%H:%M}-{(now + timedelta(hours=5)):%H:%M}"
    campaign_id = world.campaign([1, 2], timing=Timing(hours=hours, zone="UTC", expires_seconds=4 * 3600))

    assert world.launch(campaign_id)


def _count(world: World, table: str) -> int:
    with world.store.read() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())
