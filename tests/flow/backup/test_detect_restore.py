"""A database that was restored from a backup is recognised before its lane sends anything again."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from campaigns.adapters.redis.fence_book import KeptFences
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem
from campaigns.flow.accounts.release import release_account
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.lanes.tick import tick
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.reconcile.decide import decide
from campaigns.flow.runs.pause_resume_cancel import resume_run
from campaigns.flow.schedules.backfill import backfill
from campaigns.flow.schedules.gaps import Period
from campaigns.flow.schedules.pause_resume_skip import pause_schedule, resume_schedule
from campaigns.store.reconcile.searches import look_again
from tests.flow.backup.conftest import Backup
from tests.flow.backup.hosts import held
from tests.flow.schedules.timetable import armed, runs, states, work
from tests.one_database import on_both
from tests.world import ACCOUNT, ANNA, UNKNOWN, UPSTREAM, World

pytestmark = on_both

_numbers = itertools.count(1)


def test_a_copy_taken_ten_batches_earlier_messages_nobody_twice(world: World, backup: Backup) -> None:
    run_id = world.launched(range(1, 31))
    world.serve(turns=3)
    restored = backup()
    world.serve(turns=10)
    assert len(world.gateway.received) == 13
    restored.clock.advance(3600)

    restored.serve()
    restored.serve(owner="worker:two")

    assert len(world.gateway.received) == 13, "nothing went out"
    assert restored.states(run_id) == ["accepted"] * 3 + ["unknown"] * 12
    assert "restored from a backup" in restored.batches(run_id)[3]["error"]
    assert restored.run(run_id)["state"] == "finished_with_failures"
    assert held(restored) == ["restored"]
    assert "suppressions made since are lost" in restored.run(run_id)["holds"][0]["reason"]
    assert restored.events().count("database_restored") == 1
    assert restored.events().count("ready_doubted") == 1
    restored.prove()


def test_nothing_goes_out_before_the_account_is_released(world: World, backup: Backup) -> None:
    run_id = world.launched(range(1, 9))
    restored = backup()
    world.serve(turns=2)
    restored.serve()
    restored.clock.advance(1)
    later = restored.launch(restored.campaign([99]))

    restored.serve()
    assert restored.states(later) == ["ready"]

    decide(restored.store, run_id, seqs=[1, 2], verdict="accepted", reason="seen at the vendor", actor=ANNA)
    decide(restored.store, run_id, seqs=[3, 4], verdict="resend", reason="not at the vendor", actor=ANNA)
    restored.serve()
    assert 99 not in world.requests_by_user()
    release_account(restored.store, ACCOUNT, reason="compared with the vendor", actor=ANNA)
    restored.serve()

    assert world.requests_by_user() == dict.fromkeys([*range(1, 9), 99], 1)
    assert restored.states(run_id) == ["accepted"] * 4
    assert restored.run(run_id)["state"] == "finished"
    restored.prove()


def test_the_fences_go_on_where_they_were(world: World, backup: Backup) -> None:
    """A fence means one request: were it used again, a late answer could settle another's batch."""
    world.launched(range(1, 9))
    restored = backup()
    world.serve()
    (before,) = world.fences.noted.values()
    restored.serve()
    release_account(restored.store, ACCOUNT, reason="compared", actor=ANNA)
    restored.launch(restored.campaign([99]))

    restored.serve()

    (after,) = world.fences.noted.values()
    assert after > before


def test_a_copy_after_which_nothing_was_sent_goes_on(world: World, backup: Backup) -> None:
    run_id = world.launched(range(1, 9))
    world.serve(turns=2)
    restored = backup()

    restored.serve()

    assert restored.states(run_id) == ["accepted"] * 4
    assert held(restored) == []


def test_another_database_with_an_account_of_the_same_name_is_a_first_start(world: World) -> None:
    world.fences.noted[f"{ACCOUNT}@20200101T000000.000000"] = 1000
    run_id = world.launched([1])

    world.serve()

    assert world.states(run_id) == ["accepted"]


def test_a_batch_in_flight_at_the_backup_is_unknown_too(world: World, backup: Backup) -> None:
    copies = []
    run_id = world.launched(range(1, 9))
    world.gateway.script = [lambda: copies.append(backup()) or UNKNOWN]  # type: ignore[func-returns-value]
    world.serve(turns=1)
    (restored,) = copies
    world.clock.advance(60)
    world.serve_out()
    assert len(world.gateway.received) == 4

    restored.serve_out()

    assert restored.states(run_id) == ["unknown"] * 4
    assert len(world.gateway.received) == 4


