from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from tests.sandbox.conftest import MASS, Start


def test_accepted_says_what_was_really_accepted(start: Start) -> None:
    sandbox = start()
    body = b'{"text":"Hi","userIds":["9007199254740993","2"],"userLists":[],"price":3,"mediaFiles":["77"]}'
    sent = sandbox.client.post(MASS, content=body).json()["data"]
    (row,) = sandbox.accepted()
    assert row.pop("at").endswith("+00:00")
    assert row == {
        "id": str(sent["id"]),
        "account": "acct_a",
        "text": "Hi",
        "price": 3.0,
        "users": 2,
        "user_ids": ["2", "9007199254740993"],
        "user_lists": [],
        "scheduled_for": None,
        "saved": False,
        "request_sha256": sha256(body).hexdigest(),
        "answer_delivered": True,
        "has_error": False,
        "cancelled": False,
        "fault": None,
    }


def test_accepted_can_be_narrowed_and_paged(start: Start) -> None:
    sandbox = start()
    for account in ("acct_a", "acct_b", "acct_a"):
        sandbox.post(account)

    def shown(**query: str) -> list[Any]:
        return list(sandbox.client.get("/sandbox/accepted", params=query).json()["accepted"])

    everything = shown()
    assert [row["account"] for row in everything] == ["acct_a", "acct_b", "acct_a"]
    assert shown(account="acct_b") == everything[1:2]
    assert shown(after=everything[0]["id"], limit="1") == everything[1:2]
    assert "user_ids" not in shown(users="false")[0]
    assert sandbox.client.get("/sandbox/accepted?limit=x").status_code == 422


def test_the_summary_counts_users_once_for_each_account(start: Start) -> None:
    sandbox = start()
    sandbox.post("acct_a", userIds=["1", "2", "3"])
    sandbox.post("acct_b", userIds=["3", "4"])
    sandbox.post("acct_a", userIds=["3", "5"], text="Other")
    summary = sandbox.summary()
    assert summary["accepted_sends"] == summary["answers_delivered"] == 3
    assert (summary["users"], summary["users_accepted"]) == (5, 7)
    assert summary["users_by_account"] == {"acct_a": 4, "acct_b": 2}
    assert summary["repeated"] == 1
    assert summary["repeated_users"] == [{"account": "acct_a", "user_id": "3", "times": 2}]
    assert sandbox.summary(text="Hi")["repeated"] == 0
    assert sandbox.summary(account="acct_b")["users"] == 2


def test_the_summary_counts_requests_by_outcome(start: Start) -> None:
    sandbox = start(limit_per_minute=4, script=[{"fault": "html_502"}])
    statuses = [sandbox.post().status_code, sandbox.post().status_code, sandbox.post(text="").status_code]
    statuses += [sandbox.client.get("/api/whoami").status_code, sandbox.post().status_code]
    assert statuses == [502, 200, 422, 200, 429]
    assert sandbox.client.get("/nowhere").status_code == 404
    summary = sandbox.summary()
    assert summary["requests_by_outcome"] == {
        "html_502": 1, "invalid": 1, "no_such_path": 1, "over_limit": 1, "served": 2,
    }  # fmt: skip
    assert (summary["requests"], summary["overlimit"]) == (6, 1)


def test_a_throttle_by_script_is_not_counted_as_overlimit(start: Start) -> None:
    sandbox = start(script=[{"fault": "throttled_by_vendor"}])
    sandbox.post()
    assert sandbox.summary()["overlimit"] == 0


def test_inspection_needs_no_key_and_uses_no_budget(start: Start) -> None:
    sandbox = start(limit_per_minute=1, keys=["other"])
    for path in ("accepted", "summary", "requests", "faults"):
        assert sandbox.client.get(f"/sandbox/{path}").status_code == 200
    assert sandbox.summary()["requests"] == 0


def test_requests_tell_each_request_by_number(start: Start) -> None:
    sandbox = start(script=[{"fault": "late_in_list"}])
    sent = sandbox.post().json()["data"]["id"]
    sandbox.client.get(f"{MASS}?x=1")
    first, second = sandbox.requests()
    assert (first["number"], first["method"], first["kind"], first["account"]) == (1, "POST", "send", "acct_a")
    assert (first["message_id"], first["fault"], first["outcome"]) == (str(sent), "late_in_list", "served")
    assert (second["path"], second["status"], second["message_id"]) == (f"{MASS}?x=1", 200, None)
    assert sandbox.client.get("/sandbox/requests?after=1&limit=5").json()["requests"] == [second]


