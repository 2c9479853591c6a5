"""What an operator does again after a restore is held, when the same may have been done and sent before it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from campaigns.domain.schedules.timing import Timing
from campaigns.flow.accounts.release import release_account
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.runs.pause_resume_cancel import resume_run
from campaigns.flow.runs.rerun import RerunAnswer, rerun
from campaigns.store.backup.restored import MAY_HAVE_BEEN_SENT
from campaigns.store.views.run_lines import runs as runs_of
from tests.flow.backup.conftest import Backup
from tests.flow.schedules.timetable import work
from tests.world import ACCOUNT, ANNA, REJECTED, UPSTREAM, World


def holds(world: World, run_id: int) -> list[str]:
    return [hold["kind"] for hold in world.run(run_id)["holds"]]


def released(restored: World) -> None:
    """The account was found to be restored, and an operator let it go on."""
    restored.clock.advance(60)
    restored.serve()
    release_account(restored.store, ACCOUNT, reason="compared", actor=ANNA)


def rerun_of(world: World, run_id: int) -> RerunAnswer:
    return rerun(world.store, run_id, upstream=UPSTREAM, reason="mended", actor=ANNA)


def test_a_rerun_made_again_after_a_restore_reaches_nobody_before_somebody_has_looked(
    world: World, backup: Backup
) -> None:
    world.gateway.script = [REJECTED]
    run_id = world.launched([1, 2])
    world.serve()
    restored = backup()
    rerun_of(world, run_id)
    world.serve()
    sent = world.requests_by_user()
    released(restored)

    preview = rerun(restored.store, run_id, upstream=UPSTREAM, reason="mended", dry_run=True, actor=ANNA)
    made = rerun_of(restored, run_id)
    child = made.child
    restored.serve()

    assert made.held == preview.held == MAY_HAVE_BEEN_SENT
    assert holds(restored, child) == ["restored"]
    assert world.requests_by_user() == sent
    resume_run(restored.store, child, reason="they do not have it", actor=ANNA)
    restored.serve()
    assert restored.run(child)["state"] == "finished"


def test_a_rerun_of_a_run_made_since_the_restore_goes_on_at_once(world: World, backup: Backup) -> None:
    world.launched([1])
    restored = backup()
    world.serve()
    released(restored)
    restored.clock.advance(60)
    world.gateway.script = [REJECTED]
    later = restored.launched([2])
    restored.serve()

    made = rerun_of(restored, later)

    assert made.held is None
    restored.serve()
    assert world.requests_by_user()[2] == 2


def test_the_first_launch_of_a_campaign_from_before_a_restore_is_held_and_no_later_one(
    world: World, backup: Backup
) -> None:
    world.launched([9])
    campaign_id = world.campaign([1, 2])
    restored = backup()
    world.launch(campaign_id)
    world.serve()
    sent = world.requests_by_user()
    released(restored)
    restored.clock.advance(60)

    first = launch(restored.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    restored.serve()

    assert first.run_id is not None
    assert first.held == MAY_HAVE_BEEN_SENT
    assert holds(restored, first.run_id) == ["restored"]
    assert world.requests_by_user() == sent
    cancel_run(restored.store, first.run_id, reason="they have it", actor=ANNA)
    restored.clock.advance(60)
    again = launch(restored.store, campaign_id, upstream=UPSTREAM, again_reason="news", actor=ANNA)
    restored.serve()
    assert (again.held, world.requests_by_user()[1]) == (None, 2)


def test_a_campaign_made_since_the_restore_is_launched_as_ever(world: World, backup: Backup) -> None:
    world.launched([1])
    restored = backup()
    world.serve()
    released(restored)
    restored.clock.advance(60)

    launched = launch(restored.store, restored.campaign([2]), upstream=UPSTREAM, actor=ANNA)
    restored.serve()

    assert launched.held is None
    assert world.requests_by_user()[2] == 1


def test_without_a_restore_nothing_is_held(world: World) -> None:
    world.gateway.script = [REJECTED]
    run_id = world.launched([1])
    world.serve()

    assert rerun_of(world, run_id).held is None


@pytest.mark.parametrize("handoff", [True, False])
def test_the_first_run_of_a_schedule_launched_again_is_held(world: World, backup: Backup, *, handoff: bool) -> None:
    """The vendor may hold it already, and would send it beside ours; or an edit that is lost had it sent sooner."""
    world.launched([9])
    timing = Timing(cron="0 18 * * *", zone="UTC", handoff=handoff)
    campaign_id = world.campaign([1, 2], timing=timing)
    restored = backup()
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    work(world)
    released(restored)
    restored.clock.advance(60)

    launch(restored.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    if not handoff:
        restored.clock.now = restored.clock.now.replace(hour=18, minute=0) + timedelta(seconds=5)
    work(restored)

    (run_id,) = scheduled(restored)
    assert holds(restored, run_id) == ["restored"]


@pytest.mark.parametrize("look", [resume_run, cancel_run])
def test_a_daily_schedule_is_held_once_after_a_restore_until_somebody_has_looked(
    world: World, backup: Backup, look: Callable[..., object]
) -> None:
    world.launched([9])
    campaign_id = world.campaign([1, 2], timing=Timing(cron="0 18 * * *", zone="UTC", overlap="cancel"))
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    restored = backup()
    world.serve()
    released(restored)

    for _ in range(2):
        next_evening(restored)
    assert [holds(restored, run_id) for run_id in scheduled(restored)] == [["restored"]] * 2, "nobody has looked"
    look(restored.store, max(scheduled(restored)), reason="looked", actor=ANNA)
    next_evening(restored)

    assert holds(restored, max(scheduled(restored))) == []
    assert restored.run(max(scheduled(restored)))["state"] == "finished"


def next_evening(world: World) -> None:
    world.clock.now = world.clock.now.replace(hour=18, minute=0, second=5) + timedelta(days=world.clock.now.hour // 18)
    for _ in range(3):
        work(world)


def scheduled(world: World) -> list[int]:
    with world.store.read() as connection:
        return [line.id for line in runs_of(connection) if line.kind == "schedule"]
