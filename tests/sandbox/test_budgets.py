from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.conftest import MASS, Bench, bench

SEND = {"text": "Hi", "userIds": ["1"]}


def _statuses(vendor: Bench, times: int) -> list[int]:
    return [vendor.ask("POST", f"/api/acct_{number}/mass-messaging", SEND).status for number in range(times)]


def test_the_minute_is_shared_by_all_accounts_and_begins_with_its_first_request() -> None:
    vendor = bench(limit_per_minute=3)
    vendor.now += 45
    assert _statuses(vendor, 5) == [200, 200, 200, 429, 429]
    vendor.now += 59
    assert _statuses(vendor, 1) == [429]
    vendor.now += 1
    assert _statuses(vendor, 4) == [200, 200, 200, 429]


def test_a_calendar_window_ends_with_the_clocks_minute() -> None:
    vendor = bench(limit_per_minute=2, window="calendar")
    vendor.now += 59
    assert _statuses(vendor, 3) == [200, 200, 429]
    vendor.now += 1
    assert _statuses(vendor, 3) == [200, 200, 429]


def test_a_sliding_window_frees_slots_one_by_one() -> None:
    vendor = bench(limit_per_minute=2, window="sliding")
    assert _statuses(vendor, 1) == [200]
    vendor.now += 30
    assert _statuses(vendor, 2) == [200, 429]
    vendor.now += 30
    assert _statuses(vendor, 2) == [200, 429]


@pytest.mark.parametrize("window", ["fixed", "calendar", "sliding"])
def test_an_overlimit_request_is_a_marked_429_that_costs_nothing(window: str) -> None:
    vendor = bench(limit_per_minute=1, window=window)
    vendor.now += 12
    vendor.send()
    vendor.now += 1
    reply = vendor.ask("POST", MASS, SEND)
    headers = dict(reply.headers)
    assert reply.status == 429
    assert int(headers["Retry-After"]) == (47 if window == "calendar" else 59)
    assert headers["X-Rate-Limit-Remaining-Minute"] == "0"
    assert set(json.loads(reply.body)) == {"message"}
    assert vendor.vendor.world.credits == 999_999
    assert vendor.vendor.journal.summary()["overlimit"] == 1


def test_limits_stand_in_headers_and_meta_and_count_down() -> None:
    vendor = bench(limit_per_minute=60)
    vendor.get("/api/whoami")
    reply = vendor.ask("GET", MASS)
    headers, limits = dict(reply.headers), json.loads(reply.body)["_meta"]["_rate_limits"]
    assert limits == {"limit_minute": 60, "remaining_minute": 58, "limit_day": None, "remaining_day": None}
    assert (headers["X-Rate-Limit-Limit-Minute"], headers["X-Rate-Limit-Remaining-Minute"]) == ("60", "58")
    assert not any("Day" in name for name in headers)


def test_a_team_without_a_limit_has_nulls() -> None:
    vendor = bench(limit_per_minute=None)
    assert set(_statuses(vendor, 1200)) == {200}
    limits = vendor.get(MASS)["_meta"]["_rate_limits"]
    assert limits == {"limit_minute": None, "remaining_minute": None, "limit_day": None, "remaining_day": None}


def test_every_request_about_an_account_costs_one_credit() -> None:
    vendor = bench(credits=10)
    vendor.get("/api/whoami")
    vendor.get("/api/accounts")
    sent = vendor.send()
    assert sent["_meta"]["_credits"] == {"used": 1, "balance": 9, "note": "Always"}
    reply = vendor.ask("GET", MASS)
    headers = dict(reply.headers)
    assert (headers["X-OFAPI-Credits-Used"], headers["X-OFAPI-Credits-Balance"]) == ("1", "8")
    assert headers["X-OFAPI-Is-Cached"] == "false"


def test_without_credits_there_is_402_with_a_message_alone() -> None:
    vendor = bench(credits=1)
    vendor.send()
    reply = vendor.ask("POST", MASS, SEND)
    assert (reply.status, set(json.loads(reply.body))) == (402, {"message"})
    assert len(vendor.vendor.world.book.accepted()) == 1
    vendor.get("/api/whoami")


@pytest.mark.parametrize("target", ["/api/whoami", "/api/accounts"])
def test_replies_about_the_team_show_limits_but_no_credits(target: str) -> None:
    reply = bench().ask("GET", target)
    names = {name for name, _ in reply.headers}
    assert names == {"X-Rate-Limit-Limit-Minute", "X-Rate-Limit-Remaining-Minute"}
    body: Any = json.loads(reply.body)
    assert "_meta" not in body
