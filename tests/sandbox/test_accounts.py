"""The key, its team, accounts and user lists."""

from __future__ import annotations

import json

import pytest

from tests.sandbox.conftest import AUTHORISED, MASS, bench


def test_whoami_names_the_team_and_has_no_meta() -> None:
    answer = bench(team="north").get("/api/whoami")
    assert answer["team"]["slug"] == "north"
    assert set(answer) == {"api_key", "team"}
    assert set(answer["api_key"]) == {"name", "last_used_at", "created_at"}


def test_the_default_team_is_called_sandbox() -> None:
    assert bench().get("/api/whoami")["team"]["slug"] == "sandbox"


def test_accounts_are_a_bare_array_of_those_seen() -> None:
    vendor = bench()
    assert vendor.get("/api/accounts") == []
    vendor.send("acct_b")
    vendor.get(MASS)
    rows = vendor.get("/api/accounts")
    assert [row["id"] for row in rows] == ["acct_b", "acct_a"]
    assert rows[0]["is_authenticated"] is True
    assert vendor.get(f"/api/accounts?onlyfans_username={rows[1]['onlyfans_username']}") == [rows[1]]


def test_a_list_of_accounts_makes_all_others_unknown() -> None:
    vendor = bench(accounts=["acct_b", "acct_c"])
    assert [row["id"] for row in vendor.get("/api/accounts")] == ["acct_b", "acct_c"]
    vendor.send("acct_b")
    reply = vendor.ask("POST", MASS, {"text": "x", "userIds": ["1"]})
    assert (reply.status, json.loads(reply.body)["code"]) == (404, "account_not_found")


def test_a_name_that_is_no_account_id_is_not_found() -> None:
    reply = bench().ask("GET", "/api/12345/mass-messaging")
    assert (reply.status, json.loads(reply.body)["code"]) == (404, "account_not_found")


def test_a_logged_out_account_is_seen_and_refused() -> None:
    vendor = bench(accounts=["acct_a", "acct_b"], logged_out=["acct_a"])
    assert [row["is_authenticated"] for row in vendor.get("/api/accounts")] == [False, True]
    reply = vendor.ask("POST", MASS, {"text": "x", "userIds": ["1"]})
    assert json.loads(reply.body)["onlyfans_response"]["status"] == 401


def test_user_lists_and_their_users_come_in_pages() -> None:
    vendor = bench(lists={"fans": list(range(1, 31)), 900: [5]})
    rows = vendor.get("/api/acct_a/user-lists?view=queue")["data"]
    assert [(row["id"], row["usersCount"]) for row in rows] == [("fans", 30), (900, 1)]
    assert vendor.get("/api/acct_a/user-lists/900")["data"]["id"] == 900
    first = vendor.get("/api/acct_a/user-lists/fans/users")["data"]
    assert ([user["id"] for user in first["list"]], first["hasMore"]) == (list(range(1, 11)), True)
    last = vendor.get("/api/acct_a/user-lists/fans/users?limit=100&offset=10")["data"]
    assert ([user["id"] for user in last["list"]], last["hasMore"]) == (list(range(11, 31)), False)
    assert vendor.ask("GET", "/api/acct_a/user-lists/901").status == 404
    for wrong in ("limit=9", "limit=51", "offset=-1", "view=all"):
        assert vendor.ask("GET", f"/api/acct_a/user-lists?{wrong}").status == 422


def test_lists_exist_with_made_up_users_unless_the_setup_names_some() -> None:
    vendor = bench()
    assert vendor.get("/api/acct_a/user-lists/fans")["data"]["usersCount"] == 25
    assert [row["id"] for row in vendor.get("/api/acct_a/user-lists")["data"]][:2] == ["fans", "recent"]


def test_a_send_to_lists_reaches_the_union_without_the_excluded() -> None:
    vendor = bench(lists={"fans": [1, 2, 3], "vip": [3, 4], "muted": [2]}, delivery_start_seconds=0, delivery_seconds=0)
    sent = vendor.send(userLists=["fans", "vip"], userIds=["4", "9"], excludedLists=["muted"])["data"]["id"]
    vendor.now += 1
    assert vendor.get(f"{MASS}/{sent}")["data"]["queue"]["sentCount"] == 4
    assert list(vendor.vendor.world.book.accepted()[0].users) == [1, 3, 4, 9]


def test_an_unknown_list_is_refused() -> None:
    reply = bench(lists={"fans": [1]}).ask("POST", MASS, {"text": "x", "userLists": ["friends"]})
    assert (reply.status, json.loads(reply.body)["onlyfans_response"]["status"]) == (400, 404)


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic key"}, {"authorization": "Bearer "}])
def test_no_key_is_401_with_error_alone(headers: dict[str, str]) -> None:
    reply = bench().ask("GET", "/api/whoami", headers=headers)
    assert (reply.status, set(json.loads(reply.body))) == (401, {"error"})


def test_named_keys_shut_out_all_others() -> None:
    vendor = bench(keys=["good"])
    assert vendor.ask("GET", "/api/whoami", headers=AUTHORISED).status == 401
    assert vendor.ask("GET", "/api/whoami", headers={"authorization": "Bearer good"}).status == 200
