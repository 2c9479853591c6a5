"""A stop lets nothing be sent, whatever is opened or added later; `go` lifts it alone."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from campaigns.domain.errors import NotAllowed, NotFound, UsageError
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import Outcome
from campaigns.flow.accounts.accounts import add_account
from campaigns.flow.accounts.release import release_account
from campaigns.flow.accounts.stop import Going, Stopped, go, stop
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.lanes.tick import tick
from campaigns.flow.recall.recall import recall_run
from campaigns.flow.schedules import due
from campaigns.flow.schedules.after_stop import preview_go
from campaigns.flow.schedules.pause_resume_skip import pause_schedule
from campaigns.store.audit.events import Act
from campaigns.store.holds.holds import Held, place_hold
from tests.flow.handoff import handed_over
from tests.flow.schedules.timetable import armed, runs
from tests.world import ACCOUNT, ANNA, TEAM, UPSTREAM, World, accepted


def stop_it(world: World, account_id: str | None = None, reason: str = "a wrong text") -> Stopped:
    return stop(world.store, account_id, upstream=UPSTREAM, reason=reason, actor=ANNA)


def let_go(world: World, account_id: str | None = None) -> Going:
    return go(world.store, account_id, actor=ANNA)


def look(world: World) -> None:
    tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor="beat")


def test_nothing_is_sent_until_it_is_let_go_on(world: World) -> None:
    run_id = world.launched([1, 2, 3])
    stopped = stop_it(world)

    assert world.serve() == 0
    assert (stopped.in_flight, stopped.with_vendor, stopped.not_confirmed) == ([], [], [])
    assert [(hold["kind"], hold["reason"]) for hold in world.run(run_id)["holds"]] == [("stop", "a wrong text")]

    assert let_go(world) == Going(None, [])
    assert world.serve() == 2


def test_a_run_that_is_opened_later_and_an_account_that_is_added_later_are_stopped_too(world: World) -> None:
    world.account()
    stop_it(world)

    world.launch(world.campaign([1]))
    add_account(world.store, "acct_new", upstream=UPSTREAM, team=TEAM, actor=ANNA)
    world.launch(world.campaign([2], account_id="acct_new"))
    look(world)

    assert (world.serve(), world.serve("acct_new")) == (0, 0)
    let_go(world)
    assert (world.serve(), world.serve("acct_new")) == (1, 1)


def test_an_account_of_an_address_that_nobody_knew_is_stopped_with_everything(world: World) -> None:
    world.account()
    stop_it(world, reason="fire")

    other = "https://another.example"
    add_account(world.store, "acct_new", upstream=other, team=TEAM, actor=ANNA)
    launch(world.store, world.campaign([1], account_id="acct_new"), upstream=other, actor=ANNA)

    assert [hold["reason"] for hold in world.run(1)["holds"]] == ["fire"]


def test_a_stop_before_there_is_any_account_holds_the_first_one(world: World) -> None:
    stop_it(world)
    world.launched([1])
    assert world.serve() == 0


def test_one_account_is_stopped_and_the_others_go_on(world: World) -> None:
    world.launched([1])
    world.launch(world.campaign([2], account_id=world.account("acct_two")))
    stop_it(world, ACCOUNT)

    assert (world.serve(), world.serve("acct_two")) == (0, 1)
    let_go(world, ACCOUNT)
    assert world.serve() == 1


def test_a_stop_between_two_requests_of_a_lane_lets_no_other_one_leave(world: World) -> None:
    world.launched([1, 2, 3, 4, 5])
    _stops_in_flight(world)

    assert world.serve() == 1
    assert len(world.gateway.received) == 1


def _stops_in_flight(world: World) -> list[Stopped]:
    """What the stop says that comes while the next request is at the vendor."""
    stops: list[Stopped] = []

    def answer() -> Outcome:
        stops.append(stop_it(world))
        return accepted("m1")

    world.gateway.script = [answer]
    return stops


def test_what_is_in_flight_is_listed(world: World) -> None:
    run_id = world.launched([1, 2, 3])
    stops = _stops_in_flight(world)
    world.serve()

    listed = [(each.run_id, each.batch, each.account, each.size) for each in stops[0].in_flight]
    assert listed == [(run_id, 1, ACCOUNT, 2)]
    assert stop_it(world).was_stopped
    assert stop_it(world).in_flight == []


def test_a_run_with_the_vendor_is_listed(world: World) -> None:
    handed_over.armed(world)
    world.clock.advance((handed_over.TODAY - world.clock.now).total_seconds() - 3600)
    (run_id,) = handed_over.opened(world)
    world.serve()
    stopped = stop_it(world)

    listed = [(each.run_id, each.account, each.due_at) for each in stopped.with_vendor]
    assert listed == [(run_id, ACCOUNT, handed_over.TODAY)]


def test_a_recall_goes_on_during_a_stop_but_not_while_the_vendor_refuses(world: World) -> None:
    run_id = world.launched([1, 2])
    world.serve()
    stop_it(world)
    recall_run(world.store, run_id, reason="wrong text", actor=ANNA)
    with world.store.write() as connection:
        act = Act(connection, world.clock.now, ANNA)
        place_hold(act, Held(account_id=ACCOUNT), HoldKind.ACCOUNT, reason="logged out")

    world.serve()
    assert world.gateway.deleted == []
    release_account(world.store, ACCOUNT, reason="logged in", actor=ANNA)
    world.serve()
    assert world.gateway.deleted == [f"{ACCOUNT}-1"]


def test_go_lifts_the_stop_alone_and_a_release_does_not_lift_it(world: World) -> None:
    run_id = world.launched([1, 2])
    stop_it(world)
    stop_it(world, ACCOUNT)
    with pytest.raises(NotAllowed, match="only stopped"):
        release_account(world.store, ACCOUNT, reason="mended", actor=ANNA)
    with world.store.write() as connection:
        act = Act(connection, world.clock.now, ANNA)
        place_hold(act, Held(account_id=ACCOUNT), HoldKind.ACCOUNT, reason="logged out")
    release_account(world.store, ACCOUNT, reason="logged in", actor=ANNA)

    assert {hold["kind"] for hold in world.run(run_id)["holds"]} == {"stop"}
    assert [each.account for each in let_go(world).still_stopped] == [ACCOUNT]
    assert world.serve() == 0
    let_go(world, ACCOUNT)
    assert world.serve() == 1


def test_what_is_not_stopped_is_not_let_go_on(world: World) -> None:
    world.account()
    with pytest.raises(NotAllowed, match="Nothing is stopped"):
        let_go(world)
    with pytest.raises(NotAllowed, match="Account acct_one is not stopped"):
        let_go(world, ACCOUNT)
    with pytest.raises(NotFound, match="not known"):
        let_go(world, "acct_two")
    with pytest.raises(NotFound, match="not known"):
        stop_it(world, "acct_two")
    with pytest.raises(UsageError, match="reason is empty"):
        stop_it(world, reason=" ")
    stop_it(world)
    with pytest.raises(NotAllowed, match="not stopped by itself"):
        let_go(world, ACCOUNT)


@pytest.mark.parametrize(("grace", "sent"), [(7200, True), (600, False)])
def test_what_comes_due_meanwhile_waits_and_then_follows_its_grace_as_the_preview_says(
    world: World, grace: float, sent: bool
) -> None:
    campaign_id, at = _armed(world, grace)
    stop_it(world)
    world.clock.advance(5400)
    look(world)
    assert runs(world, campaign_id) == []

    preview = preview_go(world.store, None).occurrences
    assert [(each.campaign_id, each.scheduled_for, each.skipped is None) for each in preview] == [
        (campaign_id, at, sent)
    ]
    let_go(world)
    look(world)
    assert [(run["scheduled_for"], run["state"] != "skipped") for run in runs(world, campaign_id)] == [
        (at.isoformat(), sent)
    ]


def test_nobody_takes_what_is_due_while_it_is_stopped_not_even_who_looked_before(world: World) -> None:
    campaign_id, _ = _armed(world, 7200)
    world.clock.advance(3600)
    stop_it(world)

    assert due.open_due(world.store, campaign_id, actor="beat") is None
    due.open_all_due(world.store, actor="beat")  # as a database does that finds itself restored
    assert runs(world, campaign_id) == []


def test_the_stop_of_another_account_is_no_business_of_a_schedule(world: World) -> None:
    campaign_id, _ = _armed(world, 1800)
    world.account("acct_two")
    stop_it(world, "acct_two")
    world.clock.advance(5400)
    look(world)

    assert len(runs(world, campaign_id)) == 1
    assert preview_go(world.store, "acct_two").occurrences == []


def test_a_schedule_that_is_changed_during_a_stop_skips_what_came_due_with_the_reason(world: World) -> None:
    campaign_id, at = _armed(world, 7200)
    stop_it(world)
    world.clock.advance(3600)
    pause_schedule(world.store, campaign_id, reason="later", actor=ANNA)

    assert [(run["scheduled_for"], run["state"], run["reason"]) for run in runs(world, campaign_id)] == [
        (at.isoformat(), "skipped", "stopped by anna: a wrong text")
    ]


def test_an_edit_during_a_stop_names_what_it_skips(world: World) -> None:
    campaign_id, _ = _armed(world, 7200)
    stop_it(world)
    world.clock.advance(3600)

    edited = edit_campaign(world.store, campaign_id, Changes(name="Renamed"), actor=ANNA)

    assert edited.note is not None
    assert "this edit skips 1 occurrence that came due during the stop" in edited.note
    again = edit_campaign(world.store, campaign_id, Changes(name="Friday"), actor=ANNA)
    assert "skips" not in (again.note or "")


def test_runs_that_wait_are_shown_before_anybody_agrees(world: World) -> None:
    run_id = world.launched([1, 2, 3])
    world.launch(world.campaign([2], account_id=world.account("acct_two")))
    stop_it(world)
    stop_it(world, "acct_two")

    waiting = preview_go(world.store, None).runs
    assert [(each.run_id, each.account, each.waiting) for each in waiting] == [(run_id, ACCOUNT, 3)]
    assert preview_go(world.store, "acct_two").runs == []


def test_a_lane_that_is_stopped_is_not_woken(world: World) -> None:
    world.launched([1])
    stop_it(world)
    assert tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor="beat").lanes == []


def _armed(world: World, grace: float) -> tuple[int, datetime]:
    """An hourly campaign, and its next occurrence."""
    campaign_id = armed(world, grace_seconds=grace, misfire="all")
    return campaign_id, world.clock.now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
