"""Two at once: whoever comes first, and however badly the second one's moment is chosen, the law holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pyroaring import BitMap64
from sqlalchemy import text

from campaigns.domain.errors import NotAllowed
from campaigns.domain.states import BatchState
from campaigns.domain.upstream.outcome import Outcome
from campaigns.flow.audience.suppress import suppress, unsuppress
from campaigns.flow.campaigns.archive import archive_campaign
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.lanes.tick import tick
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.reconcile.abandoned import expire_attempts
from campaigns.flow.reconcile.decide import decide
from campaigns.flow.runs.pause_resume_cancel import pause_run
from campaigns.flow.runs.rerun import rerun
from campaigns.flow.schedules.due import open_due_runs
from campaigns.flow.sending.record import record_outcome
from campaigns.flow.sending.send import send_one
from campaigns.store.database.engine import Store
from campaigns.store.runs.runs import books, find_run
from campaigns.store.sending.attempts import OpenAttempt, expired_attempts
from campaigns.store.sending.identity import permit_key
from campaigns.store.sending.lanes import claim_lane, lock_lanes
from tests.invariants import hold_the_law, nobody_lost, vendor_of
from tests.store.interleave import Doing, overlapping, together
from tests.world import ACCOUNT, ANNA, LIMITS, REJECTED, THROTTLED, UNKNOWN, UPSTREAM, World, accepted

BEN = "operator:ben"
BEAT = "worker:beat"


def test_two_beats_open_one_run_for_one_occurrence(world: World) -> None:
    world.account()
    starts_at = world.clock.now + timedelta(hours=1)
    campaign_id = world.campaign(starts_at=starts_at)
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    world.clock.advance(3600)

    def look(store: Store) -> list[int]:
        return open_due_runs(store, actor=BEAT)

    first, second = overlapping(world.store, look, look)

    assert len(first) == 1
    assert second == []
    assert _count(world, "run") == 1


def test_a_look_sees_one_moment_however_long_it_takes(world: World) -> None:
    """Else `audit verify` would find faults in every run that is being sent."""
    run_id = world.launched()
    with world.store.read() as connection:
        before = books(connection, run_id)
        world.serve()
        assert books(connection, run_id) == before
        assert find_run(connection, run_id).state == "planned"
    assert world.run(run_id)["accepted"] == 5


def test_ten_beats_at_once_open_one_run_and_plan_it_once(world: World) -> None:
    world.account()
    campaign_id = world.campaign(starts_at=world.clock.now + timedelta(hours=1))
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    world.clock.advance(3600)

    def beat() -> None:
        for run_id in tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor=BEAT).plans:
            plan_run(world.store, run_id, actor=BEAT)

    assert together(*[beat] * 10) == [None] * 10
    world.clock.advance(120)  # a plan that was asked for is asked for again only later
    beat()

    assert _count(world, "run") == 1
    assert _count(world, "batch") == 3
    assert world.events().count("run_planned") == 1


def test_two_workers_claim_one_lane_and_one_of_them_sends(world: World) -> None:
    run_id = world.launched(range(1, 41))
    senders = [world.sender(f"worker:{number}") for number in range(4)]

    requests = together(*[lambda sender=sender: serve_lane(sender, ACCOUNT, lambda: True) for sender in senders])

    assert sum(requests) == 20
    assert set(vendor_of(world).times_reached().values()) == {1}
    assert world.run(run_id)["state"] == "finished"
    hold_the_law(world, [run_id])


def test_a_second_worker_finds_the_lane_taken(world: World) -> None:
    run_id = world.launched()
    found: list[int] = []

    def meanwhile() -> Any:
        found.append(world.serve(owner="worker:two"))
        return accepted("m1")

    world.gateway.script = [meanwhile]
    world.serve(owner="worker:one")

    assert found == [0]
    hold_the_law(world, [run_id])


def test_two_operators_who_rerun_the_same_batches_open_one_run(world: World) -> None:
    run_id = _one_rejected(world)

    def again(store: Store) -> Any:
        return rerun(store, run_id, upstream=UPSTREAM, reason="once more", actor=ANNA)

    first, second = overlapping(world.store, again, again)

    assert first.recipients == 2
    assert isinstance(second, NotAllowed)
    world.serve()
    hold_the_law(world, [run_id, first.run_id])


def test_a_pause_committed_before_an_attempt_stops_it(world: World) -> None:
    run_id = world.launched()

    overlapping(world.store, _pause(run_id), _next_send(world))

    assert vendor_of(world).received == []
    assert world.states(run_id) == ["ready"] * 3


def test_a_suppression_committed_before_an_attempt_is_left_out_of_it(world: World) -> None:
    run_id = world.launched([1, 2, 3, 4])

    overlapping(world.store, _suppress([2, 3, 4]), _next_send(world))

    assert vendor_of(world).times_reached() == {1: 1}
    hold_the_law(world, [run_id])


def test_a_cancel_committed_before_an_attempt_stops_it(world: World) -> None:
    run_id = world.launched()

    overlapping(world.store, _cancel(run_id), _next_send(world))

    assert vendor_of(world).received == []
    assert world.run(run_id)["state"] == "cancelled"


@pytest.mark.parametrize("answer", [accepted("m1"), UNKNOWN, REJECTED, THROTTLED])
def test_a_cancel_and_the_last_settlement_end_the_run_whichever_is_first(world: World, answer: Any) -> None:
    """It never stays `cancelling` with nothing in flight."""
    first, second = world.launched([1]), world.launch(world.campaign([2]))

    settled, cancelled = overlapping(world.store, _settle(_in_flight(world), answer), _cancel(first))
    if answer is THROTTLED:
        assert cancelled.state == "cancelled"
    elif answer is UNKNOWN:
        assert cancelled.state == "cancelling", "it is still being looked for"
    else:
        assert isinstance(cancelled, NotAllowed), "it had ended when the cancel got its turn"
    _end_searches(world)
    cancelled, settled = overlapping(world.store, _cancel(second), _settle(_in_flight(world), _other(answer)))
    _end_searches(world)

    assert cancelled.state == "cancelling"
    assert settled.state in set(BatchState)
    assert world.run(first)["state"] in {"finished", "finished_with_failures", "cancelled"}
    assert world.run(second)["state"] == "cancelled"
    nobody_lost(world, first)
    nobody_lost(world, second)


def test_a_late_answer_after_the_sweep_moves_nothing_and_is_kept(world: World) -> None:
    run_id = world.launched([1])

    def late() -> Any:
        world.clock.advance(LIMITS.lease_seconds + 1)
        assert expire_attempts(world.store, settle_seconds=1, actor=BEAT) == 1
        return accepted("m1")

    world.gateway.script = [late]
    world.serve()

    assert world.states(run_id) == ["unknown"]
    assert [one["outcome"] for one in world.attempts(run_id)] == ["unknown"]
    assert "answer_came_late" in world.events()
    hold_the_law(world, [run_id])


def test_the_sweep_and_a_late_answer_at_once_settle_an_attempt_once(world: World) -> None:
    first, second = world.launched([1]), world.launch(world.campaign([2]))
    opened = _in_flight(world)
    world.clock.advance(LIMITS.lease_seconds + 1)

    assert overlapping(world.store, _sweep, _settle(opened, accepted("m1")))[0] == 1
    assert world.states(first) == ["unknown"]
    _end_searches(world)
    assert world.states(first) == ["accepted"], "the next look believes the late answer"
    opened = _in_flight(world)
    world.clock.advance(LIMITS.lease_seconds + 1)
    assert overlapping(world.store, _settle(opened, accepted("m2")), _sweep)[1] == 0

    assert world.states(second) == ["accepted"]
    assert world.events().count("attempt_abandoned") == world.events().count("answer_came_late") == 1
    hold_the_law(world, [first])
    hold_the_law(world, [second])


def test_two_sweeps_at_once_settle_an_attempt_once(world: World) -> None:
    run_id = world.launched([1])

    def both() -> Any:
        world.clock.advance(LIMITS.lease_seconds + 1)
        assert overlapping(world.store, _sweep, _sweep) == (1, 0)
        return accepted("m1")

    world.gateway.script = [both]
    world.serve()

    assert world.states(run_id) == ["unknown"]
    assert world.events().count("attempt_abandoned") == 1


def test_two_launches_at_once_open_one_run(world: World) -> None:
    world.account()
    campaign_id = world.campaign()

    def start(store: Store) -> Any:
        return launch(store, campaign_id, upstream=UPSTREAM, actor=ANNA)

    first, second = overlapping(world.store, start, start)

    assert first.state == "planned"
    assert isinstance(second, NotAllowed)
    assert _count(world, "run") == 1


def test_a_suppression_between_planning_and_writing_is_planned_in(world: World) -> None:
    world.account()
    campaign_id = world.campaign([1, 2, 3, 4])

    def start(store: Store) -> Any:
        return launch(store, campaign_id, upstream=UPSTREAM, actor=ANNA)

    _, started = overlapping(world.store, _suppress([2]), start)

    assert world.run(started.run_id)["planned"] == 3
    assert world.run(started.run_id)["excluded"] == {"suppressed": 1}


def test_a_resend_decided_while_the_run_is_cancelled_is_refused(world: World) -> None:
    """Nothing of a cancelled run is ever ready again."""
    run_id = world.launched([1, 2, 3])
    world.gateway.script = [UNKNOWN]
    world.serve(turns=1)

    cancelled, decided = overlapping(world.store, _cancel(run_id), _resend(run_id))

    assert cancelled.state == "cancelling", "the unknown is still being looked for"
    assert isinstance(decided, NotAllowed)
    assert world.states(run_id) == ["unknown", "cancelled"]
    hold_the_law(world, [run_id])


def test_a_resend_decided_while_the_run_ends_reopens_it(world: World) -> None:
    run_id = world.launched([1, 2, 3])
    vendor_of(world).script = [UNKNOWN]
    world.serve(turns=1)
    _end_searches(world)

    _, decided = overlapping(world.store, _settle(_in_flight(world), accepted("m1")), _resend(run_id))

    assert decided.state == "sending"
    world.clock.advance(LIMITS.lease_seconds + 1)
    world.serve()
    assert world.run(run_id)["state"] == "finished"


def test_a_pause_of_a_run_that_ends_meanwhile_is_refused(world: World) -> None:
    run_id = world.launched([1])

    _, paused = overlapping(world.store, _settle(_in_flight(world), accepted("m1")), _pause(run_id))

    assert isinstance(paused, NotAllowed)
    assert world.run(run_id)["holds"] == []


def test_two_operators_decide_the_same_unknown_and_one_is_refused(world: World) -> None:
    run_id = world.launched([1])
    world.gateway.script = [UNKNOWN]
    world.serve_out()

    first, second = overlapping(world.store, _resend(run_id), _resend(run_id))

    assert first.state == "sending"
    assert isinstance(second, NotAllowed)
    assert world.events().count("unknown_decided") == 1


def test_two_edits_at_once_never_write_over_each_other(world: World) -> None:
    world.account()
    campaign_id = world.campaign()

    def rename(name: str) -> Any:
        return lambda store: edit_campaign(store, campaign_id, Changes(name=name), actor=ANNA)

    first, second = overlapping(world.store, rename("Friday"), rename("Saturday"))

    assert first.revision == 2
    assert isinstance(second, NotAllowed) or second.revision == 3, "refused, or made of what the first one left"


def test_an_archive_and_a_launch_at_once_never_leave_an_archived_campaign_with_an_open_run(world: World) -> None:
    world.account()
    one, two = world.campaign(), world.campaign()

    def start(campaign_id: int) -> Any:
        return lambda store: launch(store, campaign_id, upstream=UPSTREAM, actor=ANNA)

    def put_away(campaign_id: int) -> Any:
        return lambda store: archive_campaign(store, campaign_id, actor=BEN)

    archived, started = overlapping(world.store, put_away(one), start(one))
    assert archived.state == "archived"
    assert isinstance(started, NotAllowed)
    started, archived = overlapping(world.store, start(two), put_away(two))
    assert started.state == "planned"
    assert isinstance(archived, NotAllowed)


def test_a_tick_and_a_plan_never_wait_for_each_other_in_a_ring(world: World) -> None:
    world.launched()
    run_id = _due(world)

    planned, looked = overlapping(
        world.store,
        _take_lock,
        lambda store: tick(store, upstream=UPSTREAM, settle_seconds=1, actor=BEAT),
        then=lambda store: plan_run(store, run_id, actor=BEAT),
    )

    assert planned is True
    assert looked.lanes in ([], [ACCOUNT]), "a lane that somebody works on is left for the next tick"
    assert tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor=BEAT).lanes == (
        [] if looked.lanes else [ACCOUNT]
    )


def test_two_who_lift_the_same_suppressions_count_them_once(world: World) -> None:
    world.account()
    suppress(world.store, BitMap64([1, 2]), account_id=None, reason="asked to stop", actor=ANNA)

    def lift(store: Store) -> Any:
        return unsuppress(store, BitMap64([1, 2]), account_id=None, reason="came back", actor=ANNA)

    first, second = overlapping(world.store, lift, lift)

    assert (first.removed, second.removed) == (2, 0)


def test_two_suppressions_of_the_same_users_count_them_once(world: World) -> None:
    world.launched()

    first, second = overlapping(world.store, _suppress([1, 2]), _suppress([2, 3]))

    assert (first.added, second.added, second.already) == (2, 1, 1)
    assert _count(world, "suppression") == 3


def _next_send(world: World) -> Doing:
    """The next send of a worker that has the lane and the permit already."""
    sender = world.sender("worker:two")
    with world.store.write() as connection:
        lease = timedelta(seconds=LIMITS.lease_seconds)
        claim = claim_lane(connection, ACCOUNT, owner=sender.owner, name=ACCOUNT, now=world.clock.now, lease=lease)
    assert claim is not None
    world.pacer.acquire(permit_key(claim.name, claim.fence + 1, claim.incarnation), ACCOUNT, hold_seconds=1)
    return lambda store: send_one(replace(sender, store=store), claim, 0)


def _in_flight(world: World) -> OpenAttempt:
    """An attempt whose bytes have left; what becomes of it is the test's to say."""
    world.clock.advance(LIMITS.lease_seconds + 1)  # whoever had the lane has lost it
    vendor_of(world).script.insert(0, _die)
    with pytest.raises(_Killed):
        world.serve()
    with world.store.read() as connection:
        (opened,) = expired_attempts(connection, now=world.clock.now + timedelta(days=1))
    return opened


