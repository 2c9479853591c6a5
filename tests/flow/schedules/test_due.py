"""A campaign's time comes: one run for one occurrence, with what the campaign says at that moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from campaigns.domain.errors import NotAllowed
from campaigns.domain.messages.message import make_message
from campaigns.flow.campaigns.archive import archive_campaign
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.schedules.due import open_due_runs
from campaigns.store.views import campaigns as campaign_views
from tests.one_database import on_both
from tests.world import ANNA, UPSTREAM, World

pytestmark = on_both

BEAT = "worker:beat"


def test_nothing_is_opened_before_its_time_and_one_run_at_it(world: World) -> None:
    _armed(world)

    world.clock.advance(3599)
    assert open_due_runs(world.store, actor=BEAT) == []
    world.clock.advance(1)
    (run_id,) = open_due_runs(world.store, actor=BEAT)

    assert open_due_runs(world.store, actor=BEAT) == []
    assert world.run(run_id)["kind"] == "schedule"
    assert world.run(run_id)["state"] == "due"
    assert world.run(run_id)["scheduled_for"] == "2026-03-02T13:00:00+00:00"


def test_an_occurrence_that_is_found_late_keeps_its_time(world: World) -> None:
    _armed(world)

    world.clock.advance(3600 + 1800)
    (run_id,) = open_due_runs(world.store, actor=BEAT)

    assert world.run(run_id)["scheduled_for"] == "2026-03-02T13:00:00+00:00"


def test_a_run_that_has_come_due_keeps_the_revision_it_was_opened_with(world: World) -> None:
    campaign_id = _armed(world)
    _say(world, campaign_id, "Edited in time")
    world.clock.advance(3600)
    (run_id,) = open_due_runs(world.store, actor=BEAT)
    note = _say(world, campaign_id, "Edited too late")

    plan_run(world.store, run_id, actor=BEAT)
    world.serve()

    assert note == f"run r{run_id} keeps the revision and the audience it was opened with"
    assert {body["text"] for body in world.gateway.received} == {"Edited in time"}


def test_an_edit_moves_the_time_of_an_armed_campaign_and_says_so(world: World) -> None:
    campaign_id = _armed(world)
    later = world.clock.now + timedelta(hours=2)

    note = edit_campaign(world.store, campaign_id, Changes(starts_at=later), actor=ANNA).note
    world.clock.advance(3600)

    assert open_due_runs(world.store, actor=BEAT) == []
    assert note == "the edit takes effect from the occurrence at 2026-03-02 14:00+00:00 UTC"
    world.clock.advance(3600)
    assert len(open_due_runs(world.store, actor=BEAT)) == 1


def test_an_archived_campaign_never_comes_due(world: World) -> None:
    archive_campaign(world.store, _armed(world), actor=ANNA)

    world.clock.advance(3600)

    assert open_due_runs(world.store, actor=BEAT) == []


def test_a_launch_at_once_leaves_the_schedule_armed(world: World) -> None:
    campaign_id = _armed(world)

    by_hand = world.launch(campaign_id, at_once=True)
    world.serve()
    world.clock.advance(3600)
    (by_time,) = open_due_runs(world.store, actor=BEAT)

    assert [world.run(run_id)["kind"] for run_id in (by_hand, by_time)] == ["launch", "schedule"]
    with world.store.read() as connection:
        assert campaign_views.campaign_of(connection, campaign_id).state == "launched"


def test_arming_twice_and_arming_for_the_past_are_refused(world: World) -> None:
    campaign_id = _armed(world)
    with pytest.raises(NotAllowed, match="armed already"):
        launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    late = world.campaign(starts_at=world.clock.now + timedelta(seconds=5))
    world.clock.advance(5)
    with pytest.raises(NotAllowed, match="has passed"):
        launch(world.store, late, upstream=UPSTREAM, actor=ANNA)


def test_a_run_whose_message_must_not_be_sent_by_then_is_skipped_with_the_reason(world: World) -> None:
    """The vendor was to send it at half past, and the machine slept until two."""
    half_past = world.clock.now + timedelta(minutes=90)
    _armed(world, message={"scheduled_date": half_past.isoformat()})
    world.clock.advance(7200)
    (run_id,) = open_due_runs(world.store, actor=BEAT)

    assert plan_run(world.store, run_id, actor=BEAT) is False
    assert plan_run(world.store, run_id, actor=BEAT) is False
    world.serve()

    skipped = world.run(run_id)
    assert (skipped["state"], world.batches(run_id), world.gateway.received) == ("skipped", [], [])
    assert "scheduled_date 2026-03-02T13:30:00+00:00 has passed" in skipped["reason"]
    assert world.events().count("run_skipped") == 1


def test_a_run_whose_message_may_still_be_sent_is_planned(world: World) -> None:
    two = world.clock.now + timedelta(hours=2)
    _armed(world, message={"scheduled_date": two.isoformat()})
    world.clock.advance(3600)
    (run_id,) = open_due_runs(world.store, actor=BEAT)

    assert plan_run(world.store, run_id, actor=BEAT)


def _armed(world: World, **changes: Any) -> int:
    world.account()
    campaign_id = world.campaign(starts_at=world.clock.now + timedelta(hours=1), **changes)
    told = launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    assert (told.run_id, told.state) == (None, "scheduled")
    return campaign_id


def _say(world: World, campaign_id: int, words: str) -> str | None:
    changes = Changes(message=make_message({"text": words}))
    note: str | None = edit_campaign(world.store, campaign_id, changes, actor=ANNA).note
    return note
