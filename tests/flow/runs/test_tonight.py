"""The picture of all accounts: what needs a person, when runs end and what limits that, in a few statements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from campaigns.domain.remedies import Do
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.sending.pacing import Limits
from campaigns.domain.states import HoldKind
from campaigns.flow.accounts.remove import remove_account
from campaigns.flow.accounts.stop import stop
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.runs.needs import Matter
from campaigns.flow.runs.outlook import show_run
from campaigns.flow.runs.pause_resume_cancel import pause_run
from campaigns.flow.runs.rerun import rerun
from campaigns.flow.runs.tonight import Tonight, tonight
from campaigns.store.audit.events import Act
from campaigns.store.health.heartbeats import BEAT_SENDS, beat_heart, worker_serves
from campaigns.store.holds.holds import Held, place_hold
from tests.evening import signs
from tests.flow.handoff import handed_over
from tests.flow.schedules import timetable
from tests.one_database import AGAIN_ON_POSTGRESQL
from tests.world import ACCOUNT, ANNA, LIMITS, REJECTED, UNKNOWN, UPSTREAM, World, accepted

pytestmark = pytest.mark.parametrize("database_url", AGAIN_ON_POSTGRESQL, indirect=True)

SLOW = replace(LIMITS, account_gap_seconds=10.0)


def look(world: World, limits: Limits = LIMITS) -> Tonight:
    return tonight(world.store, limits, upstream=UPSTREAM, is_live=False)


def matters(world: World) -> list[tuple[Matter, int | None]]:
    return [(each.matter, each.run_id) for each in look(world).needs]


def hold(world: World, held: Held, kind: HoldKind, reason: str) -> None:
    with world.store.write() as connection:
        place_hold(Act(connection, world.clock.now, ANNA), held, kind, reason=reason)


@contextmanager
def counted(world: World) -> Iterator[list[str]]:
    """The statements that are executed meanwhile."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(world.store.reader, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(world.store.reader, "before_cursor_execute", note)


def test_it_takes_as_many_statements_for_forty_accounts_as_for_one(world: World) -> None:
    world.launched([1, 2, 3])
    with counted(world) as before:
        look(world)
    for number in range(39):
        account = world.account(f"acct_{number}")
        run = world.launch(world.campaign([1, 2, 3], account_id=account))
        pause_run(world.store, run, reason="wait", actor=ANNA)
    with counted(world) as after:
        seen = look(world)

    assert (len(seen.runs), len(seen.needs)) == (40, 40)
    assert len(after) == len(before) < 20


def test_a_batch_that_is_searched_for_needs_nobody_until_the_search_has_ended(world: World) -> None:
    signs(world)
    run = world.launched([1, 2])
    world.gateway.script = [UNKNOWN]
    world.serve()

    assert matters(world) == []
    assert look(world).runs[0].searched == 1

    world.serve_out()
    signs(world)
    assert matters(world) == [(Matter.UNKNOWN, run)]


def test_a_rejected_batch_is_settled_by_its_rerun_and_leaves_the_screen_after_a_day(world: World) -> None:
    run = world.launched([1, 2, 3, 4])
    world.gateway.script = [accepted("1"), REJECTED]
    world.serve_out()
    signs(world)
    assert matters(world) == [(Matter.REJECTED, run)]

    rerun(world.store, run, upstream=UPSTREAM, reason="again", actor=ANNA)
    assert matters(world) == []

    world.serve_out()
    world.clock.advance(timedelta(hours=24, seconds=1).total_seconds())
    signs(world)
    assert look(world).runs == []


def test_a_run_to_whole_lists_names_no_number_of_people(world: World) -> None:
    world.account()
    run = world.launch(world.campaign(message={"user_lists": ("77",)}))
    world.gateway.script = [REJECTED]
    world.serve_out()
    signs(world)

    (need,) = look(world).needs
    assert need.sentence == (f'Run r{run} of "Friday" (acct_one): the vendor rejected 1 batch, whole lists (refused).')


