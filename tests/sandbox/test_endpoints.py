from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from campaigns.sandbox.ledger import Ledger
from campaigns.sandbox.setup import Setup
from campaigns.sandbox.vendor import Vendor
from tests.sandbox.conftest import MASS, NOON, Bench, bench

BOOLEAN, INTEGER, TEXT = {"type": "boolean"}, {"type": "integer"}, {"type": "string"}
META = {
    "type": "object",
    "required": ["_credits", "_cache", "_rate_limits"],
    "properties": {
        "_credits": {
            "type": "object",
            "required": ["used", "balance", "note"],
            "properties": {"used": INTEGER, "balance": INTEGER, "note": TEXT},
        },
        "_cache": {
            "type": "object",
            "required": ["is_cached", "note"],
            "properties": {"is_cached": BOOLEAN, "note": TEXT},
        },
        "_rate_limits": {
            "type": "object",
            "required": ["limit_minute", "remaining_minute", "limit_day", "remaining_day"],
            "properties": {
                "limit_minute": INTEGER,
                "remaining_minute": INTEGER,
                "limit_day": {"type": "null"},
                "remaining_day": {"type": "null"},
            },
        },
    },
}
SHORT_FORM = {
    "id": INTEGER,
    "date": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$"},
    "isReady": BOOLEAN,
    "isDone": BOOLEAN,
    "total": INTEGER,
    "pending": INTEGER,
    "canUnsend": BOOLEAN,
    "unsendSeconds": INTEGER,
    "hasError": BOOLEAN,
    "isCanceled": BOOLEAN,
    "isCouplePeopleMedia": BOOLEAN,
}
LONG_FORM = {
    "id", "date", "text", "textCropped", "giphyId", "isFree", "sentCount", "viewedCount", "canUnsend", "unsendSeconds",
    "isCanceled", "mediaTypes", "hasError", "releaseForms",
}  # fmt: skip
OVERVIEW_FORM = {
    "id", "date", "responseType", "text", "rawText", "giphyId", "isFree", "isMediaReady", "mediaCount", "media",
    "previews", "isTip", "isReportedByMe", "viewedCount", "sentCount", "isCanceled", "template", "canUnsend",
    "unsendSeconds",
}  # fmt: skip


