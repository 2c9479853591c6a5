"""Two at once about time: an operator's new hours, an expiry, a send, and a plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from campaigns.domain.schedules.timing import Timing
from campaigns.flow.accounts.accounts import set_account
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.lanes.tick import tick
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.runs.expire import expire_runs
from campaigns.flow.sending.send import send_one
from campaigns.store.database.engine import Store
from campaigns.store.sending.identity import permit_key
from campaigns.store.sending.lanes import claim_lane
from tests.invariants import hold_the_law, nobody_lost
from tests.store.interleave import Doing, overlapping, together
from tests.world import ACCOUNT, ANNA, UPSTREAM, World

BEAT = "worker:beat"
AN_HOUR = Timing(expires_seconds=3600)


def _next_send(world: World) -> Doing:
    sender = world.sender()
    with world.store.write() as connection:
        lease = timedelta(seconds=6)
        claim = claim_lane(connection, ACCOUNT, owner=sender.owner, name=ACCOUNT, now=world.clock.now, lease=lease)
    assert claim is not None
    world.pacer.acquire(permit_key(claim.name, claim.fence + 1, claim.incarnation), ACCOUNT, hold_seconds=6)
    return lambda store: send_one(replace(sender, store=store), claim, 0)


def _expire(store: Store) -> list[int]:
    return expire_runs(store, actor=BEAT)


def _close(store: Store) -> None:
    set_account(store, ACCOUNT, hours="03:00-04:00", zone="UTC", actor=ANNA)


def test_hours_committed_before_an_attempt_stop_it(world: World) -> None:
    run_id = world.launched()

    _, step = overlapping(world.store, _close, _next_send(world))

    assert not step.sent
    assert world.gateway.received == []
    assert world.run(run_id)["resumes_at"] is not None


def test_two_sweeps_at_once_expire_a_run_once(world: World) -> None:
    run_id = world.launched(timing=AN_HOUR)
    world.clock.advance(3600)

    first, second = overlapping(world.store, _expire, _expire)

    assert (first, second) == ([run_id], [])
    assert world.events().count("run_expired") == 1
    nobody_lost(world, run_id)


def test_a_plan_and_an_expiry_at_once_leave_nothing_to_send(world: World) -> None:
    world.account()
    starts_at = world.clock.now + timedelta(seconds=1)
    launch(world.store, world.campaign(timing=AN_HOUR, starts_at=starts_at), upstream=UPSTREAM, actor=ANNA)
    world.clock.advance(60)
    (run_id,) = tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor=BEAT).plans
    world.clock.advance(3600)

    together(lambda: plan_run(world.store, run_id, actor=BEAT), lambda: _expire(world.store))
    _expire(world.store)

    assert world.run(run_id)["state"] in {"skipped", "finished"}
    assert world.serve() == 0
    hold_the_law(world, [run_id])
