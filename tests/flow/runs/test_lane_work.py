"""What is read for the outlook and the list of runs, on both databases."""

from __future__ import annotations

from campaigns.domain.states import BatchState, HoldKind
from campaigns.flow.recall.recall import recall_run
from campaigns.flow.runs.pause_resume_cancel import pause_run
from campaigns.store.runs.lane_work import LaneWork, lane_work
from campaigns.store.runs.recipients import recipients_in_state
from campaigns.store.views.run_lines import RunFilter, runs
from tests.one_database import on_both
from tests.world import ACCOUNT, ANNA, UNKNOWN, World, accepted

pytestmark = on_both


def work_beside(world: World, run_id: int) -> LaneWork:
    with world.store.read() as connection:
        return lane_work(connection, run_id, now=world.clock.now)


def test_what_the_lane_does_beside_a_run(world: World) -> None:
    world.account("acct_two")
    world.account()
    run_id, other, paused = (world.launch(world.campaign(range(1, 8))) for _ in range(3))
    world.launch(world.campaign(range(1, 4), account_id="acct_two"))
    pause_run(world.store, paused, reason="x", actor=ANNA)

    assert work_beside(world, run_id) == LaneWork(others=(4,), busy_accounts=1)

    world.gateway.script = [accepted("1"), UNKNOWN]
    world.serve(turns=2)
    searching = work_beside(world, run_id)
    assert [(search.run_id, search.looks) for search in searching.searches] == [(other, 0)]
    assert searching.searches[0].look_at > world.clock.now


def test_a_recall_of_the_account_goes_first(world: World) -> None:
    sent = world.launched([1, 2])
    world.serve()
    run_id = world.launch(world.campaign([1]))
    recall_run(world.store, sent, reason="x", actor=ANNA)
    assert work_beside(world, run_id).is_recalling
    world.serve()
    assert not work_beside(world, run_id).is_recalling


def test_the_lines_of_runs_with_their_counts_and_holds(world: World) -> None:
    first = world.launched(range(1, 6))
    world.gateway.script = [accepted("1"), UNKNOWN]
    world.serve_out()
    second = world.launch(world.campaign([1]))
    pause_run(world.store, second, reason="x", actor=ANNA)

    with world.store.read() as connection:
        newest, oldest = runs(connection)
        limited = runs(connection, RunFilter(limit=1, account=ACCOUNT))
        users = [set(users) for users in recipients_in_state(connection, first, BatchState.ACCEPTED)]

    assert (oldest.id, oldest.planned, oldest.accepted, oldest.unknown, oldest.holds) == (first, 5, 3, 2, [])
    assert (newest.id, newest.planned, newest.accepted, newest.holds) == (second, 1, 0, [HoldKind.OPERATOR])
    assert limited == [newest]
    assert users == [{1, 2}, {5}]