def test_an_unknown_outcome_stays_however_old_it_is(world: World) -> None:
    run = world.launched([1, 2])
    world.gateway.script = [UNKNOWN]
    world.serve_out()
    world.clock.advance(timedelta(days=40).total_seconds())
    signs(world)

    assert matters(world) == [(Matter.UNKNOWN, run)]
    assert look(world).runs == []


def test_a_stop_of_everything_is_said_once_and_before_all_else(world: World) -> None:
    run = world.launched([1, 2])
    pause_run(world.store, run, reason="wait", actor=ANNA)
    hold(world, Held(upstream=UPSTREAM), HoldKind.STOP, "wrong price")
    hold(world, Held(upstream="https://elsewhere.example"), HoldKind.STOP, "wrong price")
    signs(world)

    seen = look(world)
    assert [each.matter for each in seen.needs] == [Matter.STOPPED, Matter.PAUSED]
    assert seen.needs[0].sentence == "Everything is stopped by anna: wrong price."
    assert [each.do for each in seen.needs[0].remedies] == [Do.GO]
    assert seen.runs[0].paused is not None
    assert seen.runs[0].paused.kind is HoldKind.STOP


def test_a_paused_run_says_who_paused_it_and_why(world: World) -> None:
    run = world.launched([1, 2])
    pause_run(world.store, run, reason="typo in the text.", actor=ANNA)
    signs(world)

    (need,) = look(world).needs
    assert need.sentence == f'Run r{run} of "Friday" (acct_one) is paused by anna: typo in the text.'


def test_without_beat_and_worker_it_says_that_nothing_is_sent(world: World) -> None:
    world.account()
    assert [each.sentence for each in look(world).needs] == [
        "Nothing is sent, because no beat and no worker for sandbox is running."
    ]
    signs(world)
    assert look(world).needs == []
    world.clock.advance(3600 + 16)
    assert matters(world) == [(Matter.NOT_SERVED, None)]


def test_a_beat_without_a_worker_is_told_from_no_beat(world: World) -> None:
    with world.store.write() as connection:
        beat_heart(connection, BEAT_SENDS, now=world.clock.now)

    assert [each.sentence for each in look(world).needs] == [
        "Nothing is sent, because no worker for sandbox is running."
    ]


def test_an_account_of_another_vendor_is_named(world: World) -> None:
    world.launched([1, 2])
    signs(world)
    seen = tonight(world.store, LIMITS, upstream="https://app.example", is_live=True)
    assert [(each.matter, each.account) for each in seen.needs] == [
        (Matter.NOT_SERVED, None),
        (Matter.OTHER_VENDOR, ACCOUNT),
    ]


def test_no_way_on_lifts_the_hold_of_one_account_with_that_of_its_team_unless_it_says_so(world: World) -> None:
    world.account("acct_anna")
    world.account("acct_bea")
    signs(world)
    hold(world, Held(upstream=UPSTREAM), HoldKind.KEY, "HTTP 401")
    hold(world, Held(account_id="acct_anna"), HoldKind.ACCOUNT, "logged out")

    def of_team() -> Any:
        return next(each for each in look(world).needs if each.hold is HoldKind.KEY)

    assert of_team().remedies[0].account == "acct_bea"
    hold(world, Held(account_id="acct_bea"), HoldKind.ACCOUNT, "logged out")
    assert of_team().remedies[0].account == "acct_anna"
    assert "a release of acct_anna lifts its own hold, too" in of_team().sentence


def test_no_end_is_told_of_a_run_that_nobody_serves(world: World) -> None:
    world.launched([1, 2, 3])

    (run,) = look(world).runs
    assert (run.eta, run.bound_by) == (None, "no worker")
    with world.store.write() as connection:
        worker_serves(connection, UPSTREAM, now=world.clock.now)
    assert look(world).runs[0].eta is None, "beat is missing, and nobody wakes the worker"
    signs(world)
    (run,) = look(world).runs
    assert (run.eta is not None, run.bound_by) == (True, "request time")


