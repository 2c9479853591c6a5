"""Runs at the desk: what the API returns and what the pages show, and that an act is done once."""

from __future__ import annotations

import httpx

from campaigns.store.database.engine import Store
from campaigns.store.views.events import EventView, events
from tests.web.served import VIEWER, served
from tests.world import ACCOUNT, World


def test_a_run_is_listed_and_shown(world: World, desk: httpx.Client) -> None:
    run_id = _run(world)

    listed = desk.get("/api/v1/runs").json()
    shown = desk.get(f"/api/v1/runs/{run_id}").json()
    page = desk.get(f"/runs/{run_id}")

    assert [each["id"] for each in listed["items"]] == [run_id]
    assert listed["cursor"] is None
    assert (shown["account"], shown["waiting"], shown["planned"]) == (ACCOUNT, 3, 3)
    assert "Waiting" in page.text
    assert page.status_code == 200


def test_a_pause_with_the_same_key_is_done_once(world: World, desk: httpx.Client) -> None:
    run_id = _run(world)
    address, key = f"/api/v1/runs/{run_id}/pause", {"Idempotency-Key": "a key of this act"}

    first, second = (desk.post(address, json={"reason": "wrong price"}, headers=key) for _ in range(2))
    other = desk.post(address, json={"reason": "another"}, headers=key)

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    pauses = [each for each in trail(world.store) if each.kind == "hold_opened"]
    assert [(each.actor, (each.detail or {})["address"]) for each in pauses] == [("operator:anna", "127.0.0.1")]


def test_a_form_that_is_sent_twice_acts_once(world: World, desk: httpx.Client) -> None:
    run_id = _run(world)
    form = {"reason": "wrong price", "key": "the key of one form"}

    first, second = (desk.post(f"/runs/{run_id}/pause", data=form) for _ in range(2))

    assert (first.status_code, second.status_code) == (303, 303)
    assert "is paused" in desk.get(second.headers["location"]).text
    assert world.events().count("hold_opened") == 1


def test_a_viewer_may_look_and_not_act(world: World) -> None:
    run_id = _run(world)
    with served(world.store, VIEWER) as desk:
        shown = desk.get(f"/runs/{run_id}")
        act = desk.post(f"/api/v1/runs/{run_id}/pause", json={"reason": "no"})
        form = desk.post(f"/runs/{run_id}/pause", data={"reason": "no", "key": "the key of one form"})

    assert shown.status_code == 200
    assert (act.status_code, act.json()["code"]) == (403, "forbidden")
    assert form.status_code == 403
    assert "hold_opened" not in world.events()


def test_a_request_from_another_site_or_name_is_refused(world: World, desk: httpx.Client) -> None:
    run_id = _run(world)
    forged = desk.post(f"/runs/{run_id}/pause", data={"reason": "x"}, headers={"Sec-Fetch-Site": "cross-site"})
    rebound = desk.get("/runs", headers={"Host": "evil.example"})

    assert (forged.status_code, forged.json()["code"]) == (403, "forged")
    assert (rebound.status_code, rebound.json()["code"]) == (421, "other_host")
    assert "hold_opened" not in world.events()


def _run(world: World) -> int:
    return world.launched(users=[1, 2, 3])


def trail(store: Store) -> list[EventView]:
    with store.read() as connection:
        return list(events(connection))
