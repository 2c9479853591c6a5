"""The page of a run reads the same facts as `runs show`, in one pass over the batches."""

from __future__ import annotations

from datetime import timedelta

from campaigns.domain.states import BatchState
from campaigns.flow.runs.look import look_at_run
from campaigns.flow.runs.outlook import show_run
from campaigns.flow.runs.pause_resume_cancel import pause_run
from campaigns.store.views.progress.batch_list import BatchFilter, batch_lines, named_batches
from campaigns.store.views.progress.batch_story import batch_story
from campaigns.store.views.progress.cells import MOST_SINGLE, cells_of
from campaigns.store.views.progress.requests import requests_of_run
from campaigns.store.views.progress.throughput import paces
from campaigns.store.views.tonight.troubles import holds_of_tonight
from tests.one_database import on_both
from tests.world import ACCOUNT, ANNA, LIMITS, REJECTED, UNKNOWN, World


@on_both
def test_the_page_of_a_run_shows_what_the_terminal_shows(world: World) -> None:
    world.gateway.script = [REJECTED, UNKNOWN]
    run_id = world.launched(users=range(1, 12))
    other = world.launched(users=[31, 32, 33])
    world.serve(turns=2)
    world.clock.advance(61)
    world.serve(turns=2)
    pause_run(world.store, other, reason="wrong price", actor=ANNA)

    for each in (run_id, other):
        look = look_at_run(world.store, each, LIMITS)
        with world.store.read() as connection:
            shown = show_run(connection, each, limits=LIMITS, now=look.at)
        assert (look.eta, look.bound_by) == (shown.eta, shown.bound_by)
        assert (look.run.batches, look.run.holds) == (shown.batches, shown.holds)
        assert (look.run.accepted, look.run.waiting) == (shown.accepted, shown.waiting)
        assert (look.run.next_batch_at, look.run.last_batch_at) == (shown.next_batch_at, shown.last_batch_at)
        assert look.run.in_books == shown.planned
        assert sum(look.throughput.accepted if look.throughput else []) == shown.accepted


@on_both
def test_the_views_of_batches_and_requests_agree(world: World) -> None:
    world.gateway.script = [REJECTED, UNKNOWN]
    run_id = world.launched(users=range(1, 12))
    world.serve_out()

    with world.store.read() as connection:
        now = world.store.now(connection)
        lines = batch_lines(connection, BatchFilter(run_id))
        stories = [batch_story(connection, run_id, line.seq) for line in lines]
        requests = requests_of_run(connection, run_id, ACCOUNT, newest=now, after=None, limit=100)
        after = requests_of_run(connection, run_id, ACCOUNT, newest=now, after=requests[1].place, limit=100)
        unknown = named_batches(connection, run_id, None)
        pace = paces(connection, since=now - timedelta(minutes=5))
        hidden = holds_of_tonight(connection, frozenset({"acct_none"}))

    assert [story.state for story in stories] == [line.state for line in lines]
    assert sorted(each.batch for each in requests) == [1, 2, 3, 4, 5, 6]
    assert after == requests[2:]
    assert {seq: each.size for seq, each in unknown.items()} == {2: 2}
    assert (pace[run_id].requests, pace[run_id].accepted) == (6, 7)
    assert hidden == []


@on_both
def test_many_batches_share_cells_and_none_is_lost(world: World) -> None:
    users = range(1, MOST_SINGLE + 102)
    run_id = world.launched(users=users, batch_size=1)

    with world.store.read() as connection:
        cells = cells_of(connection, run_id)

    assert cells.per_cell == 6
    assert (cells.cells[0].first, cells.cells[0].last) == (1, 6)
    assert cells.cells[-1].last == len(users)
    assert sum(cell.batches[BatchState.READY] for cell in cells.cells) == len(users) == cells.batches[BatchState.READY]
