"""A launch in the API: of what was looked at, once for its key, whatever dies in between."""

from __future__ import annotations

import httpx
import pytest

from campaigns.flow.campaigns import launch_checks
from campaigns.store.audit.events import Act
from campaigns.store.backup.incarnation import begin_incarnation
from tests.web.api.launching import ready, send
from tests.world import ANNA, World


@pytest.fixture
def campaign(world: World) -> int:
    world.account()
    return world.campaign(users=[1, 2, 3])


def test_what_was_planned_is_launched_once(campaign: int, world: World, desk: httpx.Client) -> None:
    headers = ready(desk, campaign)
    seen = desk.get(f"/api/v1/campaigns/{campaign}/plan").json()
    first, second = (send(desk, campaign, {"plan": seen["hash"]}, headers) for _ in range(2))
    other = send(desk, campaign, {"plan": seen["hash"], "now": True}, headers)
    new_key = send(desk, campaign, {}, ready(desk, campaign, "another key"))
    reason = {"again": True, "reason": "new fans"}

    assert (first.status_code, first.json()["state"], first.json()["run_id"]) == (200, "planned", 1)
    assert second.json() == first.json()
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (new_key.status_code, new_key.json()["code"]) == (409, "not_allowed")
    assert send(desk, campaign, reason, ready(desk, campaign, "the third key")).json()["run_id"] == 2
    assert world.events().count("run_opened") == 2


def test_a_launch_needs_its_revision_its_key_and_a_reason_for_a_second_time(campaign: int, desk: httpx.Client) -> None:
    headers = ready(desk, campaign)
    for left_out, status, code in (
        ("If-Match", 428, "revision_missing"),
        ("Idempotency-Key", 400, "idempotency_key_missing"),
    ):
        refusal = send(desk, campaign, {}, {name: value for name, value in headers.items() if name != left_out})
        assert (refusal.status_code, refusal.json()["code"]) == (status, code)
    for body in ({"again": True}, {"reason": "why"}, {"again": True, "reason": " "}):
        assert send(desk, campaign, body, headers).json()["errors"][0]["pointer"] == "/reason"
    assert send(desk, campaign, {"agian": True}, headers).json()["errors"][0]["pointer"] == "/agian"
    assert desk.get("/api/v1/runs").json()["items"] == []


def test_a_launch_of_another_revision_or_plan_is_refused(campaign: int, world: World, desk: httpx.Client) -> None:
    headers = ready(desk, campaign)
    old = desk.get(f"/api/v1/campaigns/{campaign}/plan").json()["hash"]
    edited = desk.patch(
        f"/api/v1/campaigns/{campaign}", json={"text": "Other"}, headers={"If-Match": headers["If-Match"]}
    )
    assert edited.status_code == 200

    late = send(desk, campaign, {}, headers)
    planned = send(desk, campaign, {"plan": old}, ready(desk, campaign))

    assert (late.status_code, late.json()["revision"]) == (412, 2)
    assert (planned.status_code, "no longer has the hash" in planned.json()["detail"]) == (409, True)
    assert "run_opened" not in world.events()


def test_what_was_read_before_a_restore_is_refused_after_it(campaign: int, world: World, desk: httpx.Client) -> None:
    headers = ready(desk, campaign)
    plan = desk.get(f"/api/v1/campaigns/{campaign}/plan").json()["hash"]
    with world.store.write() as connection:
        begin_incarnation(Act(connection, world.store.now(connection), ANNA), reason="restored")

    assert send(desk, campaign, {}, headers).status_code == 412
    assert send(desk, campaign, {"plan": plan}, ready(desk, campaign)).status_code == 409
    assert "run_opened" not in world.events()


def test_a_large_launch_names_the_plan_that_was_looked_at(
    campaign: int, world: World, desk: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = world.campaign(message={"user_lists": ["5"]})
    small = send(desk, campaign, {}, ready(desk, campaign))
    monkeypatch.setattr(launch_checks, "LARGE_LAUNCH", 3)
    large = world.campaign(users=[1, 2, 3])
    for one in (lists, large):
        without = send(desk, one, {}, ready(desk, one, f"key of {one}"))
        assert (without.status_code, without.json()["code"]) == (428, "plan_missing")
        plan = desk.get(f"/api/v1/campaigns/{one}/plan").json()["hash"]
        assert send(desk, one, {"plan": plan}, ready(desk, one, f"key of {one}")).status_code == 200
    assert small.status_code == 200
