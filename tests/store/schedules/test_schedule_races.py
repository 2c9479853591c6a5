"""Many beats and operators at once on one schedule: each occurrence is one row, whoever comes first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Connection, update
from sqlalchemy.exc import IntegrityError

from campaigns.domain.errors import NotAllowed
from campaigns.domain.schedules.timing import Timing
from campaigns.flow.campaigns.archive import archive_campaign
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.schedules import due
from campaigns.flow.schedules.backfill import backfill
from campaigns.flow.schedules.due import open_due_runs
from campaigns.flow.schedules.gaps import Period
from campaigns.flow.schedules.open_occurrence import Opening
from campaigns.flow.schedules.pause_resume_skip import pause_schedule, skip_next
from campaigns.store.audit.events import Act
from campaigns.store.campaigns.campaigns import find_campaign, find_revision
from campaigns.store.database.engine import Store
from campaigns.store.tables.campaigns import campaign as campaign_table
from tests.flow.schedules.timetable import BEAT, armed, campaign, put_forward, runs, states, work, written
from tests.store.interleave import overlapping, together
from tests.world import ANNA, UPSTREAM, World

EVERY_TEN = "*/10 * * * *"
MISSED = {"12:10": "due", "12:20": "due", "12:30": "due"}


def test_ten_beats_at_once_open_what_one_would(world: World) -> None:
    campaign_id = armed(world, EVERY_TEN, misfire="all")
    put_forward(world, minutes=35)

    opened = together(*[lambda: open_due_runs(world.store, actor=BEAT)] * 10)

    assert sorted(run_id for one in opened for run_id in one) == [1, 2, 3]
    _once_each(world, campaign_id)
    assert [run["after_run_id"] for run in map(world.run, (1, 2, 3))] == [None, 1, 2]


def test_two_looks_that_overlap_open_each_occurrence_once(world: World) -> None:
    _two_looks(world)


def test_a_build_that_opens_without_a_guard_is_caught(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads the campaign before it writes, takes no lock and changes it however it stands."""
    monkeypatch.setattr(due, "open_due", _open_unguarded)
    monkeypatch.setattr(due, "change_campaign", _change_unguarded)

    with pytest.raises((AssertionError, IntegrityError)):
        _two_looks(world)


@pytest.mark.parametrize("order", ["look first", "edit first"])
def test_a_look_and_an_edit_at_once_lose_and_double_nothing(world: World, order: str) -> None:
    campaign_id = armed(world, EVERY_TEN, misfire="all")
    put_forward(world, minutes=35)
    other = Changes(timing=Timing(cron="*/15 * * * *", zone="UTC", misfire="all"))

    _in_order(world, order, lambda store: edit_campaign(store, campaign_id, other, actor=ANNA))

    assert states(world, campaign_id) == MISSED
    assert campaign(world, campaign_id)["next_at"] == "2026-03-02T12:45:00+00:00"


@pytest.mark.parametrize("order", ["look first", "pause first"])
def test_what_was_due_before_a_pause_is_sent_whoever_is_first(world: World, order: str) -> None:
    campaign_id = armed(world, EVERY_TEN, misfire="all")
    put_forward(world, minutes=35)

    _in_order(world, order, lambda store: pause_schedule(store, campaign_id, reason="a holiday", actor=ANNA))

    assert states(world, campaign_id) == MISSED
    put_forward(world, minutes=5)
    open_due_runs(world.store, actor=BEAT)
    assert states(world, campaign_id)["12:40"] == "skipped"


@pytest.mark.parametrize("order", ["look first", "archive first"])
def test_an_archive_and_a_look_leave_no_open_run_of_an_archived_campaign(world: World, order: str) -> None:
    campaign_id = armed(world, EVERY_TEN)
    put_forward(world, minutes=10)

    _in_order(world, order, lambda store: archive_campaign(store, campaign_id, actor=ANNA))

    stands = campaign(world, campaign_id)
    assert stands["state"] in {"archived", "scheduled"}
    assert (stands["state"] == "archived") == (stands["open_runs"] == [])


