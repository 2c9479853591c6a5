"""Reading what the vendor's lists show, what it keeps for later, and what it is to send later."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from campaigns.adapters.upstream.read_queue import read_item, read_queue, read_saved, read_scheduled, scheduled_path
from tests.sandbox.conftest import bench

SAVED = "/api/acct_a/saved-for-later/messages?limit=50&offset=0"


def test_what_the_sandbox_keeps_is_read_with_its_users() -> None:
    vendor = bench()
    kept = vendor.send(saveForLater=True, text="Later", userIds=["7", "8"])["data"]["id"]
    vendor.send()

    found = read_saved(vendor.get(SAVED))

    assert found is not None
    (item,) = found
    assert (item.id, item.text, item.is_free, item.users) == (str(kept), "<p>Later</p>", True, frozenset({7, 8}))
    assert item.date is not None


def test_pages_are_asked_for_with_their_limit() -> None:
    vendor = bench()
    first, second = [vendor.send(saveForLater=True)["data"]["id"] for _ in range(2)]

    ids = [
        [item.id for item in read_saved(vendor.get(SAVED.replace("50&offset=0", page))) or []]
        for page in ("1&offset=0", "1&offset=1", "1&offset=2")
    ]

    assert ids == [[str(second)], [str(first)], []]
    assert vendor.ask("GET", SAVED.partition("?")[0]).status == 422


def test_what_is_not_said_is_none() -> None:
    def read(entity: dict[str, Any]) -> Any:
        items = read_saved({"data": [{"entity": {"queueId": 5, **entity}}]})
        assert items is not None
        return items[0]

    assert (read({}).text, read({}).users, read({}).is_free, read({}).date) == (None, None, None, None)
    assert read({"userIds": []}).users is None
    assert read({"userIds": ["x"]}).users is None
    assert read({"price": 5}).is_free is False
    assert read_saved({"data": {"list": [{"entity": {"queueId": 5}}]}}) is not None
    assert read_saved({"data": [{"entity": {}}, 7]}) == []
    assert read_saved([]) is None


DEEP = json.loads("[" * 900 + "]" * 900)


@pytest.mark.parametrize(
    "odd", [None, True, -1, 0.5, 10**4000, 10**20, "x" * 9000, "\x00\ud800", [], {}, DEEP, "0001-01-01T00:00:00+23:59"]
)
@pytest.mark.parametrize("name", ["date", "isDone", "text", "sentCount", "price", "mediaTypes", "userIds", "id"])
def test_an_odd_field_of_an_item_is_not_said_and_nothing_is_raised(name: str, odd: Any) -> None:
    item = {"id": 7, "text": "Hi", name: odd}
    shown = read_queue({"data": [item]})
    assert shown is not None
    assert all(each.date is None and len(each.id) <= 100 and "\x00" not in each.id for each in shown)
    content = read_item({"data": {"queue": item}})
    assert content is None or content.sent_count is None
    assert read_saved({"data": [{"entity": {"queueId": 7, **item}, "createdDateTime": odd}]}) is not None


def test_a_count_may_be_written_with_a_fraction_of_zero() -> None:
    content = read_item({"data": {"queue": {"id": 7, "sentCount": 967.0}}})
    assert content is not None
    assert content.sent_count == 967


def test_the_calendar_of_the_sandbox_is_read_day_by_day() -> None:
    vendor = bench()
    first, gone, _, late = [
        vendor.send(scheduledDate=f"2027-01-{day}T09:00:00Z", text="<b>Later</b>", price=price, mediaFiles=media)[
            "data"
        ]
        for day, price, media in (("15", 5, ["1"]), ("15", None, []), ("16", None, []), ("20", None, []))
    ]
    vendor.ask("DELETE", f"/api/acct_a/mass-messaging/{gone['id']}")
    vendor.send(saveForLater=True)
    vendor.send()

    def shown(first_day: int, last_day: int) -> list[Any]:
        found = read_scheduled(vendor.get(scheduled_path("acct_a", date(2027, 1, first_day), date(2027, 1, last_day))))
        assert found is not None
        return found

    (item,) = shown(15, 15)
    assert (item.id, item.text, item.is_free) == (str(first["id"]), "<p><b>Later</b></p>", False)
    assert item.date == datetime(2027, 1, 15, 9, tzinfo=UTC)
    assert [item.id for item in shown(17, 20)] == [str(late["id"])]
    assert len(shown(15, 20)) == 3


def test_a_calendar_that_is_not_whole_is_none() -> None:
    row = {"publishDateTime": "2027-01-15T09:00:00+00:00", "entity": {"queueId": 5}}

    def read(data: Any) -> Any:
        return read_scheduled({"data": data})

    assert read({"list": [row], "syncInProcess": True}) is None
    assert read({"list": [row] * 100}) is None, "so many may be cut"
    assert read({"list": [row]})[0].date == datetime(2027, 1, 15, 9, tzinfo=UTC)
    assert read([]) == []
    assert read(None) is None


def test_the_sandbox_refuses_a_calendar_that_the_vendor_would_refuse() -> None:
    vendor = bench()
    good = {"publishDateStart": "2027-01-15", "publishDateEnd": "2027-01-16", "timezone": "UTC"}
    for name, value in (
        ("publishDateStart", "2020-01-01"),
        ("publishDateStart", "soon"),
        ("publishDateEnd", "2027-01-14"),
        ("timezone", "Mars/Base"),
        ("limit", "101"),
    ):
        query = "&".join(f"{key}={part}" for key, part in {**good, name: value}.items())
        assert vendor.ask("GET", f"/api/acct_a/queue?{query}").status == 422
