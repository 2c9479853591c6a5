"""Campaigns with a schedule, and what became of their occurrences, for tests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from campaigns.as_json import plain
from campaigns.domain.schedules.timing import Timing
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.lanes.tick import tick
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.schedules.due import open_due_runs
from campaigns.store.views import campaigns as campaign_views
from campaigns.store.views.run_lines import RunFilter
from campaigns.store.views.run_lines import runs as runs_of
from tests.world import ANNA, UPSTREAM, World

BEAT = "worker:beat"
HOURLY = "0 * * * *"
MINUTE, HOUR, DAY = 60, 3600, 86_400


def written(world: World, cron: str = HOURLY, **timing: Any) -> int:
    """A campaign with a schedule, not armed yet, on an account that is added when there is none."""
    with world.store.read() as connection:
        known = connection.scalar(text("SELECT count(*) FROM account"))
    if not known:
        world.account()
    return world.campaign(timing=Timing(cron=cron, zone="UTC", **timing))


def armed(world: World, cron: str = HOURLY, **timing: Any) -> int:
    """A campaign with a schedule that is armed."""
    campaign_id = written(world, cron, **timing)
    told = launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    assert (told.run_id, told.state) == (None, "scheduled")
    return campaign_id


def look(world: World) -> list[int]:
    """One look of a beat; answers the runs that it opened to send."""
    return open_due_runs(world.store, actor=BEAT)


def work(world: World) -> list[int]:
    """One tick with all that it asks for; answers the runs that were planned."""
    plans = tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor=BEAT).plans
    planned = [run_id for run_id in plans if plan_run(world.store, run_id, actor=BEAT)]
    world.serve()
    return planned


def runs(world: World, campaign_id: int) -> list[dict[str, Any]]:
    """The runs of a campaign, by the time of their occurrence; those by hand come first."""
    with world.store.read() as connection:
        found = [plain(line) for line in runs_of(connection, RunFilter(campaign_id=campaign_id))]
    return sorted(found, key=lambda run: (run["scheduled_for"] or "", run["id"]))


def states(world: World, campaign_id: int) -> dict[str, str]:
    """The state of each occurrence, by the time of day in UTC."""
    return {
        f"{datetime.fromisoformat(run['scheduled_for']):%H:%M}": run["state"]
        for run in runs(world, campaign_id)
        if run["scheduled_for"]
    }


def campaign(world: World, campaign_id: int) -> dict[str, Any]:
    """What `show` answers."""
    with world.store.read() as connection:
        view: dict[str, Any] = plain(campaign_views.campaign_of(connection, campaign_id))
    return view


def put_forward(world: World, hours: float = 0, minutes: float = 0, seconds: float = 0) -> datetime:
    """Let that much time pass without anybody looking."""
    return world.clock.advance(timedelta(hours=hours, minutes=minutes, seconds=seconds).total_seconds())