def test_what_was_due_or_armed_at_the_backup_is_held_too(world: World, backup: Backup) -> None:
    world.launched([1, 2])
    for at in (1, 2):
        campaign = world.campaign([10 + at], starts_at=world.clock.now + timedelta(hours=at))
        launch(world.store, campaign, upstream=UPSTREAM, actor=ANNA)
    world.clock.advance(3600)
    tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor="worker:beat")
    restored = backup()
    for _ in range(2):
        for run in tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor="worker:beat").plans:
            plan_run(world.store, run, actor="worker:one")
        world.clock.advance(3600)
    world.serve()
    sent = world.requests_by_user()

    restored.serve()
    release_account(restored.store, ACCOUNT, reason="compared", actor=ANNA)
    for run in tick(restored.store, upstream=UPSTREAM, settle_seconds=1, actor="worker:beat").plans:
        plan_run(restored.store, run, actor="worker:one")
    restored.serve()

    assert sent[11] == 1
    assert world.requests_by_user() == sent, "each may have been sent since the backup"
    for run in (2, 3):
        assert [hold["kind"] for hold in restored.run(run)["holds"]] == ["restored"]
    resume_run(restored.store, 3, reason="it was not", actor=ANNA)
    restored.serve()
    assert restored.run(3)["state"] == "finished"


def test_other_accounts_of_the_copy_go_on_that_sent_nothing_since(world: World, backup: Backup) -> None:
    world.launched(range(1, 9))
    world.account("acct_two")
    other = world.launch(world.campaign([77], account_id="acct_two"))
    restored = backup()
    world.serve()

    restored.serve()
    restored.serve("acct_two")

    assert restored.states(other) == ["accepted"]


def test_an_item_of_the_lost_time_is_named_and_taken_by_nobody(world: World, backup: Backup) -> None:
    """It may be that of another request, which is missing."""
    run_id = world.launched([1, 2])
    world.gateway.listed.append(QueueItem("old", world.clock.now - timedelta(hours=1)))
    restored = backup()
    world.clock.advance(600)
    world.serve()
    world.gateway.listed.append(QueueItem("acct_one-1", world.clock.now))
    world.gateway.contents["acct_one-1"] = ItemContent("acct_one-1", "Hello", is_free=True, sent_count=2)
    world.clock.advance(600)
    restored.serve()

    with restored.store.write() as connection:
        look_again(connection, run_id, now=world.clock.now)
    restored.serve()

    (batch,) = restored.batches(run_id)
    assert (batch["state"], batch["message_id"]) == ("unknown", None)
    assert "item acct_one-1 could be it, and could also be a request that is missing" in batch["error"]


def test_policy_never_resends_what_may_have_been_sent_since_the_backup(world: World, backup: Backup) -> None:
    """Its requests after the backup are in no table, so that the one before it is not listed proves nothing."""
    run_id = world.launched([1, 2, 3], on_unknown="resend")
    world.gateway.listed.append(QueueItem("old", world.clock.now - timedelta(hours=1)))
    world.gateway.script = [UNKNOWN]
    world.serve()
    restored = backup()
    world.serve_out()
    sent = world.requests_by_user()
    assert sent == {1: 2, 2: 2, 3: 1}, "the policy resent it once, before the restore"

    restored.serve_out()
    release_account(restored.store, ACCOUNT, reason="compared", actor=ANNA)
    restored.serve_out()

    assert restored.states(run_id) == ["unknown", "unknown"]
    assert world.requests_by_user() == sent


def test_the_fence_is_noted_before_a_byte_leaves(world: World) -> None:
    noted = []
    world.launched([1])
    world.gateway.script = [lambda: noted.append(dict(world.fences.noted)) or UNKNOWN]  # type: ignore[func-returns-value]

    world.serve()

    assert list(noted[0].values()) == [2], "one for the claim, one for the attempt"


def test_without_the_book_no_lane_is_claimed(world: World) -> None:
    run_id = world.launched([1])
    world.fences.away = True

    assert world.serve() == 0
    assert world.run(run_id)["lane"]["waits_for"] == "the fence book"

    world.fences.away = False
    world.clock.advance(5)
    world.serve()
    assert world.states(run_id) == ["accepted"]


