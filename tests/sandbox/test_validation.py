from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.conftest import MASS, bench


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("text", None),
        ("text", ""),
        ("text", 5),
        ("userIds", "1"),
        ("userIds.0", ["x"]),
        ("userIds.1", ["1", "-2"]),
        ("userIds.0", ["0"]),
        ("userIds.0", [0]),
        ("userIds.0", [True]),
        ("userIds.0", [1.5]),
        ("userIds.0", [""]),
        ("userIds.1", ["1", ""]),
        ("userIds.0", ["9223372036854775808"]),
        ("userIds.0", ["99999999999999999999"]),
        ("userIds.0", ["\u0661"]),
        ("userLists", "fans"),
        ("userLists", [{}]),
        ("excludedLists", "fans"),
        ("lockedText", "yes"),
        ("saveForLater", 1),
        ("giphyId", 5),
        ("price", "5"),
        ("price", True),
        ("price", 2),
        ("price", 2.99),
        ("price", 201),
        ("price", -3),
        ("mediaFiles", "77"),
        ("mediaFiles", [None]),
        ("mediaFiles", ["photo.jpg"]),
        ("mediaFiles", ["77", "https://example.org/photo.jpg"]),
        ("mediaFiles", [0]),
        ("mediaFiles", ["077"]),
        ("previews", [0]),
        ("previews", ["0"]),
        ("previews", ["78"]),
        ("previews", ["photo.jpg"]),
        ("userids", ["1"]),
        ("scheduleDate", "2027-02-01T00:00:00.000Z"),
        ("previews", {"0": 1}),
        ("rfTag", {"a": 1}),
        ("rfGuest", [[1]]),
        ("scheduledDate", "tomorrow"),
        ("scheduledDate", 1_900_000_000),
        ("scheduledDate", "2020-01-01T00:00:00.000Z"),
        ("subscribedWithinLastDays", 0),
        ("subscribedWithinLastDays", 31),
        ("subscribedWithinLastDays", "7"),
        ("blockBannedWords", "everything"),
        ("blockBannedWords", ["risky"]),
    ],
)
def test_a_wrong_field_is_422_by_its_name(field: str, wrong: Any) -> None:
    name = field.partition(".")[0]
    body = {"text": "Hi", "userIds": ["1"], "mediaFiles": ["77"], name: wrong}
    assert field in bench().errors(**body)


def test_a_422_has_laravels_shape_and_costs_nothing() -> None:
    reply = bench().ask("POST", MASS, {"userIds": ["x"]})
    answer = json.loads(reply.body)
    assert reply.status == 422
    assert answer["error"] == "VALIDATION_ERROR"
    assert answer["message"].startswith(answer["errors"]["text"][0])
    assert set(answer) == {"error", "message", "description", "errors", "_meta"}
    assert answer["_meta"]["_credits"] == {"used": 0, "balance": 1_000_000, "note": "Not charged"}
    assert ("X-OFAPI-Credits-Used", "0") in reply.headers


@pytest.mark.parametrize("recipients", [{}, {"userIds": []}, {"userLists": []}, {"excludedLists": ["fans"]}])
def test_a_body_without_recipients_is_refused_and_not_accepted(recipients: dict[str, Any]) -> None:
    vendor = bench()
    reply = vendor.ask("POST", MASS, {"text": "Hi", **recipients})
    assert reply.status == 422
    assert vendor.vendor.world.book.accepted() == []


@pytest.mark.parametrize(
    "body", [b"", b"no json", b"[1]", b'"text"', b"[" * 100_000, b'{"text": "Hi", "userIds": ["1"']
)
def test_a_body_that_is_no_object_lacks_its_text(body: bytes) -> None:
    reply = bench().ask("POST", MASS, body)
    assert "text" in json.loads(reply.body)["errors"]


@pytest.mark.parametrize(
    "fields",
    [
        {"price": 0},
        {"price": 3, "mediaFiles": [77]},
        {"price": 6.97, "mediaFiles": ["77"], "previews": ["77"]},
        {"price": 200, "mediaFiles": ["77"], "lockedText": True},
        {"userIds": [12345, "67890", "9223372036854775807"]},
        {"userIds": ["1", "1"]},
        {"userIds": [], "userLists": ["fans", 1234567890]},
        {"userIds": None, "subscribedWithinLastDays": 30},
        {"subscribedWithinLastDays": 1, "userLists": ["fans"]},
        {"rfTag": "5", "rfPartner": [5, "6"], "rfGuest": None},
        {"giphyId": "abc", "blockBannedWords": "strict_ban"},
        {"scheduledDate": "2027-02-01T00:00:00.000Z"},
        {"scheduledDate": "2027-02-01T00:00:00", "saveForLater": False},
        {"mediaFiles": ["9223372036854775807", "ofapi_media_a-B_9"]},
    ],
)
def test_right_fields_are_taken(fields: dict[str, Any]) -> None:
    assert bench().send(**fields)["data"]["id"]


