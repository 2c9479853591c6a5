"""More than one run in 24 hours for the same people: armed only when the campaign allows it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.domain.errors import NotAllowed
from campaigns.domain.remedies import Do
from campaigns.domain.schedules.timing import Timing
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.planning.preview import preview
from campaigns.flow.schedules.backfill import backfill, preview_backfill
from campaigns.flow.schedules.gaps import Period
from campaigns.flow.schedules.pause_resume_skip import pause_schedule
from tests.flow.schedules.timetable import HOURLY, campaign, look, put_forward, runs, states
from tests.world import ANNA, LIMITS, UPSTREAM, World

DAILY = Timing(cron="0 18 * * *", zone="UTC")
EACH_HOUR = Timing(cron=HOURLY, zone="UTC")


def test_a_schedule_of_every_hour_is_armed_only_when_that_is_allowed(world: World) -> None:
    world.account()
    campaign_id = world.campaign(timing=EACH_HOUR, often=False)

    with pytest.raises(NotAllowed, match="more than once in 24 hours") as refused:
        launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)

    assert refused.value.code == "too_often"
    assert [remedy.do for remedy in refused.value.remedies] == [Do.ALLOW_OFTEN]
    assert campaign(world, campaign_id)["state"] == "draft"
    edit_campaign(world.store, campaign_id, Changes(often=True), actor=ANNA)
    assert campaign(world, campaign_id)["often"] is True
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    put_forward(world, hours=1)
    assert len(look(world)) == 1


def test_an_armed_schedule_is_edited_to_more_runs_only_when_that_is_allowed(world: World) -> None:
    world.account()
    campaign_id = world.campaign(timing=DAILY, often=False)
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)

    with pytest.raises(NotAllowed, match="more than once in 24 hours"):
        edit_campaign(world.store, campaign_id, Changes(timing=EACH_HOUR), actor=ANNA)

    assert campaign(world, campaign_id)["revision"] == 1
    edit_campaign(world.store, campaign_id, Changes(timing=EACH_HOUR, often=True), actor=ANNA)
    edit_campaign(world.store, campaign_id, Changes(name="Hourly"), actor=ANNA)
    assert campaign(world, campaign_id)["often"] is True, "an edit of something else keeps it"
    with pytest.raises(NotAllowed, match="more than once in 24 hours"):
        edit_campaign(world.store, campaign_id, Changes(often=False), actor=ANNA)


def test_what_was_armed_before_that_was_asked_goes_on_with_a_warning(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.account()
    campaign_id = world.campaign(timing=EACH_HOUR, often=False)
    with monkeypatch.context() as earlier_release:
        earlier_release.setattr("campaigns.flow.campaigns.launch_checks.refuse_often", lambda *_: None)
        launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)

    edit_campaign(world.store, campaign_id, Changes(name="As before"), actor=ANNA)
    for _ in range(2):
        put_forward(world, hours=1)
        look(world)

    assert list(states(world, campaign_id)) == ["13:00", "14:00"]
    (warning,) = [each for each in preview(world.store, campaign_id, LIMITS).warnings if each.code == "often"]
    assert warning.fact.endswith("it was armed before that was asked, so it goes on")
    half_hours = Changes(timing=Timing(cron="*/30 * * * *", zone="UTC"))
    with pytest.raises(NotAllowed, match="more than once in 24 hours"):
        edit_campaign(world.store, campaign_id, half_hours, actor=ANNA)


def test_a_plan_warns_of_a_schedule_that_cannot_be_armed(world: World) -> None:
    world.account()
    plans = [
        preview(world.store, world.campaign(timing=timing, often=often), LIMITS)
        for timing, often in ((EACH_HOUR, False), (EACH_HOUR, True), (DAILY, False))
    ]

    assert [[each.code for each in plan.warnings] for plan in plans] == [["often"], [], []]


def test_a_backfill_of_several_runs_is_shown_and_refused(world: World) -> None:
    world.account()
    campaign_id = world.campaign(timing=DAILY, often=False)
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    now = world.clock.now
    two_days, one_day = Period(now - timedelta(days=2), now), Period(now - timedelta(days=1), now)

    assert preview_backfill(world.store, campaign_id, two_days, upstream=UPSTREAM).needs_often
    with pytest.raises(NotAllowed, match="would send 2 runs to the same people within 24 hours"):
        _backfill(world, campaign_id, two_days)

    assert states(world, campaign_id) == {}
    assert _backfill(world, campaign_id, one_day) == 1
    with pytest.raises(NotAllowed, match="besides run r1 of the last 24 hours") as refused:
        _backfill(world, campaign_id, Period(two_days.start, one_day.start))
    assert refused.value.code == "too_often"
    edit_campaign(world.store, campaign_id, Changes(often=True), actor=ANNA)
    assert _backfill(world, campaign_id, two_days) == 1


def test_an_occurrence_that_was_skipped_and_sent_after_all_counts_from_then_on(world: World) -> None:
    world.account()
    campaign_id = world.campaign(timing=DAILY, often=False)
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    pause_schedule(world.store, campaign_id, reason="a holiday", actor=ANNA)
    for _ in range(3):
        put_forward(world, hours=24)
        look(world)
    first, *_, last = runs(world, campaign_id)
    now = world.clock.now

    assert _backfill(world, campaign_id, Period(now - timedelta(days=3), now - timedelta(days=2))) == 1
    with pytest.raises(NotAllowed, match="besides run r1 of the last 24 hours"):
        _backfill(world, campaign_id, Period(now - timedelta(days=1), now))
    cancel_run(world.store, int(first["id"]), reason="the wrong one", actor=ANNA)
    assert _backfill(world, campaign_id, Period(now - timedelta(days=1), now)) == 1, "it reached nobody"
    assert last["state"] == "skipped"


def test_times_before_a_campaign_was_written_are_backfilled_only_when_they_are_meant(world: World) -> None:
    world.account()
    campaign_id = world.campaign(timing=DAILY)
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    period = Period(world.clock.now - timedelta(days=1), world.clock.now)

    with pytest.raises(NotAllowed, match="1 time before campaign c1 was written") as refused:
        backfill(world.store, campaign_id, period, upstream=UPSTREAM, reason=None, actor=ANNA)

    assert refused.value.code == "before_created"
    assert states(world, campaign_id) == {}


def _backfill(world: World, campaign_id: int, period: Period) -> int:
    done = backfill(
        world.store, campaign_id, period, upstream=UPSTREAM, reason="missed", actor=ANNA, before_created=True
    )
    return len(done.runs)
