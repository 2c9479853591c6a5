"""Native hand-off: the vendor is given a run ahead of its time, and holds the clock from then on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from campaigns.domain.errors import UsageError
from campaigns.domain.reconcile import ItemContent, QueueItem
from campaigns.domain.timing import Timing
from campaigns.flow.accounts import add_account
from campaigns.flow.due import open_due_runs
from campaigns.flow.launch import launch
from campaigns.flow.plan import plan_run, preview
from campaigns.flow.rerun import rerun
from tests.world import ANNA, LIMITS, REJECTED, TEAM, UNKNOWN, UPSTREAM, World

BEAT = "worker:beat"
DAILY = Timing(cron="0 18 * * *", zone="UTC", handoff=True)
TODAY = datetime(2026, 3, 2, 18, tzinfo=UTC)  # six hours from the start of the clock
TOMORROW = TODAY + timedelta(days=1)


def armed(world: World, timing: Timing = DAILY, **changes: Any) -> int:
    world.account()
    campaign_id = world.campaign(timing=timing, **changes)
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    return campaign_id


def opened(world: World) -> list[int]:
    runs = open_due_runs(world.store, actor=BEAT)
    for run_id in runs:
        plan_run(world.store, run_id, actor=BEAT)
    return runs


def dates(world: World) -> list[str | None]:
    return [body.get("scheduledDate") for body in world.gateway.received]


def test_a_run_is_handed_over_ahead_of_its_time(world: World) -> None:
    armed(world)

    (run_id,) = opened(world)
    world.serve()

    assert dates(world) == ["2026-03-02T18:00:00.000Z"] * 3
    assert world.run(run_id)["state"] == "finished"
    assert world.run(run_id)["scheduled_for"] == TODAY.isoformat()


def test_the_next_one_is_handed_over_a_day_ahead_and_not_before_the_one_before_it(world: World) -> None:
    armed(world, Timing(cron="0 18 * * MON,WED", zone="UTC", handoff=True))
    opened(world)
    world.serve()

    world.clock.now = TODAY + timedelta(days=1) - timedelta(seconds=1)
    assert opened(world) == []
    world.clock.advance(1)
    (run_id,) = opened(world)
    assert world.run(run_id)["scheduled_for"] == (TODAY + timedelta(days=2)).isoformat()

    armed_hourly = Timing(cron="0 * * * *", zone="UTC", handoff=True)
    add_account(world.store, "acct_two", upstream=UPSTREAM, team=TEAM, actor=ANNA)
    campaign_id = world.campaign(timing=armed_hourly, account_id="acct_two")
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    now = world.clock.now  # on the hour
    (first,) = opened(world)
    assert world.run(first)["scheduled_for"] == (now + timedelta(hours=1)).isoformat()
    world.serve("acct_two")
    assert opened(world) == []
    world.clock.advance(3600)
    (second,) = [run for run in opened(world) if world.run(run)["campaign_id"] == campaign_id]
    assert world.run(second)["scheduled_for"] == (now + timedelta(hours=2)).isoformat()


def test_what_is_too_late_to_be_handed_over_is_sent_by_us_at_its_time(world: World) -> None:
    world.clock.now = TODAY - timedelta(minutes=9)
    armed(world)
    (run_id,) = opened(world)

    world.serve()
    assert world.gateway.received == []
    assert world.run(run_id)["state"] == "planned"

    world.clock.now = TODAY - timedelta(seconds=1)
    world.serve()
    assert world.gateway.received == []
    world.clock.advance(1)
    world.serve()
    assert dates(world) == [None] * 3
    assert world.run(run_id)["accepted"] == 5


def test_a_run_that_is_held_over_its_time_is_never_handed_over_late(world: World) -> None:
    armed(world)
    (run_id,) = opened(world)
    world.serve(turns=1)
    world.clock.now = TODAY + timedelta(minutes=1)
    world.serve()

    assert dates(world) == ["2026-03-02T18:00:00.000Z", None, None]
    assert world.run(run_id)["accepted"] == 5


def test_hours_are_those_of_its_time_and_not_of_the_hand_over(world: World) -> None:
    armed(world, Timing(cron="0 18 * * *", zone="UTC", handoff=True, hours="17:00-19:00"))
    (run_id,) = opened(world)

    world.serve()

    assert dates(world) == ["2026-03-02T18:00:00.000Z"] * 3
    assert world.run(run_id)["state"] == "finished"


def test_a_run_whose_time_falls_out_of_its_accounts_hours_meanwhile_is_sent_by_us_within_them(world: World) -> None:
    armed(world)
    opened(world)
    with world.store.write() as connection:
        connection.execute(text("UPDATE account SET hours = '20:00-22:00', zone = 'UTC'"))

    world.serve()
    world.clock.now = TODAY
    world.serve()
    assert world.gateway.received == []
    world.clock.now = TODAY + timedelta(hours=2)
    world.serve()
    assert dates(world) == [None] * 3


def test_the_plan_says_who_holds_the_clock(world: World) -> None:
    campaign_id = armed(world)
    told = preview(world.store, campaign_id, LIMITS)
    assert told["clock"] == "vendor"
    assert any("the vendor holds the clock" in warning for warning in told["warnings"])
    assert preview(world.store, world.campaign(), LIMITS)["clock"] == "campaigns"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"timing": Timing(handoff=True)}, "neither cron, every nor at"),
        ({"timing": Timing(cron="0 18 * * *", zone="UTC", handoff=True, over_seconds=60)}, "over cannot be kept"),
        ({"timing": Timing(cron="0 18 * * *", zone="UTC", handoff=True, expires_seconds=60)}, "expires cannot be kept"),
        ({"timing": Timing(cron="0 18 * * *", zone="UTC", handoff=True, overlap="unsend")}, "overlap cannot be kept"),
        (
            {"timing": Timing(cron="0 18 * * *", zone="UTC", handoff=True, hours="09:00-17:00")},
            "would send at 2026-03-02T18:00:00.00:00, outside the hours 09:00-17:00 UTC",
        ),
        ({"timing": DAILY, "message": {"save_for_later": True}}, "save_for_later cannot be combined with handoff"),
        (
            {"timing": DAILY, "audience": None, "message": {"subscribed_within_last_days": 7}},
            "subscribed_within_last_days cannot be combined with handoff",
        ),
    ],
)
def test_what_cannot_be_handed_over_is_not_kept(world: World, changes: dict[str, Any], said: str) -> None:
    world.account()
    with pytest.raises(UsageError, match=said):
        world.campaign(**changes)


def test_a_lost_answer_is_found_by_the_scheduled_date_alone(world: World) -> None:
    armed(world, users=[1, 2])
    (run_id,) = opened(world)
    world.gateway.script = [UNKNOWN]
    world.gateway.listed = [
        QueueItem("1", world.clock.now - timedelta(hours=1)),
        QueueItem("2", world.clock.now),  # somebody else's, which says the same at the moment of our hand-over
        QueueItem("3", TODAY),
    ]
    world.gateway.contents = {each: ItemContent(each, "Hello", True, 0) for each in ("1", "2", "3")}

    world.serve_out()

    (batch,) = world.batches(run_id)
    assert (batch["state"], batch["message_id"]) == ("accepted", "3")


def test_a_lost_answer_of_what_we_sent_at_its_time_is_found_by_that(world: World) -> None:
    world.clock.now = TODAY - timedelta(minutes=5)
    armed(world, users=[1, 2])
    (run_id,) = opened(world)
    world.clock.now = TODAY + timedelta(minutes=10)
    world.gateway.script = [UNKNOWN]
    world.gateway.listed = [
        QueueItem("1", world.clock.now - timedelta(hours=1)),
        QueueItem("2", TODAY),
        QueueItem("3", world.clock.now),
    ]
    world.gateway.contents = {each: ItemContent(each, "Hello", True, 0) for each in ("1", "2", "3")}

    world.serve_out()

    (batch,) = world.batches(run_id)
    assert (batch["state"], batch["message_id"]) == ("accepted", "3")


def test_a_rerun_ahead_of_the_time_is_handed_over_too_and_sent_at_once_after_it(world: World) -> None:
    armed(world, users=[1])
    world.gateway.script = [REJECTED]
    (early,) = opened(world)
    world.serve()
    rerun(world.store, early, upstream=UPSTREAM, reason="again", actor=ANNA)
    world.serve()
    assert dates(world)[-1] == "2026-03-02T18:00:00.000Z"

    world.clock.now = TODAY
    world.gateway.script = [REJECTED]
    (late,) = opened(world)
    world.serve()
    world.clock.now = TOMORROW + timedelta(minutes=1)
    rerun(world.store, late, upstream=UPSTREAM, reason="again", actor=ANNA)
    world.serve()
    assert dates(world)[-2:] == ["2026-03-03T18:00:00.000Z", None]


def test_a_launch_by_hand_is_sent_at_once(world: World) -> None:
    campaign_id = armed(world)
    world.launch(campaign_id, at_once=True)
    world.serve()
    assert dates(world) == [None] * 3
