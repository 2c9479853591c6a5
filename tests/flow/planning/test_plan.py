"""Who gets a run is frozen once, whole, and everybody who is left out is kept with the reason."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pyroaring import BitMap64
from sqlalchemy import text

from campaigns.domain.errors import NotFound
from campaigns.domain.remedies import Do
from campaigns.domain.states import RunState
from campaigns.flow.audience.suppress import suppress, unsuppress
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.planning.preview import preview
from campaigns.flow.runs.pause_resume_cancel import resume_run
from campaigns.flow.schedules.due import open_due_runs
from tests.one_database import on_both
from tests.world import ACCOUNT, ANNA, LIMITS, UPSTREAM, World

pytestmark = on_both

BEAT = "worker:beat"


def test_a_plan_counts_exactly_what_a_launch_then_does(world: World) -> None:
    world.account()
    campaign_id = world.campaign(range(1, 8))
    _suppress(world, [2], None)
    _suppress(world, [2, 3], ACCOUNT)

    told = preview(world.store, campaign_id, LIMITS)
    run_id = world.launch(campaign_id, plan_hash=told.hash)

    assert told.excluded == world.run(run_id)["excluded"] == {"suppressed": 1, "suppressed_on_account": 1}
    assert (told.recipients, told.batches, told.credits) == (5, 3, 3)
    assert [batch["size"] for batch in world.batches(run_id)] == [2, 2, 1]
    assert world.users(run_id, 1) | world.users(run_id, 2) | world.users(run_id, 3) == {1, 4, 5, 6, 7}


def test_a_plan_changes_nothing_and_its_hash_stays_until_something_does(world: World) -> None:
    world.account()
    campaign_id = world.campaign()
    first = preview(world.store, campaign_id, LIMITS).hash
    before = world.events()

    assert preview(world.store, campaign_id, LIMITS).hash == first
    assert world.events() == before
    _suppress(world, [99], None)
    assert preview(world.store, campaign_id, LIMITS).hash == first, "a suppression of somebody else is no change"
    _suppress(world, [1], None)
    assert preview(world.store, campaign_id, LIMITS).hash != first
    unsuppress(world.store, BitMap64([1]), account_id=None, reason="came back", actor=ANNA)
    assert preview(world.store, campaign_id, LIMITS).hash == first


def test_a_plan_warns_of_what_the_operator_should_know(world: World) -> None:
    world.account()
    warned = preview(world.store, world.campaign([1], on_unknown="resend"), LIMITS).warnings
    assert [warning.code for warning in warned] == ["at_least_once"]
    _suppress(world, [1], None)
    nobody = preview(world.store, world.campaign([1]), LIMITS).warnings
    assert (nobody[-1].code, nobody[-1].fact) == ("nobody_left", "nobody is left to send to")
    whole = preview(world.store, world.campaign(message={"user_lists": ["fans"]}), LIMITS)
    assert (whole.recipients, whole.whole_list, whole.requests) == (None, True, 1)
    assert [warning.code for warning in whole.warnings] == ["cannot_launch", "whole_list"]
    assert [remedy.do for remedy in whole.warnings[0].remedies] == [Do.ACCEPT_SUPPRESSED]
    with pytest.raises(NotFound, match="no campaign c99"):
        preview(world.store, 99, LIMITS)


def test_a_due_run_is_planned_once(world: World) -> None:
    run_id = _due(world)

    assert plan_run(world.store, run_id, actor=BEAT) is True
    assert plan_run(world.store, run_id, actor=BEAT) is False

    assert world.states(run_id) == ["ready"] * 3
    assert world.events().count("run_planned") == 1


def test_a_run_that_was_cancelled_while_due_is_not_planned(world: World) -> None:
    run_id = _due(world)
    assert cancel_run(world.store, run_id, reason="stop", actor=ANNA).state == RunState.CANCELLED

    assert plan_run(world.store, run_id, actor=BEAT) is False
    assert world.batches(run_id) == []


def test_a_due_run_with_nobody_left_is_finished_at_once(world: World) -> None:
    run_id = _due(world, [1, 2])
    _suppress(world, [1, 2], None)

    plan_run(world.store, run_id, actor=BEAT)

    assert world.run(run_id)["state"] == "finished"
    assert world.run(run_id)["excluded"] == {"suppressed": 2}


def test_batches_are_cut_in_the_order_of_ids_and_share_nobody(world: World) -> None:
    run_id = world.launched([2**63 - 1, 7, 1, 300, 2**40])

    assert [(batch["first_user"], batch["last_user"]) for batch in world.batches(run_id)] == [
        ("1", "7"),
        ("300", str(2**40)),
        (str(2**63 - 1), str(2**63 - 1)),
    ]


def test_a_whole_list_is_held_when_somebody_was_suppressed_before_its_time_came(world: World) -> None:
    """The plan was looked at and armed when nobody was suppressed; the vendor would message the user all the same."""
    world.account()
    run_id = _due_of(world, world.campaign(message={"user_lists": ["fans"]}, starts_at=_soon(world)))
    _suppress(world, [1], None)

    plan_run(world.store, run_id, actor=BEAT)

    assert world.serve() == 0
    assert [hold["kind"] for hold in world.run(run_id)["holds"]] == ["suppressions"]
    assert world.gateway.received == []


def test_who_resumes_a_held_whole_list_accepts_the_suppressions_of_then_but_no_newer_one(world: World) -> None:
    world.account()
    run_id = _due_of(world, world.campaign(message={"user_lists": ["fans"]}, starts_at=_soon(world)))
    plan_run(world.store, run_id, actor=BEAT)
    for user in (1, 2):
        _suppress(world, [user], None)
        assert world.serve() == 0
        world.clock.advance(1)
        resume_run(world.store, run_id, reason="none of them is a fan any more", actor=ANNA)

    assert world.serve() == 1
    assert world.states(run_id) == ["accepted"]


def test_a_whole_list_goes_out_when_the_operator_accepted_suppressions(world: World) -> None:
    world.account()
    _suppress(world, [1], None)
    campaign = world.campaign(message={"user_lists": ["fans"]}, starts_at=_soon(world), accept_suppressed=True)
    run_id = _due_of(world, campaign)

    plan_run(world.store, run_id, actor=BEAT)
    world.serve()

    assert world.states(run_id) == ["accepted"]


def test_the_plan_is_kept_with_its_sets(world: World) -> None:
    _suppress_first = [3]
    world.account()
    _suppress(world, _suppress_first, None)
    run_id = world.launch(world.campaign())
    with world.store.read() as connection:
        kept = connection.execute(text("SELECT reason, size, first_user, last_user FROM exclusion")).all()
    assert [tuple(row) for row in kept] == [("suppressed", 1, 3, 3)]
    assert world.run(run_id)["planned"] == 4


def _soon(world: World) -> object:
    return world.clock.now + timedelta(hours=1)


def _due(world: World, users: list[int] | None = None) -> int:
    world.account()
    return _due_of(world, world.campaign(users or range(1, 6), starts_at=_soon(world)))


def _due_of(world: World, campaign_id: int) -> int:
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    world.clock.advance(3600)
    (run_id,) = open_due_runs(world.store, actor=BEAT)
    return run_id


def _suppress(world: World, users: list[int], account_id: str | None) -> None:
    suppress(world.store, BitMap64(users), account_id=account_id, reason="asked to stop", actor=ANNA)
