"""Campaigns whose runs are handed over to the vendor, for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from campaigns.as_json import plain
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.upstream.queue_items import ItemContent
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.lanes.tick import tick
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.schedules.due import open_due_runs
from campaigns.store.views.events import events
from tests.world import ANNA, UPSTREAM, World

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


def shows(world: World, message_id: str, date: datetime | None = TODAY, **more: Any) -> None:
    world.gateway.contents[message_id] = ItemContent(message_id, "Hello", True, 0, date, **more)


def watched(world: World, run_id: int) -> list[dict[str, Any]]:
    for account_id in tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor=BEAT).lanes:
        world.serve(account_id)
    with world.store.read() as connection:
        return [plain(event) for event in events(connection, run_id) if event.kind == "handover_seen"]
