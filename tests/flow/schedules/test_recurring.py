"""A schedule: each occurrence becomes one run, or one row that says why it was not sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from campaigns.as_json import plain
from campaigns.domain.errors import NotAllowed, UsageError
from campaigns.domain.messages.message import make_message
from campaigns.domain.schedules.timing import Timing
from campaigns.flow.campaigns.archive import archive_campaign
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.planning.content import what_is_said
from campaigns.flow.schedules import due, open_occurrence
from campaigns.flow.schedules.arm import following
from campaigns.flow.schedules.pause_resume_skip import pause_schedule
from campaigns.store.campaigns.campaigns import CampaignRow
from tests.flow.schedules.timetable import (
    HOURLY,
    armed,
    campaign,
    look,
    put_forward,
    runs,
    states,
    work,
    written,
)
from tests.store.statements import statements_of
from tests.world import ANNA, UPSTREAM, World


def test_a_launch_arms_the_schedule_for_the_next_occurrence(world: World) -> None:
    campaign_id = written(world)

    told = launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)

    assert plain(told) == {
        "campaign_id": campaign_id,
        "run_id": None,
        "state": "scheduled",
        "starts_at": "2026-03-02T13:00:00+00:00",
        "schedule": campaign(world, campaign_id)["schedule"],
        "zone": "UTC",
        "held": None,
        "warnings": [],
    }
    assert runs(world, campaign_id) == []


def test_each_occurrence_becomes_a_run_of_its_own(world: World) -> None:
    campaign_id = armed(world)

    for _ in range(3):
        put_forward(world, hours=1)
        assert len(look(world)) == 1
        assert look(world) == []
        work(world)

    assert states(world, campaign_id) == {"13:00": "finished", "14:00": "finished", "15:00": "finished"}
    assert set(world.requests_by_user().values()) == {3}
    stands = campaign(world, campaign_id)
    assert (stands["state"], stands["launches"], stands["occurrences"]) == ("scheduled", 0, 3)
    assert stands["next_at"] == "2026-03-02T16:00:00+00:00"


def test_nothing_is_opened_before_the_start(world: World) -> None:
    campaign_id = armed(world, begins=world.clock.now + timedelta(hours=2, minutes=30))

    put_forward(world, hours=3)
    look(world)

    assert states(world, campaign_id) == {"15:00": "due"}


def test_a_schedule_ends_with_its_last_run_or_at_its_end(world: World) -> None:
    by_count = armed(world, max_runs=2)
    by_time = armed(world, until=world.clock.now + timedelta(hours=2))

    for _ in range(4):
        put_forward(world, hours=1)
        work(world)

    assert list(states(world, by_count)) == list(states(world, by_time)) == ["13:00", "14:00"]
    for campaign_id in (by_count, by_time):
        assert campaign(world, campaign_id)["state"] == "launched"
    assert world.events().count("schedule_ended") == 2


def test_a_schedule_that_has_had_its_runs_is_armed_again_only_for_more(world: World) -> None:
    campaign_id = armed(world, max_runs=1)
    put_forward(world, hours=1)
    work(world)

    with pytest.raises(NotAllowed, match="all of its 1 runs"):
        launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    more = Timing(cron=HOURLY, zone="UTC", max_runs=2)
    note = edit_campaign(world.store, campaign_id, Changes(timing=more), actor=ANNA).note
    assert note == "its schedule is not armed; a launch arms it"
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    for _ in range(2):
        put_forward(world, hours=1)
        work(world)

    assert list(states(world, campaign_id)) == ["13:00", "14:00"]
    assert campaign(world, campaign_id)["occurrences"] == 2


def test_a_schedule_whose_end_has_passed_is_not_armed(world: World) -> None:
    campaign_id = written(world, until=world.clock.now + timedelta(hours=1))
    put_forward(world, hours=2)

    with pytest.raises(NotAllowed, match="no occurrence left"):
        launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)


def test_a_launch_at_once_runs_beside_the_schedule_and_counts_as_a_launch(world: World) -> None:
    campaign_id = armed(world)
    by_hand = world.launch(campaign_id, at_once=True)
    world.serve()

    with pytest.raises(NotAllowed, match="was launched before"):
        world.launch(campaign_id, at_once=True)
    put_forward(world, hours=1)
    work(world)

    assert [run["kind"] for run in runs(world, campaign_id)] == ["launch", "schedule"]
    assert world.run(by_hand)["state"] == "finished"
    stands = campaign(world, campaign_id)
    assert (stands["state"], stands["launches"], stands["occurrences"]) == ("scheduled", 1, 1)


def test_jitter_moves_the_opening_and_not_the_occurrence(world: World) -> None:
    campaign_id = armed(world, jitter_seconds=1800)
    opened_at = campaign(world, campaign_id)["due_at"]
    assert "2026-03-02T13:00:00" < opened_at < "2026-03-02T13:30:00"

    put_forward(world, hours=1)
    assert look(world) == []
    put_forward(world, minutes=30)
    look(world)

    assert states(world, campaign_id) == {"13:00": "due"}


def test_a_long_absence_is_caught_up_in_pieces(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign_id = armed(world)
    monkeypatch.setattr(due, "MOST_OCCURRENCES", 4)
    put_forward(world, hours=10, minutes=1)

    looks = [len(look(world)) for _ in range(4)]

    assert looks == [0, 0, 1, 0]
    assert list(states(world, campaign_id).values()) == ["skipped"] * 9 + ["due"]


def test_a_long_absence_of_a_frequent_schedule_takes_a_few_statements_and_keeps_every_row(world: World) -> None:
    """Else a year of minutes takes half an hour under the account's lock."""
    campaign_id = armed(world, "* * * * *", misfire="once")
    put_forward(world, minutes=300)
    with statements_of(world.store) as asked:
        opened = look(world)

    rows = runs(world, campaign_id)
    assert len(opened) == 1
    assert [run["id"] for run in rows if run["state"] == "due"] == opened
    assert [run["id"] for run in rows] == list(range(1, 301)), "in the order of time"
    assert rows[0]["reason"] == "found 4 h 59 min late; its grace time is 1 h"
    assert "a newer one has come due" in rows[-30]["reason"]
    assert world.events().count("run_skipped") == 299
    assert len(asked) < 40


