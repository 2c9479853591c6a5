"""Acts on many runs at once over HTTP: a dry run, another number, one key, progress, an abort."""

from __future__ import annotations

import httpx
import pytest

from campaigns.domain.access.rights import Principal, Right
from campaigns.flow.operations.carry_out import Hand, carry_out
from tests.web.served import VIEWER, served
from tests.world import UPSTREAM, World

KEY = {"Idempotency-Key": "the key of one bulk act"}
PAUSE = {"act": "pause", "filter": {}, "reason": "wrong price"}


@pytest.fixture
def runs(world: World) -> list[int]:
    return [world.launched(users=[10 * n], name=f"Friday {n}") for n in range(1, 4)]


def test_a_bulk_act_from_its_dry_run_to_its_end(world: World, runs: list[int], desk: httpx.Client) -> None:
    dry = desk.post("/api/v1/operations", json={**PAUSE, "dry_run": True}).json()
    assert (dry["count"], dry["runs"]) == (3, runs)
    body = {**PAUSE, "as_of": dry["as_of"], "count": dry["count"]}

    first, second = (desk.post("/api/v1/operations", json=body, headers=KEY) for _ in range(2))
    assert (first.status_code, first.json()) == (202, second.json())
    address = f"/api/v1/operations/{first.json()['operation_id']}"
    assert desk.get(address).json()["done"] == 0

    carry_out(Hand(world.store, UPSTREAM, "worker:one", lambda: True), first.json()["operation_id"])
    shown = desk.get(address).json()
    assert (shown["total"], shown["done"], shown["failed"]) == (3, 3, 0)
    assert [row["run_id"] for row in desk.get(f"{address}/targets?state=done").json()["items"]] == runs
    assert desk.post(f"{address}/abort").status_code == 409
    assert [row["id"] for row in desk.get("/api/v1/operations").json()["items"]] == [shown["id"]]
    assert world.events().count("operation_asked") == 1


def test_the_moment_of_a_list_is_good_for_a_bulk_act(world: World, runs: list[int], desk: httpx.Client) -> None:
    as_of = desk.get("/api/v1/runs").headers["As-Of"]
    world.launched(users=[99], name="Later")
    asked = desk.post("/api/v1/operations", json={**PAUSE, "as_of": as_of, "count": len(runs)}, headers=KEY)
    assert (asked.status_code, asked.json()["total"]) == (202, 3)


def test_another_number_is_a_conflict_with_both_numbers(world: World, runs: list[int], desk: httpx.Client) -> None:
    as_of = desk.get("/api/v1/runs").headers["As-Of"]
    refused = desk.post("/api/v1/operations", json={**PAUSE, "as_of": as_of, "count": len(runs) + 4}, headers=KEY)
    assert (refused.status_code, refused.json()["code"]) == (409, "other_count")
    assert "shown 7, and 3" in refused.json()["detail"]
    assert desk.get("/api/v1/operations").json()["items"] == []


def test_an_abort_leaves_the_rest(world: World, runs: list[int], desk: httpx.Client) -> None:
    as_of = desk.get("/api/v1/runs").headers["As-Of"]
    asked = desk.post("/api/v1/operations", json={**PAUSE, "as_of": as_of, "count": len(runs)}, headers=KEY).json()
    address = f"/api/v1/operations/{asked['operation_id']}"
    assert desk.post(f"{address}/abort").status_code == 200
    assert (desk.get(address).json()["left"], world.events().count("hold_opened")) == (3, 0)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({**PAUSE, "as_of": "x", "count": 3}, "invalid_input"),
        ({**PAUSE}, "invalid_input"),
        ({**PAUSE, "as": "accepted", "dry_run": True}, "invalid_input"),
        ({**PAUSE, "act": "decide", "dry_run": True}, "invalid_input"),
        ({**PAUSE, "act": "verify", "dry_run": True}, "invalid_input"),
        ({**PAUSE, "filter": {"runs": []}, "dry_run": True}, "invalid_input"),
        ({**PAUSE, "filter": {"stat": "due"}, "dry_run": True}, "invalid_input"),
        ({**PAUSE, "filter": {"campaign": 99}, "dry_run": True}, "not_found"),
        ({**PAUSE, "filter": {"since": "soon"}, "dry_run": True}, "invalid_input"),
    ],
)
def test_a_bad_bulk_act_is_one_problem(
    world: World, runs: list[int], desk: httpx.Client, body: dict[str, object], code: str
) -> None:
    assert runs
    refused = desk.post("/api/v1/operations", json=body, headers=KEY)
    assert refused.json()["code"] == code, refused.text
    assert "operation_asked" not in world.events()


def test_who_may_and_who_sees(world: World, runs: list[int], desk: httpx.Client) -> None:
    as_of = desk.get("/api/v1/runs").headers["As-Of"]
    body = {**PAUSE, "as_of": as_of, "count": len(runs)}
    assert desk.post("/api/v1/operations", json=body).json()["code"] == "idempotency_key_missing"
    operation = desk.post("/api/v1/operations", json=body, headers=KEY).json()["operation_id"]
    with served(world.store, VIEWER) as viewer:
        assert viewer.get(f"/api/v1/operations/{operation}").status_code == 200
        for path in ("", f"/{operation}/abort"):
            assert viewer.post(f"/api/v1/operations{path}", json=body, headers=KEY).status_code == 403
    other = Principal("olga", frozenset({Right.ADMIN}), frozenset({"acct_two"}))
    with served(world.store, other) as elsewhere:
        for path in ("", "/targets", "/abort"):
            method = "POST" if path == "/abort" else "GET"
            assert elsewhere.request(method, f"/api/v1/operations/{operation}{path}").status_code == 404