class _Killed(BaseException):
    """The process is gone."""


def _die() -> Any:
    raise _Killed


def _settle(opened: OpenAttempt, answer: Outcome) -> Doing:
    def settle(store: Store) -> Any:
        return record_outcome(store, opened, answer, LIMITS, actor="worker:one")

    return settle


def _other(answer: Outcome) -> Outcome:
    return accepted("m2") if answer.message_id else answer


def _end_searches(world: World) -> None:
    """Whoever had the lane is gone, and every look is made."""
    world.clock.advance(LIMITS.lease_seconds + 1)
    world.serve_out(owner="worker:searching", turns=0)


def _sweep(store: Store) -> int:
    return expire_attempts(store, settle_seconds=1, actor=BEAT)


def _take_lock(store: Store) -> None:
    with store.write() as connection:
        lock_lanes(connection, [ACCOUNT])


def _pause(run_id: int) -> Doing:
    return lambda store: pause_run(store, run_id, reason="stop", actor=ANNA)


def _cancel(run_id: int) -> Doing:
    return lambda store: cancel_run(store, run_id, reason="stop", actor=ANNA)


def _resend(run_id: int) -> Doing:
    return lambda store: decide(store, run_id, seqs=None, verdict="resend", reason="nobody got it", actor=BEN)


def _suppress(users: list[int]) -> Doing:
    return lambda store: suppress(store, BitMap64(users), account_id=None, reason="asked to stop", actor=ANNA)


def _one_rejected(world: World) -> int:
    run_id = world.launched([1, 2, 3])
    world.gateway.script = [REJECTED]
    world.serve()
    assert world.states(run_id) == [BatchState.REJECTED, BatchState.ACCEPTED]
    return run_id


def _due(world: World) -> int:
    campaign_id = world.campaign([7, 8], starts_at=world.clock.now + timedelta(seconds=1))
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    world.clock.advance(1)
    return open_due_runs(world.store, actor=BEAT)[0]


def _count(world: World, table: str) -> int:
    with world.store.read() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())