def test_no_more_than_a_few_hundred_are_opened_to_send_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign_id = armed(world, "*/10 * * * *", misfire="all")
    monkeypatch.setattr(due, "MOST_OPENED", 2)
    put_forward(world, minutes=50)

    assert [len(look(world)) for _ in range(4)] == [2, 2, 1, 0]
    assert list(states(world, campaign_id).values()) == ["due"] * 5


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"misfire": "skip"}, {"13:00": "skipped", "13:10": "skipped", "13:20": "skipped"}),
        ({"misfire": "once"}, {"13:00": "skipped", "13:10": "skipped", "13:20": "due"}),
        ({"misfire": "once", "grace_seconds": 240.0}, {"13:00": "skipped", "13:10": "skipped", "13:20": "skipped"}),
        ({"misfire": "all"}, {"13:00": "due", "13:10": "due", "13:20": "due"}),
        ({"misfire": "all", "grace_seconds": 1200.0}, {"13:00": "skipped", "13:10": "due", "13:20": "due"}),
        ({"misfire": "skip", "grace_seconds": 1200.0}, {"13:00": "skipped", "13:10": "due", "13:20": "skipped"}),
    ],
)
def test_what_is_found_late_follows_the_misfire_rule(world: World, rule: Any, expected: dict[str, str]) -> None:
    campaign_id = armed(world, "*/10 13 * * *", **rule)
    put_forward(world, hours=1, minutes=25)

    look(world)

    assert states(world, campaign_id) == expected
    skipped = [run for run in runs(world, campaign_id) if run["state"] == "skipped"]
    assert all("late" in run["reason"] or "overlap" in run["reason"] for run in skipped)
    assert campaign(world, campaign_id)["skipped"] == len(skipped)
    assert world.events().count("run_skipped") == len(skipped)


def test_what_misfire_rule_all_sends_late_is_sent_one_after_the_other(world: World) -> None:
    """Beat was away; at their own times they would not have met, so the overlap rule does not skip them."""
    campaign_id = armed(world, "*/10 13 * * *", misfire="all", overlap="skip")
    put_forward(world, hours=1, minutes=25)

    look(world)
    assert [len(work(world)) for _ in range(4)] == [1, 1, 1, 0]

    assert set(states(world, campaign_id).values()) == {"finished"}
    assert set(world.requests_by_user().values()) == {3}


def test_an_occurrence_that_is_on_time_waits_for_those_that_misfire_rule_all_sends_late(world: World) -> None:
    """Else the end of an outage would cost the one occurrence that was not touched by it."""
    campaign_id = armed(world, "*/10 13 * * *", misfire="all", overlap="skip")
    put_forward(world, hours=1, minutes=20, seconds=10)

    look(world)
    assert [len(work(world)) for _ in range(4)] == [1, 1, 1, 0]

    assert set(states(world, campaign_id).values()) == {"finished"}


def test_an_occurrence_of_a_single_time_follows_the_misfire_rule_too(world: World) -> None:
    world.account()
    campaign_id = world.campaign(starts_at=world.clock.now + timedelta(hours=1))
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    put_forward(world, hours=2, seconds=1)

    assert look(world) == []

    assert states(world, campaign_id) == {"13:00": "skipped"}
    stands = campaign(world, campaign_id)
    assert (stands["state"], stands["launches"]) == ("launched", 0)
    world.launch(campaign_id, at_once=True)  # nobody got it, so this needs no reason
    world.serve()


def test_an_edit_opens_what_was_due_by_the_old_revision_first(world: World) -> None:
    campaign_id = armed(world)
    put_forward(world, hours=1, seconds=5)

    note = _say(world, campaign_id, "New words")

    work(world)
    assert note == (
        f"run r{runs(world, campaign_id)[0]['id']} keeps the revision and the audience it was opened with; "
        "the edit takes effect from the occurrence at 2026-03-02 14:00+00:00 UTC"
    )
    assert {body["text"] for body in world.gateway.received} == {"Hello"}
    put_forward(world, hours=1)
    work(world)
    assert world.gateway.received[-1]["text"] == "New words"


