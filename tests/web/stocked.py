"""A store with rows of every kind, for tests that ask every route."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from pyroaring import BitMap64

from campaigns.domain.schedules.timing import Timing
from campaigns.flow.accounts.stop import stop
from campaigns.flow.audience.suppress import suppress
from campaigns.flow.campaigns.archive import archive_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.recall.recall import recall_run
from campaigns.flow.runs.pause_resume_cancel import pause_run
from campaigns.flow.runs.rerun import rerun
from campaigns.flow.schedules.pause_resume_skip import pause_schedule, skip_next
from tests.world import ACCOUNT, ANNA, NO_CREDITS, REJECTED, UNKNOWN, UPSTREAM, World, accepted

WEEKLY = Timing(cron="0 18 * * 5", zone="Europe/Berlin", hours="09:00-22:00", max_runs=50)


def stock(world: World) -> None:
    """Campaigns and runs in many states, on two accounts, one of them stopped."""
    world.account()
    world.account("acct_two")
    suppress(world.store, BitMap64([3]), account_id=None, reason="asked", actor=ANNA)
    suppress(world.store, BitMap64([4]), account_id=ACCOUNT, reason="asked here", actor=ANNA)
    world.gateway.script = [accepted("900"), REJECTED]
    sent = world.launch(world.campaign(users=range(1, 9), message={"price": Decimal(5), "media_files": ("71",)}))
    world.serve()
    rerun(world.store, sent, upstream=UPSTREAM, reason="again", actor=ANNA)
    recalled = world.launch(world.campaign(users=[21, 22]))
    world.serve()
    recall_run(world.store, recalled, reason="a wrong price", actor=ANNA)
    world.gateway.script = [UNKNOWN]
    world.launch(world.campaign(users=[31, 32]))
    world.serve(turns=1)
    world.launch(world.campaign(message={"user_lists": ("5",)}, accept_suppressed=True))
    pause_run(world.store, world.launch(world.campaign()), reason="later", actor=ANNA)
    archive_campaign(
        world.store, world.campaign(name="\u202e<script>alert(1)</script>".replace("\u202e", "")), actor=ANNA
    )
    for name in ("Weekly", "Paused"):
        scheduled = world.campaign(name=name, zone="Europe/Berlin", timing=WEEKLY)
        launch(world.store, scheduled, upstream=UPSTREAM, actor=ANNA)
        skip_next(world.store, scheduled, reason="a holiday", actor=ANNA)
    pause_schedule(world.store, scheduled, reason="a holiday", actor=ANNA)
    once = world.campaign(starts_at=world.clock.now + timedelta(days=3), zone="UTC")
    launch(world.store, once, upstream=UPSTREAM, actor=ANNA)
    contents = ({"text": "One"}, {"text": "Two %name%"})
    world.campaign(contents=contents, as_written=True, account_id="acct_two", message={"text": "Hi"})
    stop(world.store, "acct_two", upstream=UPSTREAM, reason="a check", actor=ANNA)
    world.gateway.script = [NO_CREDITS]