def test_a_run_that_was_handed_over_is_with_the_vendor_until_its_time_or_until_it_is_unsent(world: World) -> None:
    handed_over.armed(world, users=[1, 2])
    world.clock.advance((handed_over.TODAY - world.clock.now).total_seconds() - 3600)
    (run_id,) = handed_over.opened(world)
    world.serve()

    assert [(each.id, each.vendor_sends_at) for each in look(world).runs] == [(run_id, handed_over.TODAY)]
    handed_over.shows(world, "acct_one-1")
    cancel_run(world.store, run_id, reason="a wrong text", actor=ANNA)
    world.serve()
    assert [(each.id, each.vendor_sends_at) for each in look(world).runs] == [(run_id, None)]


def test_what_comes_due_during_a_stop_waits(world: World) -> None:
    campaign_id = timetable.armed(world)
    assert [(each.campaign_id, each.stopped) for each in look(world).next_runs] == [(campaign_id, False)]

    stop(world.store, None, upstream=UPSTREAM, reason="fire", actor=ANNA)

    assert [(each.campaign_id, each.stopped) for each in look(world).next_runs] == [(campaign_id, True)]


def test_the_runs_of_one_account_take_turns(world: World) -> None:
    signs(world)
    world.launched(range(1, 7))  # three batches
    world.launch(world.campaign(range(1, 5)))  # two more

    seen = look(world, SLOW)

    ends = world.clock.now + timedelta(seconds=4 * 10 + 0.5)
    assert {each.bound_by for each in seen.runs} == {"account gap"}
    assert max(each.eta for each in seen.runs if each.eta) >= ends


def test_accounts_that_send_together_share_the_budget_of_the_team(world: World) -> None:
    signs(world)
    limits = replace(LIMITS, rate_per_minute=4, reserve=0.0)
    world.launched(range(1, 7))
    alone = look(world, limits).runs[0]
    assert (alone.eta, alone.bound_by) == (world.clock.now + timedelta(seconds=1.5), "request time")

    world.account("acct_two")
    world.launch(world.campaign(range(1, 7), account_id="acct_two"))

    for each in look(world, limits).runs:
        assert each.bound_by == "team budget"
        assert each.eta is not None
        assert each.eta > world.clock.now + timedelta(seconds=60)


def test_a_run_outside_its_hours_says_until_when_it_waits(world: World) -> None:
    signs(world)
    world.launched([1, 2], timing=Timing(hours="18:00-22:00", zone="UTC"))
    world.serve()
    opens = world.clock.now.replace(hour=18)

    (run,) = look(world).runs

    assert (run.waits_until, run.waits_for, run.bound_by) == (opens, "sending hours", "sending hours")
    assert run.eta == opens + timedelta(seconds=0.5)


def test_a_removed_account_is_hidden_and_its_last_runs_are_not(world: World) -> None:
    run = world.launched([1, 2])
    world.serve_out()
    world.account("acct_idle")
    for account in (ACCOUNT, "acct_idle"):
        remove_account(world.store, account, reason="sold", actor=ANNA)

    seen = look(world)

    assert ([each.id for each in seen.runs], seen.idle_accounts) == ([run], [])


def test_the_screen_of_all_accounts_says_of_each_run_what_is_said_of_it_alone(world: World) -> None:
    signs(world)
    for name in ("one", "two", "three", "four"):
        world.account(f"acct_{name}")
    world.launched(range(1, 7))
    world.gateway.script = [UNKNOWN]
    world.serve(turns=1)  # it is searched for, and the other runs of its account wait
    world.launch(world.campaign(range(1, 5)))
    world.launch(world.campaign(range(1, 9), account_id="acct_two", timing=Timing(hours="18:00-22:00", zone="UTC")))
    pause_run(world.store, world.launch(world.campaign(account_id="acct_three")), reason="wait", actor=ANNA)
    world.launch(world.campaign(range(1, 9), account_id="acct_four", timing=Timing(over_seconds=600.0)))

    runs = look(world, SLOW).runs

    assert len(runs) == 5
    for each in runs:
        with world.store.read() as connection:
            alone = show_run(connection, each.id, limits=SLOW, now=world.clock.now)
        until = None if alone.wait is None else alone.wait.until
        assert (each.eta, each.bound_by, each.waits_until) == (alone.eta, alone.bound_by, until)
    assert {each.bound_by for each in runs} >= {"search at the vendor", "spread", None}
