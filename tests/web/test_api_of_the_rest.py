"""The API of accounts, suppressions, fans, the audit, and of stopping and letting go."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from campaigns.domain.access.rights import Principal, Right
from campaigns.flow.accounts.accounts import add_account
from campaigns.flow.operations.carry_out import Hand, carry_out
from tests.cli.conftest import SETTINGS, Shell
from tests.web.served import served
from tests.world import ACCOUNT, ANNA, NO_CREDITS, TEAM, UNKNOWN, UPSTREAM, World, accepted

OTHER = "acct_other"
ERIK = Principal("erik", frozenset({Right.ADMIN}), frozenset({OTHER}), address="127.0.0.1")


@pytest.fixture
def shell(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The command line over the same database."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home").mkdir(mode=0o700)
    monkeypatch.setenv("CAMPAIGNS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    return Shell(tmp_path, database_url)


def test_the_keys_are_those_of_the_command_line(world: World, desk: httpx.Client, shell: Shell) -> None:
    world.gateway.script = [accepted("m1"), UNKNOWN]
    run_id = world.launched(users=[1, 2, 3])
    world.serve_out()
    desk.post("/api/v1/suppressions", json={"users": ["1", "9"], "reason": "asked to", "account": ACCOUNT})

    def got(path: str) -> Any:
        return desk.get(f"/api/v1{path}").raise_for_status().json()

    assert got("/accounts")["items"] == shell.ok("accounts", "list")
    assert got("/suppressions")["items"] == shell.ok("suppress", "list")
    assert got("/fans/1")["mentions"] == shell.ok("who", "1")
    assert got(f"/fans/1/why-not/{run_id}") == shell.ok("why-not", "1", str(run_id))
    assert got("/audit/events?limit=200")["items"][::-1] == shell.ok("audit", "list", "--limit", "200")
    assert got("/status").keys() == shell.ok("status").keys()
    assert got("/hosts")["items"] == shell.ok("hosts", "list")
    named = desk.post(f"/api/v1/accounts/{ACCOUNT}/name", json={"name": "Anna"}).json()
    assert named == shell.ok("accounts", "rename", ACCOUNT, "Anna")
    hours = desk.post(
        f"/api/v1/accounts/{ACCOUNT}/hours", json={"hours": "09:00-22:00", "zone": "Europe/Berlin"}
    ).json()
    assert hours == shell.ok("accounts", "set", ACCOUNT, "--hours", "09:00-22:00")
    added = desk.post("/api/v1/accounts", json={"id": "acct_new"})
    assert added.status_code == 201
    assert added.json().keys() == {"id", "upstream", "team", "name", "zone", "hours", "brought_back"}
    stopped = desk.post("/api/v1/stop", json={"reason": "wrong price"}).json()
    assert {**stopped, "was_stopped": True} == shell.ok("stop", "--reason", "again")
    removed = desk.post("/api/v1/suppressions/remove", json={"users": ["9", "77"], "reason": "x", "account": ACCOUNT})
    assert (removed.json()["removed"], removed.json()["absent"]) == (1, 1)


def test_a_stop_is_lifted_only_if_the_same_follows_as_was_seen(world: World, desk: httpx.Client) -> None:
    run_id = world.launched()
    assert desk.get("/api/v1/go").status_code == 409
    desk.post("/api/v1/stop", json={"reason": "wrong price"})
    seen = desk.get("/api/v1/go").json()
    assert [row["run_id"] for row in seen["follows"]["runs"]] == [run_id]

    world.launch(world.campaign([7, 8], name="Later"))
    refused = desk.post("/api/v1/go", json={"seen": seen["seen"]})
    assert (refused.status_code, refused.json()["code"]) == (412, "outdated")
    assert desk.get("/api/v1/system").json()["stops"][0]["reason"] == "wrong price"

    again = desk.get("/api/v1/go").json()
    assert desk.post("/api/v1/go", json={"seen": again["seen"]}).json() == {"account": None, "still_stopped": []}


def test_a_team_is_released_only_from_holds_that_were_seen(world: World, desk: httpx.Client) -> None:
    world.gateway.script = [NO_CREDITS]
    world.launched()
    world.serve()
    address = f"/api/v1/accounts/{ACCOUNT}/release"

    unseen = desk.post(address, json={"reason": "paid"})
    assert unseen.status_code == 422
    shown = desk.get(address).json()
    assert [hold["kind"] for hold in shown["follows"]["holds"]] == ["credits"]
    other = desk.post(address, json={"reason": "paid", "seen": "0" * 64})
    assert (other.status_code, other.json()["code"]) == (412, "outdated")
    assert desk.post(address, json={"reason": "paid", "seen": shown["seen"]}).json()["released"] == ["credits"]


def test_suppressions_come_in_pages_and_bad_ids_change_nothing(world: World, desk: httpx.Client) -> None:
    world.account()
    desk.post("/api/v1/suppressions", json={"users": [str(user) for user in range(1, 4)], "reason": "x"})
    desk.post("/api/v1/suppressions", json={"users": ["2"], "reason": "x", "account": ACCOUNT})
    first = desk.get("/api/v1/suppressions?limit=3").json()
    rest = desk.get("/api/v1/suppressions", params={"limit": 3, "cursor": first["cursor"]}).json()
    assert [row["user_id"] for row in first["items"]] == ["1", "2", "3"]
    assert [(row["user_id"], row["account"]) for row in rest["items"]] == [("2", ACCOUNT)]

    for users in (["x"], ["0"], ["1e3"], [str(2**64)], []):
        refused = desk.post("/api/v1/suppressions", json={"users": users, "reason": "x"})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input"), users
    assert len(desk.get("/api/v1/suppressions").json()["items"]) == 4


def test_a_file_of_suppressions_is_read_as_the_command_line_reads_it(
    world: World, desk: httpx.Client, shell: Shell
) -> None:
    world.account()
    address, fans = (
        "/api/v1/suppressions/import",
        "user_id;name\n" + "".join(f"{user};x\n" for user in range(1, 99_999)),
    )
    assert len(fans) > 1 << 19
    key = {"Idempotency-Key": "the key of one import"}
    first, second = (desk.post(address, params={"reason": "x"}, content=fans, headers=key).json() for _ in range(2))
    assert first == second
    assert (first["added"], first["already"]) == (99_998, 0)
    assert first.keys() == shell.ok("suppress", "import", shell.file("fans.csv", fans), "--reason", "x").keys()
    file = shell.ok("suppress", "import", shell.file("fans2.csv", fans), "--reason", "x")["file"]
    assert {name: value for name, value in first["file"].items() if value is not None} == {
        name: value for name, value in file.items() if value is not None
    }

    for bad in ("user_id\n5\nx\n", "", "\x00\x01", "name\nAnna\n"):
        refused = desk.post(address, params={"reason": "x"}, content=bad)
        assert refused.status_code in {400, 422}, bad
        assert refused.headers["content-type"] == "application/problem+json"
    assert world.events().count("suppressions_added") == 3


def test_the_audit_is_filtered_paged_and_exported(world: World, desk: httpx.Client) -> None:
    run_id = world.launched()
    desk.post(f"/api/v1/runs/{run_id}/pause", json={"reason": "=1+1"})
    whole = desk.get("/api/v1/audit/events").json()["items"]
    first = desk.get("/api/v1/audit/events?limit=2").json()
    second = desk.get("/api/v1/audit/events", params={"limit": 2, "cursor": first["cursor"]}).json()
    assert first["items"] + second["items"] == whole[:4]
    assert [row["kind"] for row in desk.get("/api/v1/audit/events?kind=hold_opened").json()["items"]] == ["hold_opened"]
    assert all(row["run_id"] == run_id for row in desk.get(f"/api/v1/audit/events?run={run_id}").json()["items"])

    lines = desk.get("/api/v1/audit/export").text.splitlines()
    assert [json.loads(line) for line in lines] == whole[::-1]
    rows = list(csv.DictReader(io.StringIO(desk.get("/api/v1/audit/export?format=csv&kind=hold_opened").text)))
    assert [(row["kind"], row["reason"]) for row in rows] == [("hold_opened", "'=1+1")]


def test_an_audit_that_is_filtered_goes_on_behind_what_was_looked_through(
    world: World, desk: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.store.views.pages.event_search.SEARCHED", 2)
    world.launched()
    kinds, cursor = [], None
    while True:
        asked = {"kind": "account_added", **({} if cursor is None else {"cursor": cursor})}
        page = desk.get("/api/v1/audit/events", params=asked).json()
        kinds += [row["kind"] for row in page["items"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert kinds == ["account_added"]


def test_verify_is_an_operation_with_its_result(world: World, desk: httpx.Client) -> None:
    world.launched()
    world.serve_out()
    asked = desk.post("/api/v1/audit/verify", json={})
    address = f"/api/v1/operations/{asked.json()['operation_id']}"
    assert asked.status_code == 202
    assert desk.get(address).json()["finished_at"] is None

    assert carry_out(Hand(world.store, UPSTREAM, "worker:one", lambda: True), asked.json()["operation_id"]) == 1
    ended = desk.get(address).json()
    assert (ended["result"]["ok"], ended["result"]["runs"], ended["done"], ended["total"]) == (True, 1, 1, 1)
    assert ended["finished_at"] is not None


def test_what_is_of_another_account_is_hidden(world: World) -> None:
    run_id = world.launched(users=[1, 2])
    add_account(world.store, OTHER, upstream=UPSTREAM, team=TEAM, actor=ANNA)
    world.serve_out()
    with served(world.store, ERIK) as desk:

        def got(path: str) -> Any:
            return desk.get(f"/api/v1{path}").raise_for_status().json()

        assert [row["id"] for row in got("/accounts")["items"]] == [OTHER]
        assert (got("/status")["runs"], got("/status")["idle_accounts"]) == ([], [OTHER])
        assert got("/fans/1")["mentions"] == []
        assert {row["account"] for row in got("/audit/events")["items"]} == {OTHER}
        assert ACCOUNT not in desk.get("/api/v1/audit/export").text
        for path in (f"/fans/1/why-not/{run_id}", f"/audit/events?run={run_id}", f"/suppressions?account={ACCOUNT}"):
            assert desk.get(f"/api/v1{path}").status_code == 404, path
        hidden = desk.post(f"/api/v1/accounts/{ACCOUNT}/name", json={"name": "x"})
        absent = desk.post("/api/v1/accounts/acct_none/name", json={"name": "x"})
        assert hidden.text.replace(ACCOUNT, "N") == absent.text.replace("acct_none", "N")
        for path, body in [
            ("/stop", {"reason": "x"}),
            ("/suppressions", {"users": ["1"], "reason": "x"}),
            ("/audit/verify", {}),
            ("/hosts/none/forget", {"reason": "x"}),
        ]:
            refused = desk.post(f"/api/v1{path}", json=body)
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden"), path