def _exactly(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def test_a_send_answers_with_the_short_form_and_meta() -> None:
    answer = bench().send()
    jsonschema.validate(answer, _exactly({"data": _exactly(SHORT_FORM), "_meta": META}))
    assert answer["data"]["id"] > 2**32
    assert (answer["data"]["total"], answer["data"]["pending"], answer["data"]["isDone"]) == (-1, 0, False)
    assert (answer["data"]["canUnsend"], answer["data"]["unsendSeconds"]) == (True, 1_000_000)


def test_delivery_counts_down_and_ends() -> None:
    vendor = bench(delivery_start_seconds=10, delivery_seconds=100)
    sent = vendor.send(userIds=[str(user) for user in range(1, 11)])["data"]["id"]

    def seen() -> tuple[int, int, bool]:
        row = vendor.get(MASS)["data"][0]
        return row["total"], row["pending"], row["isDone"]

    assert seen() == (-1, 0, False)
    vendor.now += 60
    assert seen() == (10, 5, False)
    assert vendor.get(f"{MASS}/{sent}")["data"]["queue"]["sentCount"] == 5
    vendor.now += 50
    assert seen() == (10, 0, True)
    assert vendor.get(f"{MASS}/{sent}")["data"]["queue"]["sentCount"] == 10


def test_the_list_has_short_forms_newest_first_of_one_account() -> None:
    vendor = bench()
    first = vendor.send()["data"]["id"]
    vendor.now += 5
    second = vendor.send()["data"]["id"]
    vendor.send("acct_b")
    rows = vendor.get(MASS)["data"]
    assert [row["id"] for row in rows] == [second, first]
    assert set(rows[0]) == set(SHORT_FORM)


def test_an_item_by_id_has_the_long_form_without_is_done() -> None:
    vendor = bench()
    sent = vendor.send(text="Hello " * 20, price=5, mediaFiles=["77"])["data"]["id"]
    data = vendor.get(f"{MASS}/{sent}")["data"]
    assert data["success"] is True
    assert set(data["queue"]) == LONG_FORM
    assert data["queue"]["text"] == "Hello " * 20
    assert data["queue"]["textCropped"] == ("Hello " * 20)[:50]
    assert data["queue"]["isFree"] is False


@pytest.mark.parametrize("item", ["40627236721", "nonsense", "0"])
def test_an_unknown_item_is_onlyfans_404_and_costs_a_credit(item: str) -> None:
    vendor = bench()
    for method, body in (("GET", None), ("DELETE", None), ("PUT", {"text": "x"})):
        reply = vendor.ask(method, f"{MASS}/{item}", body)
        answer = json.loads(reply.body)
        assert reply.status == 404
        assert answer["error"] == "ONLYFANS_COM_ERROR"
        assert answer["onlyfans_response"]["status"] == 404
        assert answer["_meta"]["_credits"]["used"] == 1


def test_an_item_of_another_account_is_unknown() -> None:
    vendor = bench()
    sent = vendor.send("acct_b")["data"]["id"]
    assert vendor.ask("GET", f"{MASS}/{sent}").status == 404


def test_a_delete_cancels_and_a_second_one_finds_nothing() -> None:
    vendor = bench()
    sent = vendor.send()["data"]["id"]
    queue = json.loads(vendor.ask("DELETE", f"{MASS}/{sent}").body)["data"]["queue"]
    assert set(queue) == LONG_FORM
    assert (queue["isCanceled"], queue["canUnsend"], queue["unsendSeconds"]) == (True, False, 0)
    row = vendor.get(MASS)["data"][0]
    assert (row["isCanceled"], row["isDone"], row["canUnsend"]) == (True, True, False)
    assert vendor.ask("DELETE", f"{MASS}/{sent}").status == 404


def test_a_second_delete_may_be_told_to_answer_as_the_first() -> None:
    vendor = bench(delete_again="same_answer")
    sent = vendor.send()["data"]["id"]
    answers = [json.loads(vendor.ask("DELETE", f"{MASS}/{sent}").body)["data"] for _ in range(2)]
    assert answers[0] == answers[1]


def test_an_unsent_item_is_delivered_no_further() -> None:
    vendor = bench(delivery_start_seconds=0, delivery_seconds=100)
    sent = vendor.send(userIds=[str(user) for user in range(1, 101)])["data"]["id"]
    vendor.now += 30
    vendor.ask("DELETE", f"{MASS}/{sent}")
    vendor.now += 1000
    assert vendor.get(f"{MASS}/{sent}")["data"]["queue"]["sentCount"] == 30


def test_a_scheduled_item_waits_for_its_time() -> None:
    vendor = bench(delivery_start_seconds=1, delivery_seconds=0)
    vendor.send(scheduledDate="2027-01-15T09:00:00.000Z")
    due = 1_800_003_600.0
    row = vendor.get(MASS)["data"][0]
    assert (row["date"], row["isDone"], row["total"]) == ("2027-01-15T09:00:00+00:00", False, -1)
    assert vendor.get(f"{MASS}/overview")["data"]["items"] == []
    vendor.now = due + 1
    assert vendor.get(MASS)["data"][0]["isDone"] is True
    assert len(vendor.get(f"{MASS}/overview")["data"]["items"]) == 1


def test_a_scheduled_item_can_be_updated_and_a_sent_one_cannot() -> None:
    vendor = bench()
    later = vendor.send(scheduledDate="2027-01-15T09:00:00Z", price=5, mediaFiles=["77"])["data"]["id"]
    reply = vendor.ask("PUT", f"{MASS}/{later}", {"text": "New", "scheduledDate": "2027-01-15T10:00:00Z"})
    answer = json.loads(reply.body)
    jsonschema.validate(answer, _exactly({"data": _exactly(SHORT_FORM), "_meta": META}))
    assert answer["data"]["date"] == "2027-01-15T10:00:00+00:00"
    queue = vendor.get(f"{MASS}/{later}")["data"]["queue"]
    assert (queue["text"], queue["isFree"]) == ("New", True)
    sent = vendor.send()["data"]["id"]
    refused = vendor.ask("PUT", f"{MASS}/{sent}", {"text": "New"})
    assert refused.status == 400


def test_an_update_may_change_the_recipients_or_keep_them() -> None:
    vendor = bench(delivery_start_seconds=0, delivery_seconds=0)
    ids = [vendor.send(scheduledDate="2027-01-15T09:00:00Z")["data"]["id"] for _ in range(2)]
    vendor.ask("PUT", f"{MASS}/{ids[0]}", {"text": "New", "userIds": ["7", "8", "9"], "excludedLists": "ignored"})
    vendor.ask("PUT", f"{MASS}/{ids[1]}", {"text": "New"})
    vendor.now += 10_000
    counts = [vendor.get(f"{MASS}/{item}")["data"]["queue"]["sentCount"] for item in ids]
    assert counts == [3, 2]


def test_a_saved_item_is_in_no_list_and_is_never_delivered() -> None:
    vendor = bench()
    saved = vendor.send(saveForLater=True)["data"]["id"]
    vendor.now += 1000
    assert vendor.get(MASS)["data"] == []
    assert vendor.get(f"{MASS}/overview")["data"]["items"] == []
    assert vendor.get(f"{MASS}/{saved}")["data"]["queue"]["sentCount"] == 0
    assert vendor.ask("DELETE", f"{MASS}/{saved}").status == 200


def test_the_overview_wraps_text_and_pages_by_end_date() -> None:
    vendor = bench()
    for number in range(12):
        vendor.send(text=f"Number {number}")
        vendor.now += 60
    first = vendor.get(f"{MASS}/overview")["data"]
    assert set(first["items"][0]) == OVERVIEW_FORM
    assert (len(first["items"]), first["hasMore"]) == (10, True)
    assert first["items"][0]["text"] == first["items"][0]["rawText"] == "<p>Number 11</p>"
    end = first["items"][-1]["date"][:19].replace("T", "%20")
    second = vendor.get(f"{MASS}/overview?endDate={end}")["data"]
    assert [item["text"] for item in second["items"]] == ["<p>Number 2</p>", "<p>Number 1</p>", "<p>Number 0</p>"]
    assert second["hasMore"] is False


def test_the_overview_finds_words_and_dates() -> None:
    vendor = bench()
    vendor.send(text="<p>Summer <b>sale</b></p>")
    vendor.now += 3600
    vendor.send(text="Winter")
    found = vendor.get(f"{MASS}/overview?query=summer%20SALE")["data"]["items"]
    assert [item["text"] for item in found] == ["<p>Summer <b>sale</b></p>"]
    later = vendor.get(f"{MASS}/overview?startDate=2027-01-15%2008:30:00")["data"]["items"]
    assert [item["text"] for item in later] == ["<p>Winter</p>"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=51",
        "limit=x",
        "startDate=2027-01-15",
        "startDate=2027-01-15%2008:00:00&endDate=2027-01-14%2008:00:00",
    ],
)
def test_the_overview_refuses_wrong_questions(query: str) -> None:
    reply = bench().ask("GET", f"{MASS}/overview?{query}")
    assert reply.status == 422
    assert json.loads(reply.body)["_meta"]["_credits"]["used"] == 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/api/acct_a/chats", 404),
        ("POST", "/api/acct_a/mass-messaging/1/2", 404),
        ("PATCH", MASS, 405),
        ("DELETE", "/api/whoami", 405),
    ],
)
def test_paths_and_methods_that_do_not_exist_are_refused(method: str, path: str, status: int) -> None:
    assert bench().ask(method, path).status == status


