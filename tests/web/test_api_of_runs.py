"""The API of runs: the keys of the command line, pages of long lists, what is hidden, and acts that are done once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from campaigns.domain.access.rights import Principal, Right
from campaigns.store.views.desk.operations import as_of_now
from tests.cli.conftest import SETTINGS, Shell
from tests.web.served import served
from tests.world import ACCOUNT, REJECTED, UNKNOWN, World, accepted

ELSEWHERE = Principal("erik", frozenset({Right.ADMIN}), frozenset({"acct_other"}), address="127.0.0.1")


@pytest.fixture
def shell(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The command line over the same database."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home").mkdir(mode=0o700)
    monkeypatch.setenv("CAMPAIGNS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    return Shell(tmp_path, database_url)


@pytest.fixture
def run_id(world: World) -> int:
    """A run that ended with one accepted, one rejected and one unknown batch."""
    world.gateway.script = [accepted("m1"), REJECTED, UNKNOWN]
    run_id = world.launched(users=[1, 2, 3, 4, 5])
    world.serve_out()
    assert sorted(world.states(run_id)) == ["accepted", "rejected", "unknown"]
    return run_id


def test_the_keys_are_those_of_the_command_line(world: World, run_id: int, desk: httpx.Client, shell: Shell) -> None:
    def rows(path: str) -> list[Any]:
        items: list[Any] = desk.get(f"/api/v1{path}").raise_for_status().json()["items"]
        return items

    run = str(run_id)
    assert rows("/runs") == shell.ok("runs", "list")
    assert rows(f"/runs/{run}/batches") == shell.ok("runs", "batches", run)
    assert rows(f"/runs/{run}/attempts") == shell.ok("runs", "attempts", run)
    assert desk.get(f"/api/v1/runs/{run}").json() == shell.ok("runs", "show", run)
    dry = desk.post(f"/api/v1/runs/{run}/rerun", json={"dry_run": True}).json()
    assert dry == shell.ok("runs", "rerun", run, "--reason", "look", "--dry-run")
    dry = desk.post(f"/api/v1/runs/{run}/recall", json={"dry_run": True}).json()
    assert dry == shell.ok("runs", "recall", run, "--reason", "look", "--dry-run")
    again = {"Idempotency-Key": "one key for each act"}
    decided = desk.post(f"/api/v1/runs/{run}/decide", json={"as": "accepted", "reason": "seen"}, headers=again).json()
    overruled = shell.ok("runs", "decide", run, "--batch", "3", "--as", "not-sent", "--reason", "not seen")
    assert decided.keys() == overruled.keys()
    recalled = desk.post(f"/api/v1/runs/{run}/recall", json={"reason": "sorry"}, headers={"Idempotency-Key": "another"})
    assert recalled.status_code == 422, "a key has at least 8 characters"
    recalled = desk.post(
        f"/api/v1/runs/{run}/recall", json={"reason": "sorry"}, headers={"Idempotency-Key": "another1"}
    )
    assert recalled.json()["batches"] == 1
    world.serve_out()
    assert rows(f"/runs/{run}/unsend-attempts") == shell.ok("runs", "attempts", run, "--unsend")


@pytest.mark.parametrize("part", ["batches", "attempts"])
def test_a_long_list_comes_in_pages(world: World, desk: httpx.Client, part: str) -> None:
    run_id = world.launched(users=range(1, 12))
    world.serve_out()
    whole = desk.get(f"/api/v1/runs/{run_id}/{part}").json()["items"]

    pages = list(_pages(desk, f"/api/v1/runs/{run_id}/{part}"))

    assert [len(page) for page in pages] == [2, 2, 2]
    assert [row for page in pages for row in page] == whole


def test_unsends_come_in_pages_too(world: World, desk: httpx.Client) -> None:
    run_id = world.launched()
    world.serve_out()
    desk.post(f"/api/v1/runs/{run_id}/recall", json={"reason": "sorry"}, headers={"Idempotency-Key": "one recall"})
    world.serve_out()
    rows = [row["batch"] for page in _pages(desk, f"/api/v1/runs/{run_id}/unsend-attempts") for row in page]
    assert sorted(rows) == [1, 2, 3]


def test_a_cursor_belongs_to_its_list_and_its_filter(world: World, desk: httpx.Client) -> None:
    run_id = world.launched()
    cursor = desk.get(f"/api/v1/runs/{run_id}/batches?limit=1").json()["cursor"]

    for other in (f"/api/v1/runs/{run_id}/attempts?", f"/api/v1/runs/{run_id}/batches?state=ready&", "/api/v1/runs?"):
        refused = desk.get(f"{other}cursor={cursor}")
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input")
    assert desk.get(f"/api/v1/runs/{run_id}/batches?limit=201").status_code == 422


def test_any_part_of_the_books_is_a_list_of_users(run_id: int, desk: httpx.Client) -> None:
    def users(**part: Any) -> list[str]:
        reply = desk.get(f"/api/v1/runs/{run_id}/recipients", params=part)
        assert reply.status_code == 200, reply.text
        return reply.text.split()

    assert [users(state=state) for state in ("accepted", "rejected", "unknown")] == [["1", "2"], ["3", "4"], ["5"]]
    assert users(state="accepted", batch=[1]) == ["1", "2"]
    nobody = desk.get(f"/api/v1/runs/{run_id}/recipients", params={"left_out": "suppressed"})
    assert (nobody.status_code, nobody.json()["code"]) == (404, "not_found")
    assert desk.get(f"/api/v1/runs/{run_id}/recipients").status_code == 400


def test_a_hidden_run_is_like_one_that_does_not_exist(world: World, run_id: int) -> None:
    with served(world.store, ELSEWHERE) as desk:
        assert desk.get("/api/v1/runs").json()["items"] == []
        for method, end in [
            *(("GET", part) for part in ("", "/batches", "/attempts", "/unsend-attempts", "/recipients?state=ready")),
            *(("POST", act) for act in ("/pause", "/resume", "/cancel", "/rerun", "/recall", "/reconcile")),
        ]:
            asked = {"reason": "x"} if end in {"/pause", "/resume", "/cancel", "/rerun", "/recall"} else None
            hidden = desk.request(method, f"/api/v1/runs/{run_id}{end}", json=asked)
            absent = desk.request(method, f"/api/v1/runs/{run_id + 1}{end}", json=asked)
            assert hidden.status_code == absent.status_code == 404, (method, end)
            assert hidden.text.replace(str(run_id), "N") == absent.text.replace(str(run_id + 1), "N")
        campaign = world.view(run_id).campaign_id
        for name, there, nowhere in (("account", ACCOUNT, "acct_none"), ("campaign", str(campaign), "999")):
            hidden, absent = (desk.get("/api/v1/runs", params={name: value}) for value in (there, nowhere))
            assert hidden.status_code == absent.status_code == 404
            assert hidden.text.replace(there, "N") == absent.text.replace(nowhere, "N")
            bulk = [
                desk.post("/api/v1/operations", json={"act": "pause", "filter": {name: value}, "dry_run": True})
                for value in ((ACCOUNT, "acct_none") if name == "account" else (campaign, 999))
            ]
            assert bulk[0].text.replace(there, "N") == bulk[1].text.replace(nowhere, "N")
            assert bulk[0].status_code == 404


@pytest.mark.parametrize(
    ("act", "body"),
    [("rerun", {"reason": "x"}), ("decide", {"reason": "x", "as": "accepted"}), ("recall", {"reason": "x"})],
)
def test_what_may_message_fans_needs_a_key(run_id: int, desk: httpx.Client, act: str, body: dict[str, str]) -> None:
    refused = desk.post(f"/api/v1/runs/{run_id}/{act}", json=body)
    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_missing")


def test_a_rerun_that_is_asked_for_twice_is_opened_once(world: World, run_id: int, desk: httpx.Client) -> None:
    key = {"Idempotency-Key": "the key of one rerun"}
    first, second = (
        desk.post(f"/api/v1/runs/{run_id}/rerun", json={"reason": "again"}, headers=key).json() for _ in range(2)
    )
    assert first == second
    assert [row["id"] for row in desk.get("/api/v1/runs").json()["items"]] == [first["run_id"], run_id]


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"reason": " "}, {"reason": "x", "extra": 1}, {"reason": 5}, []),
        {"reason": "x", "batches": []},
        {"reason": "x", "states": ["accepted"]},
        {"reason": "x", "batches": [2**63]},
    ],
)
def test_a_bad_body_is_one_problem_and_changes_nothing(
    world: World, run_id: int, desk: httpx.Client, body: Any
) -> None:
    before = world.events()
    refused = desk.post(f"/api/v1/runs/{run_id}/rerun", json=body, headers={"Idempotency-Key": "the key of it"})
    assert refused.status_code in {400, 404, 409, 422}, refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    assert world.events() == before


def test_a_list_names_the_moment_that_it_shows(world: World, run_id: int, desk: httpx.Client) -> None:
    assert run_id
    with world.store.read() as connection:
        expected = as_of_now(connection, world.store.now(connection))
    assert desk.get("/api/v1/runs").headers["As-Of"] == expected


def _pages(desk: httpx.Client, address: str) -> Iterator[list[Any]]:
    cursor: str | None = None
    while True:
        page = desk.get(address, params={"limit": 2, **({} if cursor is None else {"cursor": cursor})}).json()
        yield page["items"]
        cursor = page["cursor"]
        if cursor is None:
            return
