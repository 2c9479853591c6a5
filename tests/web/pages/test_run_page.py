"""The page of a run: its books to the last recipient, what it waits for, its map, and the acts its state allows."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import update

from campaigns.flow.accounts.stop import stop
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.recall.recall import recall_run
from campaigns.flow.runs.look import look_at_run
from campaigns.flow.runs.outlook import show_run
from campaigns.flow.runs.pause_resume_cancel import pause_run
from campaigns.flow.runs.rerun import rerun
from campaigns.store.tables.batches import batch
from campaigns.store.views.progress import cells
from tests.flow.handoff.handed_over import armed, opened
from tests.web.pages.reading import read
from tests.web.served import VIEWER, served
from tests.world import ANNA, LIMITS, REJECTED, UNKNOWN, UPSTREAM, World

EVERY_ACT = {"pause", "resume", "cancel", "search", "decide", "rerun", "recall"}


def acts(desk: httpx.Client, run_id: int) -> set[str]:
    """The acts that the page of a run offers."""
    return read(desk, f"/runs/{run_id}").acts(f"/runs/{run_id}/") & EVERY_ACT


def test_the_books_show_every_recipient(world: World, desk: httpx.Client) -> None:
    world.gateway.script = [REJECTED, UNKNOWN]
    run_id = world.launched(users=range(1, 12))
    world.serve(turns=4)

    page = read(desk, f"/runs/{run_id}")

    assert "Accepted Saved Rejected Unknown Cancelled Waiting Sum Planned 0 0 2 2 0 7 11 11" in page.text
    assert "4 of 11 no longer wait" in page.text
    assert "searching the vendor's queue for an unknown batch of run r1" in page.text


@pytest.mark.parametrize("how", ["running", "paused", "stopped", "unknown", "cancelled"])
def test_the_page_counts_and_waits_as_the_terminal_does(world: World, how: str) -> None:
    world.gateway.script = [REJECTED, UNKNOWN]
    run_id = world.launched(users=range(1, 12))
    world.launched(users=[31, 32])
    world.serve(turns=1 if how == "running" else 3)
    if how == "paused":
        pause_run(world.store, run_id, reason="x", actor=ANNA)
    if how == "stopped":
        stop(world.store, None, upstream=UPSTREAM, reason="x", actor=ANNA)
    if how == "cancelled":
        cancel_run(world.store, run_id, reason="x", actor=ANNA)

    look = look_at_run(world.store, run_id, LIMITS)
    with world.store.read() as connection:
        shown = show_run(connection, run_id, limits=LIMITS, now=look.at)

    assert (look.eta, look.bound_by) == (shown.eta, shown.bound_by)
    assert look.run.batches == shown.batches
    assert (look.run.accepted, look.run.waiting, look.run.planned) == (shown.accepted, shown.waiting, shown.planned)
    assert look.run.in_books == shown.planned


def test_the_acts_are_those_that_the_state_allows(world: World, desk: httpx.Client) -> None:
    world.gateway.script = [REJECTED, UNKNOWN]
    run_id = world.launched(users=range(1, 12))
    assert acts(desk, run_id) == {"pause", "cancel"}

    pause_run(world.store, run_id, reason="wrong price", actor=ANNA)
    assert acts(desk, run_id) == {"resume", "cancel"}
    assert "wrong price" in read(desk, f"/runs/{run_id}").text
    assert desk.get(f"/runs/{run_id}/pause").status_code == 409

    other = world.launched(users=range(20, 30))
    world.serve_out()
    assert acts(desk, other) == {"rerun", "decide", "search", "recall"}
    assert "limited by" not in read(desk, f"/runs/{other}").text


def test_a_viewer_is_offered_no_act_and_may_do_none(world: World) -> None:
    run_id = world.launched()
    with served(world.store, VIEWER) as desk:
        assert acts(desk, run_id) == set()
        asked = [desk.get(f"/runs/{run_id}/{each}").status_code for each in sorted(EVERY_ACT)]
        posted = [desk.post(f"/runs/{run_id}/{each}", data={"reason": "x"}).status_code for each in sorted(EVERY_ACT)]
    assert {*asked, *posted} == {403}


def test_a_stop_and_a_recall_and_reruns_are_shown(world: World, desk: httpx.Client) -> None:
    world.gateway.script = [REJECTED]
    run_id = world.launched(users=range(1, 8))
    world.serve_out()
    child = rerun(world.store, run_id, upstream=UPSTREAM, reason="again", actor=ANNA).child
    recall_run(world.store, run_id, reason="wrong price", actor=ANNA)
    stop(world.store, None, upstream=UPSTREAM, reason="fire", actor=ANNA)

    parent, rerun_of = read(desk, f"/runs/{run_id}"), read(desk, f"/runs/{child}")

    assert "0 of 3 accepted batches, 0 recipients" in parent.text
    assert "wrong price" in parent.text
    assert f"/runs/{child}" in parent.links
    assert f"/runs/{run_id}" in rerun_of.links
    assert "stop on the team" in rerun_of.text
    assert "Waits paused: fire" in rerun_of.text


def test_a_run_that_was_handed_over_waits_with_the_vendor(world: World, desk: httpx.Client) -> None:
    armed(world)
    (run_id,) = opened(world)
    world.serve()

    page = read(desk, f"/runs/{run_id}")

    assert "with the vendor until 02 Mar 2026, 18:00:00 UTC" in page.text
    assert "cancel" in acts(desk, run_id)
    assert "were handed over to the vendor" in read(desk, f"/runs/{run_id}/cancel").text


def test_a_run_to_whole_lists_claims_no_recipients(world: World, desk: httpx.Client) -> None:
    run_id = world.launched(message={"user_lists": ["fans"]})
    world.serve()

    page = read(desk, f"/runs/{run_id}")

    assert "Only the vendor knows whom they reach" in page.text
    assert "whole lists" in read(desk, f"/runs/{run_id}/batches").text
    assert "to whole lists will be unsent" in read(desk, f"/runs/{run_id}/recall").text
    assert "rerun" not in acts(desk, run_id)


def test_books_that_do_not_balance_are_said(world: World, desk: httpx.Client) -> None:
    run_id = world.launched(users=range(1, 6))
    with world.store.write() as connection:
        connection.execute(update(batch).where(batch.c.run_id == run_id, batch.c.seq == 1).values(size=1))

    assert "The books do not balance: the sum is 4, and 5 were planned." in read(desk, f"/runs/{run_id}").text


def test_the_map_has_a_cell_for_each_batch_and_joins_neighbours_when_there_are_many(
    world: World, desk: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.gateway.script = [REJECTED]
    run_id = world.launched(users=range(1, 12))
    world.serve(turns=1)

    single = read(desk, f"/runs/{run_id}")
    monkeypatch.setattr(cells, "MOST_SINGLE", 4)
    monkeypatch.setattr(cells, "MOST_CELLS", 2)
    joined = read(desk, f"/runs/{run_id}")

    assert f"/runs/{run_id}/batches/6" in single.links
    assert "<title>Batch 1: rejected</title>" in single.source
    assert f"/runs/{run_id}/batches?first=1&last=3" in joined.links
    assert "<title>Batches 1 to 3: 1 rejected, 2 ready</title>" in joined.source
    assert "Each cell is 3 batches, in the colour of the worst of them." in joined.text


def test_the_chart_counts_what_the_vendor_took_by_the_minute(world: World, desk: httpx.Client) -> None:
    run_id = world.launched(users=range(1, 12))
    for _ in range(3):
        world.serve(turns=1)
        world.clock.advance(timedelta(minutes=1).total_seconds())

    page = read(desk, f"/runs/{run_id}")

    assert "6 recipients accepted in this time, at most 2 in a minute." in page.text
    assert "<title>2 minutes before the newest: 2 recipients accepted</title>" in page.source


def test_the_list_of_runs_is_filtered_by_its_address(world: World, desk: httpx.Client) -> None:
    first = world.launched(users=[1, 2])
    world.serve()
    second = world.launched(users=[3, 4])

    finished = read(desk, "/runs?state=finished&account=")
    wrong = read(desk, "/runs?state=nonsense")

    assert f"/runs/{first}" in finished.links
    assert f"/runs/{second}" not in finished.links
    assert "at most" in finished.text
    assert wrong.status == 422