def test_two_who_skip_the_next_occurrence_skip_two(world: World) -> None:
    campaign_id = armed(world, EVERY_TEN)

    def skip(store: Store) -> Any:
        return skip_next(store, campaign_id, reason=None, actor=ANNA)

    told = overlapping(world.store, skip, skip)

    assert [f"{one.skipped:%H:%M}" for one in told if not isinstance(one, NotAllowed)] == list(
        states(world, campaign_id)
    )


def test_two_backfills_of_one_period_open_each_occurrence_once(world: World) -> None:
    campaign_id = armed(world, EVERY_TEN)
    put_forward(world, minutes=5)
    period = Period(_at("11:30"), _at("12:00"))

    def fill(store: Store) -> Any:
        return backfill(store, campaign_id, period, upstream=UPSTREAM, reason="missed", actor=ANNA, before_created=True)

    first, second = overlapping(world.store, fill, fill)

    assert [len(one.runs) for one in (first, second)] == [4, 0]
    assert list(states(world, campaign_id)) == ["11:30", "11:40", "11:50", "12:00"]


def test_two_launches_at_once_arm_a_schedule_once(world: World) -> None:
    campaign_id = written(world)

    def start(store: Store) -> Any:
        return launch(store, campaign_id, upstream=UPSTREAM, actor=ANNA)

    _, second = overlapping(world.store, start, start)

    assert isinstance(second, NotAllowed)
    assert world.events().count("campaign_armed") == 1


def test_a_run_that_waits_starts_though_the_earlier_one_ends_at_the_moment_it_is_opened(world: World) -> None:
    campaign_id = armed(world, EVERY_TEN, overlap="queue")
    by_hand = world.launch(campaign_id, at_once=True)
    put_forward(world, minutes=10)

    ended, opened = overlapping(
        world.store,
        lambda store: cancel_run(store, by_hand, reason="no more", actor=ANNA),
        lambda store: open_due_runs(store, actor=BEAT),
    )

    assert ended.state == "cancelled"
    assert work(world) == opened
    assert states(world, campaign_id) == {"12:10": "finished"}


def test_of_two_whose_turn_has_come_one_is_planned(world: World) -> None:
    """Both waited for the same run; two workers are told at once."""
    campaign_id = armed(world, EVERY_TEN, misfire="all")
    put_forward(world, minutes=25)
    first, second = open_due_runs(world.store, actor=BEAT)
    cancel_run(world.store, first, reason="no more", actor=ANNA)
    third = world.launch(campaign_id, at_once=True)

    planned = together(*[lambda: plan_run(world.store, second, actor=BEAT)] * 4)

    assert planned == [False] * 4
    world.serve()
    assert world.run(third)["state"] == "finished"
    assert sorted(together(*[lambda: plan_run(world.store, second, actor=BEAT)] * 4)) == [False] * 3 + [True]


def _two_looks(world: World) -> None:
    campaign_id = armed(world, EVERY_TEN, misfire="all")
    put_forward(world, minutes=35)

    first, second = overlapping(world.store, _look, _look)

    assert (len(first), second) == (3, [])
    _once_each(world, campaign_id)


def _once_each(world: World, campaign_id: int) -> None:
    assert states(world, campaign_id) == MISSED
    assert len(runs(world, campaign_id)) == 3
    assert campaign(world, campaign_id)["occurrences"] == 3
    assert world.events().count("run_opened") == 3


def _look(store: Store) -> list[int]:
    return open_due_runs(store, actor=BEAT)


def _in_order(world: World, order: str, other: Callable[[Store], Any]) -> None:
    first, second = (_look, other) if order == "look first" else (other, _look)
    overlapping(world.store, first, second)


def _open_unguarded(store: Store, campaign_id: int, *, actor: str, **_: Any) -> list[int] | None:
    with store.read() as connection:
        seen = find_campaign(connection, campaign_id)
        revision = find_revision(connection, campaign_id, seen.revision)
    with store.write() as connection:
        return due._take(Opening(Act(connection, store.now(connection), actor), seen, revision))


def _change_unguarded(connection: Connection, seen: Any, *, now: datetime, **columns: Any) -> None:
    connection.execute(update(campaign_table).where(campaign_table.c.id == seen.id).values(updated_at=now, **columns))


def _at(time: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-02T{time}:00+00:00")
