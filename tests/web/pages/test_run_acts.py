"""Acts on a run: each asks once, acts once, and only on what it showed."""

from __future__ import annotations

import httpx
import pytest

from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.queue_items import ItemContent
from campaigns.flow.runs.pause_resume_cancel import pause_run, resume_run
from campaigns.store.audit.events import Act
from campaigns.store.holds.holds import Held, place_hold
from tests.web.pages.reading import act, read, send
from tests.world import ACCOUNT, ANNA, REJECTED, UNKNOWN, World


def test_a_pause_and_a_resume_say_whom_they_concern(world: World, desk: httpx.Client) -> None:
    run_id = world.launched(users=range(1, 12))

    asked = read(desk, f"/runs/{run_id}/pause")
    paused = act(desk, f"/runs/{run_id}/pause", reason="wrong price")
    going = act(desk, f"/runs/{run_id}/resume", reason="right after all")

    assert f'Sandbox: Pause run r{run_id} of "Friday" on {ACCOUNT}? Now 11 recipients wait.' in asked.text
    assert f"Run r{run_id} is paused." in paused.text
    assert f"Run r{run_id} goes on." in going.text
    assert [kind for kind in world.events() if kind.startswith("hold_")] == ["hold_opened", "hold_closed"]


def test_a_resume_closes_the_pause_that_was_shown_and_no_other(world: World, desk: httpx.Client) -> None:
    run_id = world.launched()
    pause_run(world.store, run_id, reason="wrong price", actor=ANNA)
    with world.store.write() as connection:
        held = Act(connection, world.store.now(connection), "worker:one")
        place_hold(held, Held(run_id=run_id), HoldKind.ERRORS, reason="too many refusals")
    asked = read(desk, f"/runs/{run_id}/resume")
    resume_run(world.store, run_id, reason="somebody else", actor=ANNA)

    late = send(desk, f"/runs/{run_id}/resume", asked, reason="go on")

    assert "This ends one pause (operator): wrong price" in asked.text
    assert "It stays paused by the run (errors): too many refusals" in asked.text
    assert late.status == 412
    assert "Another one (errors) stays" in late.text
    assert [hold["kind"] for hold in world.run(run_id)["holds"]] == ["errors"]


def test_a_cancel_ends_what_waits_and_takes_no_more_than_it_showed(world: World, desk: httpx.Client) -> None:
    run_id = world.launched(users=range(1, 12))
    asked = read(desk, f"/runs/{run_id}/cancel")
    more = send(desk, f"/runs/{run_id}/cancel", asked, reason="x", shown="10")
    world.serve(turns=1)
    done = send(desk, f"/runs/{run_id}/cancel", asked, reason="wrong list")

    assert "11 recipients will not get it. This cannot be undone." in asked.text
    assert more.status == 412
    assert "The page showed 10" in more.text
    assert "now there are 11" in more.text
    assert f"Run r{run_id} is cancelled: 5 batches cancelled." in done.text
    assert world.run(run_id)["cancelled"] == 9


def test_a_recall_unsends_what_was_shown(world: World, desk: httpx.Client) -> None:
    run_id = world.launched(users=range(1, 6))
    world.serve()
    for each in range(1, 4):
        name = f"{ACCOUNT}-{each}"
        world.gateway.contents[name] = ItemContent(name, "Hello", is_free=True, sent_count=2, can_unsend=True)

    asked = read(desk, f"/runs/{run_id}/recall")
    other = send(desk, f"/runs/{run_id}/recall", asked, reason="wrong price", shown="2")
    done = send(desk, f"/runs/{run_id}/recall", asked, reason="wrong price")

    assert "3 messages to 5 recipients will be unsent" in asked.text
    assert other.status == 412
    assert "The page showed 2 accepted batches" in other.text
    assert "A worker unsends 3 batches" in done.text
    assert world.run(run_id)["recall"]["batches"] == 3
    assert read(desk, f"/runs/{run_id}/recall").status == 409


def test_a_search_is_asked_for_the_unknown_that_were_shown(world: World, desk: httpx.Client) -> None:
    world.gateway.script = [UNKNOWN]
    run_id = world.launched(users=[1, 2, 3, 4])
    world.serve_out()

    asked = read(desk, f"/runs/{run_id}/search")
    other = send(desk, f"/runs/{run_id}/search", asked, shown="7")
    done = send(desk, f"/runs/{run_id}/search", asked)

    assert "cost a credit each" in asked.text
    assert other.status == 412
    assert "A worker searches for 1 unknown batch now." in done.text
    assert world.events().count("search_asked") == 1


@pytest.mark.parametrize("name", ["pause", "cancel", "recall"])
def test_an_act_without_a_reason_changes_nothing(world: World, desk: httpx.Client, name: str) -> None:
    world.gateway.script = [REJECTED]
    run_id = world.launched(users=[1, 2, 3, 4])
    if name == "recall":
        world.serve_out()
    before = world.events()

    refused = act(desk, f"/runs/{run_id}/{name}", reason="  ")

    assert refused.status == 400
    assert "The reason is empty." in refused.text
    assert world.events() == before