def test_times_are_whole_seconds_in_utc() -> None:
    vendor = bench()
    vendor.now = NOON + 0.75
    assert vendor.send()["data"]["date"] == "2027-01-15T08:00:00+00:00"


@pytest.mark.parametrize("setup", [{"unsendable_seconds": 60}, {"script": [{"fault": "cannot_unsend", "seconds": 60}]}])
def test_an_item_may_be_too_old_to_be_unsent(setup: dict[str, Any]) -> None:
    vendor = bench(**setup)
    old, later = vendor.send()["data"]["id"], vendor.send(scheduledDate="2027-01-15T09:00:00Z")["data"]["id"]
    assert vendor.get(f"{MASS}/{old}")["data"]["queue"]["canUnsend"] is True
    vendor.now += 60

    refused = vendor.ask("DELETE", f"{MASS}/{old}")

    assert (refused.status, json.loads(refused.body)["onlyfans_response"]["status"]) == (400, 400)
    queue = vendor.get(f"{MASS}/{old}")["data"]["queue"]
    assert (queue["canUnsend"], queue["unsendSeconds"], queue["isCanceled"]) == (False, 0, False)
    assert vendor.ask("DELETE", f"{MASS}/{later}").status == 200


def test_a_late_delete_may_answer_without_success() -> None:
    vendor = bench(unsendable_seconds=0, late_delete="success_false")
    sent = vendor.send()["data"]["id"]
    data = json.loads(vendor.ask("DELETE", f"{MASS}/{sent}").body)["data"]
    assert (data["success"], data["queue"]["isCanceled"]) == (False, False)


def test_what_an_item_says_of_unsending_survives_a_restart(tmp_path: Path) -> None:
    setup, path = Setup.model_validate({"unsendable_seconds": 60}), tmp_path / "ledger"
    first = Bench(setup)
    first_ledger = Ledger(path)
    first.vendor = Vendor(setup, first_ledger, lambda: first.now)
    sent, unsent = (first.send()["data"]["id"] for _ in range(2))
    first.ask("DELETE", f"{MASS}/{unsent}")
    first_ledger.close()
    again = Bench(setup, now=first.now + 60)
    again.vendor = Vendor(setup, Ledger(path), lambda: again.now)
    shown = {each: again.get(f"{MASS}/{each}")["data"]["queue"] for each in (sent, unsent)}
    assert [(item["canUnsend"], item["isCanceled"]) for item in shown.values()] == [(False, False), (False, True)]