def test_a_price_needs_media_and_previews_are_not_enough() -> None:
    assert "mediaFiles" in bench().errors(text="Hi", userIds=["1"], price=5, previews=["77"])


@pytest.mark.parametrize("other", [{"scheduledDate": "2027-02-01T00:00:00Z"}, {"saveForLater": True}])
def test_recent_subscribers_cannot_be_combined_with_a_later_time(other: dict[str, Any]) -> None:
    assert "subscribedWithinLastDays" in bench().errors(text="Hi", subscribedWithinLastDays=7, **other)


def test_a_user_named_twice_is_messaged_once() -> None:
    vendor = bench(delivery_start_seconds=0, delivery_seconds=0)
    vendor.send(userIds=["5", 5, "05"])
    assert list(vendor.vendor.world.book.accepted()[0].users) == [5]


def test_one_use_media_work_once() -> None:
    vendor = bench()
    vendor.send(mediaFiles=["ofapi_media_1", "77"])
    vendor.send(mediaFiles=["ofapi_media_2", "77"])
    assert "mediaFiles" in vendor.errors(text="Hi", userIds=["1"], mediaFiles=["ofapi_media_1"])
    assert "mediaFiles" in vendor.errors(text="Hi", userIds=["1"], mediaFiles=["ofapi_media_2"])


def test_a_422_does_not_spend_one_use_media_and_a_refusal_by_onlyfans_does() -> None:
    vendor = bench(bad_users=[666])
    vendor.ask("POST", MASS, {"text": "", "userIds": ["1"], "mediaFiles": ["ofapi_media_1"]})
    vendor.ask("POST", MASS, {"text": "Hi", "userIds": ["666"], "mediaFiles": ["ofapi_media_2"]})
    vendor.send(mediaFiles=["ofapi_media_1"])
    assert "mediaFiles" in vendor.errors(text="Hi", userIds=["1"], mediaFiles=["ofapi_media_2"])


def test_caps_are_off_unless_set() -> None:
    many = [str(user) for user in range(1, 5001)]
    assert bench().send(userIds=many, text="x" * 10_000)["data"]["id"]
    capped = bench(user_ids_cap=500, text_cap=1000)
    assert capped.send(userIds=many[:500], text="x" * 1000)["data"]["id"]
    assert set(capped.errors(userIds=many[:501], text="x" * 1001)) == {"userIds", "text"}


def test_banned_words_are_found_only_when_asked_for() -> None:
    vendor = bench(banned_words=["forbidden"])
    vendor.send(text="A Forbidden word")
    faults = vendor.errors(text="A Forb<b>idd</b>en word", userIds=["1"], blockBannedWords="risky")
    assert "forbidden" in faults["text"][0]


def test_one_bad_user_refuses_the_whole_batch() -> None:
    vendor = bench(bad_users=[666])
    reply = vendor.ask("POST", MASS, {"text": "Hi", "userIds": ["1", "666"]})
    answer = json.loads(reply.body)
    assert (reply.status, answer["onlyfans_response"]["status"], answer["_meta"]["_credits"]["used"]) == (400, 400, 1)
    assert vendor.vendor.world.book.accepted() == []
    vendor.send(userIds=["1"])


def test_bad_users_may_be_skipped_silently() -> None:
    vendor = bench(bad_users=[666], bad_user_answer="skip", delivery_start_seconds=0, delivery_seconds=0)
    sent = vendor.send(userIds=["1", "666"])["data"]["id"]
    vendor.now += 1
    assert vendor.get(f"{MASS}/{sent}")["data"]["queue"]["sentCount"] == 1
    assert list(vendor.vendor.world.book.accepted()[0].users) == [1]


def test_an_update_needs_its_previews_among_its_media() -> None:
    vendor = bench()
    later = vendor.send(scheduledDate="2027-02-01T00:00:00Z")["data"]["id"]
    body = {"text": "Hi", "mediaFiles": ["77"], "previews": ["78"]}
    assert "previews" in json.loads(vendor.ask("PUT", f"{MASS}/{later}", body).body)["errors"]
    assert "text" in json.loads(vendor.ask("PUT", f"{MASS}/{later}", {}).body)["errors"]
    assert vendor.ask("PUT", f"{MASS}/{later}", {**body, "previews": [77]}).status == 200


def test_an_update_refuses_unknown_fields_and_ignores_those_of_a_send() -> None:
    vendor = bench()
    later = vendor.send(scheduledDate="2027-02-01T00:00:00Z")["data"]["id"]
    assert vendor.ask("PUT", f"{MASS}/{later}", {"text": "Hi", "saveForLater": True}).status == 200
    assert (
        "mediaFile" in json.loads(vendor.ask("PUT", f"{MASS}/{later}", {"text": "Hi", "mediaFile": []}).body)["errors"]
    )


def test_endless_unknown_fields_are_not_all_listed() -> None:
    assert len(bench().errors(text="Hi", userIds=["1"], **{f"x{number}": 1 for number in range(1000)})) == 20