def test_an_edit_of_the_schedule_opens_nothing_twice_and_loses_nothing(world: World) -> None:
    campaign_id = armed(world)
    put_forward(world, hours=1)
    work(world)

    # The new schedule has an occurrence at 13:00 as well, which was opened; the next is 13:30.
    _when(world, campaign_id, Timing(cron="*/30 * * * *", zone="UTC"))
    put_forward(world, minutes=30)
    work(world)

    assert states(world, campaign_id) == {"13:00": "finished", "13:30": "finished"}


def test_an_edit_while_jitter_is_waited_for_keeps_that_occurrence(world: World) -> None:
    campaign_id = armed(world, jitter_seconds=1800)
    put_forward(world, hours=1, seconds=1)
    assert look(world) == []

    _when(world, campaign_id, Timing(cron="15 * * * *", zone="UTC"))
    put_forward(world, minutes=59)
    look(world)

    assert states(world, campaign_id) == {"13:00": "skipped", "13:15": "due"}, "found together: the newer is sent"


def test_an_edit_that_takes_the_schedule_away_disarms(world: World) -> None:
    campaign_id = armed(world)
    pause_schedule(world.store, campaign_id, reason="a pause", actor=ANNA)

    edited = edit_campaign(world.store, campaign_id, Changes(timing=Timing()), actor=ANNA)
    put_forward(world, hours=3)

    assert look(world) == []
    assert (edited.state, edited.note) == ("launched", "it has no scheduled runs left")
    stands = campaign(world, campaign_id)
    assert (stands["next_at"], stands["paused"]) == (None, None)


def test_an_edit_to_a_single_time_and_back_moves_what_is_waited_for(world: World) -> None:
    campaign_id = armed(world)
    once = world.clock.now + timedelta(hours=5)

    changes = Changes(timing=Timing(), starts_at=once)
    edit_campaign(world.store, campaign_id, changes, actor=ANNA)
    assert campaign(world, campaign_id)["next_at"] == once.isoformat()
    _when(world, campaign_id, Timing(cron=HOURLY, zone="UTC"), drop_start=True)

    assert campaign(world, campaign_id)["next_at"] == "2026-03-02T13:00:00+00:00"


def test_a_schedule_that_cannot_be_is_kept_by_no_edit(world: World) -> None:
    campaign_id = armed(world)

    with pytest.raises(UsageError, match="never comes"):
        _when(world, campaign_id, Timing(cron="0 0 31 2 *", zone="UTC"))

    assert campaign(world, campaign_id)["revision"] == 1


def test_an_archived_schedule_never_comes_due(world: World) -> None:
    campaign_id = armed(world)
    archive_campaign(world.store, campaign_id, actor=ANNA)
    put_forward(world, hours=3)

    assert look(world) == []
    assert runs(world, campaign_id) == []


def test_a_schedule_that_cannot_be_computed_is_paused_and_stops_nobody_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound = armed(world), armed(world)
    read = following

    def unreadable(connection: Any, campaign: CampaignRow, *rest: Any) -> Any:
        if campaign.id == broken:
            raise ValueError("'Europe/Atlantis' is not a known time zone")
        return read(connection, campaign, *rest)

    monkeypatch.setattr(due, "following", unreadable)
    put_forward(world, hours=1)
    look(world)
    look(world)

    assert (states(world, broken), states(world, sound)) == ({}, {"13:00": "due"})
    assert "Europe/Atlantis" in campaign(world, broken)["paused"]
    assert world.events().count("schedule_paused") == 1
    put_forward(world, hours=1)
    monkeypatch.undo()
    look(world)
    assert states(world, broken) == {"13:00": "skipped", "14:00": "skipped"}


def _say(world: World, campaign_id: int, words: str) -> str | None:
    changes = Changes(message=make_message({"text": words}))
    note: str | None = edit_campaign(world.store, campaign_id, changes, actor=ANNA).note
    return note


def _when(world: World, campaign_id: int, timing: Timing, **changes: Any) -> None:
    edit_campaign(world.store, campaign_id, Changes(timing=timing, **changes), actor=ANNA)


@pytest.mark.parametrize("fault", [UsageError("content 1: its text is empty"), KeyError("text"), OverflowError("date")])
def test_whatever_is_wrong_with_one_campaign_the_others_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    bad, good = armed(world), armed(world)
    said = what_is_said

    def unsayable(connection: Connection, of: CampaignRow, *told: Any, **more: Any) -> Any:
        if of.id == bad:
            raise fault
        return said(connection, of, *told, **more)

    monkeypatch.setattr(open_occurrence, "what_is_said", unsayable)
    put_forward(world, hours=1)

    assert [world.run(run_id)["campaign_id"] for run_id in look(world)] == [good]
    assert type(fault).__name__ in campaign(world, bad)["paused"]
    assert look(world) == []