def test_faults_can_be_changed_at_run_time(start: Start) -> None:
    sandbox = start(limit_per_minute=100)
    assert sandbox.post().status_code == 200
    answer = sandbox.client.put(
        "/sandbox/faults", content=b"script:\n  - {fault: html_502, times: 2}\nlimit_per_minute: 50\n"
    )
    assert answer.status_code == 200
    response = sandbox.post()
    assert (response.status_code, response.headers["X-Rate-Limit-Remaining-Minute"]) == (502, "48")
    shown = sandbox.client.get("/sandbox/faults").json()
    assert shown["script"] == [{"fault": "html_502", "times": 2, "seen": 1, "struck": 1}]
    assert shown["limit_per_minute"] == 50
    assert len(sandbox.accepted()) == 1


def test_credits_stay_when_faults_change_unless_they_are_named(start: Start) -> None:
    sandbox = start(credits=100)
    sandbox.post()
    sandbox.client.put("/sandbox/faults", json={"seed": 2})
    assert sandbox.post().headers["X-OFAPI-Credits-Balance"] == "98"
    sandbox.client.put("/sandbox/faults", json={"credits": 7})
    assert sandbox.post().headers["X-OFAPI-Credits-Balance"] == "6"


@pytest.mark.parametrize("body", [b"script: [{fault: nonsense}]", b"\xff", b"- 1", b"a: ["])
def test_wrong_faults_change_nothing(start: Start, body: bytes) -> None:
    sandbox = start(limit_per_minute=77)
    response = sandbox.client.put("/sandbox/faults", content=body)
    assert response.status_code == 422
    assert response.json()["error"].startswith("The body")
    assert sandbox.client.get("/sandbox/faults").json()["limit_per_minute"] == 77


def test_keys_are_not_shown(start: Start) -> None:
    assert "secret-key" not in start(keys=["secret-key"]).client.get("/sandbox/faults").text


def test_forgetting_begins_everything_anew(start: Start) -> None:
    sandbox = start(credits=10, script=[{"fault": "html_502"}])
    sandbox.post()
    first = sandbox.post().json()["data"]["id"]
    sandbox.client.delete("/sandbox/state")
    summary = sandbox.summary()
    assert (summary["accepted_sends"], summary["requests"], summary["most_in_flight"]) == (0, 0, {})
    assert sandbox.client.get("/api/accounts").json() == []
    assert sandbox.post().status_code == 502
    again = sandbox.post()
    assert again.json()["data"]["id"] == first
    assert again.headers["X-OFAPI-Credits-Balance"] == "9"


def test_unknown_questions_are_404(start: Start) -> None:
    response = start().client.post("/sandbox/nonsense")
    assert response.status_code == 404
    assert "/sandbox/nonsense" in response.json()["error"]


def test_a_hundred_thousand_recipients_are_counted(start: Start) -> None:
    sandbox = start(limit_per_minute=None)
    for batch in range(200):
        users = [str(batch * 500 + number + 1) for number in range(500)]
        assert sandbox.post(userIds=users).status_code == 200
    summary = sandbox.summary()
    assert (summary["users"], summary["repeated"]) == (100_000, 0)
    assert summary["most_sends_in_flight"] == {"acct_a": 1}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[" * 100_000, "nested too deep"),
        (b'{"a":' * 50_000, "nested too deep"),
        (b"team: 2026-99-99", "is not YAML"),
        (b"credits: " + b"9" * 5000, ""),
        (b"- a\n- b\n", "it is a list"),
        (b"&a [*a]", "it is a list"),
        (b"&a [x, x]\n", "it is a list"),
        (b"\xff\xfe", "the single value"),
    ],
)
def test_an_odd_setup_is_refused_in_one_sentence(start: Start, body: bytes, words: str) -> None:
    sandbox = start(team="before")
    answer = sandbox.client.put("/sandbox/faults", content=body)
    assert answer.status_code == 422
    assert words in answer.json()["error"]
    assert len(answer.text) < 600
    assert sandbox.client.get("/sandbox/faults").json()["team"] == "before"


def test_a_small_setup_that_stands_for_a_huge_one_is_refused_at_once(start: Start) -> None:
    laughs = b"a0: &a0 [x]\n" + b"".join(
        b"a%d: &a%d [%s]\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 12)
    )
    for body in (laughs, b"? " + b"[" * 10 + b"]" * 10, b"[" + laughs.replace(b"\n", b",") + b"]"):
        answer = start().client.put("/sandbox/faults", content=body)
        assert answer.status_code == 422
        assert len(answer.text) < 2000