def test_a_fence_that_cannot_be_noted_stops_the_request_before_a_byte_leaves(world: World) -> None:
    run_id = world.launched([1])
    sender = world.sender()

    def go_away() -> bool:
        world.fences.away = True
        return True

    serve_lane(sender, ACCOUNT, go_away)

    assert world.gateway.received == []
    assert world.states(run_id) == ["ready"]
    (attempt,) = world.attempts(run_id)
    assert attempt["outcome"] == "not_sent"
    assert world.run(run_id)["lane"]["waits_for"] == "the fence book"
    world.fences.away = False
    world.clock.advance(60)
    world.serve()
    assert world.requests_by_user() == {1: 1}


def test_the_book_of_real_parts_recognises_it(world: World, backup: Backup, redis_url: str, tmp_path: Path) -> None:
    book = KeptFences(redis_url, tmp_path)
    account_id = world.account(f"acct_{os.getpid()}_{next(_numbers)}")
    run_id = world.launch(world.campaign(range(1, 9), account_id=account_id))
    restored = backup()
    serve_lane(replace(world.sender(), fences=book), account_id, lambda: True)

    serve_lane(replace(restored.sender(), fences=book), account_id, lambda: True)

    book.close()
    assert restored.states(run_id) == ["unknown"] * 4
    assert held(restored, account_id) == ["restored"]
    assert len(world.gateway.received) == 4


def test_an_occurrence_that_a_copy_takes_for_missed_is_held_when_it_is_backfilled(world: World, backup: Backup) -> None:
    noon, campaign_id = world.clock.now, armed(world)  # hourly, from one o'clock on
    world.clock.advance(3600)
    work(world)
    restored = backup()
    world.clock.advance(3600)
    work(world)
    sent = world.requests_by_user()
    world.clock.advance(2 * 3600 + 60)
    work(restored)
    release_account(restored.store, ACCOUNT, reason="compared", actor=ANNA)

    period = Period(noon + timedelta(minutes=30), noon + timedelta(hours=3))
    told = backfill(restored.store, campaign_id, period, upstream=UPSTREAM, reason="missed", actor=ANNA)
    for _ in range(5):
        work(restored)
        world.clock.advance(60)

    assert states(restored, campaign_id)["14:00"] == "planned"
    for line in told.runs:
        assert [hold["kind"] for hold in restored.run(line.run_id or 0)["holds"]] == ["restored"]
    assert world.requests_by_user() == sent, "two o'clock was sent after the backup"
    resume_run(restored.store, told.runs[0].run_id or 0, reason="they did not get it", actor=ANNA)
    restored.serve()
    assert states(restored, campaign_id)["14:00"] == "finished"


def test_what_came_due_after_a_restore_is_backfilled_as_ever(world: World, backup: Backup) -> None:
    campaign_id = armed(world)
    restored = backup()
    world.clock.advance(3600)
    work(world)
    work(restored)
    release_account(restored.store, ACCOUNT, reason="compared", actor=ANNA)
    world.clock.advance(3600)
    work(restored)
    resume_run(restored.store, runs(restored, campaign_id)[-1]["id"], reason="it was not sent", actor=ANNA)
    work(restored)
    pause_schedule(restored.store, campaign_id, reason="a mourning", actor=ANNA)
    world.clock.advance(3660)
    work(restored)

    now = world.clock.now
    period = Period(now - timedelta(minutes=30), now)
    told = backfill(restored.store, campaign_id, period, upstream=UPSTREAM, reason="it is over", actor=ANNA)

    (line,) = told.runs
    assert [hold["kind"] for hold in restored.run(line.run_id or 0)["holds"]] == []


def test_a_backfill_of_an_old_occurrence_is_held_since_it_may_have_been_backfilled_before(
    world: World, backup: Backup
) -> None:
    """The occurrence is older than all that was sent; what is lost is the backfill."""
    noon, campaign_id = world.clock.now, armed(world)
    pause_schedule(world.store, campaign_id, reason="a mourning", actor=ANNA)
    world.clock.advance(3660)
    work(world)
    resume_schedule(world.store, campaign_id, reason="it is over", actor=ANNA)
    world.clock.advance(3600)
    work(world)
    restored = backup()
    period = Period(noon + timedelta(minutes=30), noon + timedelta(minutes=90))
    backfill(world.store, campaign_id, period, upstream=UPSTREAM, reason="missed", actor=ANNA)
    work(world)
    sent = world.requests_by_user()
    world.clock.advance(60)
    work(restored)
    release_account(restored.store, ACCOUNT, reason="compared", actor=ANNA)

    (line,) = backfill(restored.store, campaign_id, period, upstream=UPSTREAM, reason="missed", actor=ANNA).runs
    work(restored)

    assert [hold["kind"] for hold in restored.run(line.run_id or 0)["holds"]] == ["restored"]
    assert world.requests_by_user() == sent
