"""Every fault over a real socket: what the client sees, and what was accepted."""

from __future__ import annotations

import socket
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from campaigns.sandbox.faults import FAULTS, Stage
from tests.sandbox.conftest import MASS, Start

SILENT = {
    "lost_answer": (httpx.RemoteProtocolError, 1),
    "half_answer": (httpx.RemoteProtocolError, 1),
    "hang": (httpx.ReadTimeout, 1),
    "dropped_before_acting": (httpx.RemoteProtocolError, 0),
    "hang_before_acting": (httpx.ReadTimeout, 0),
}
ANSWERED = {
    "answer_500_after_accepting": (500, 1),
    "answer_502_after_accepting": (502, 1),
    "answer_504_after_accepting": (504, 1),
    "html_502_after_accepting": (502, 1),
    "accepted_with_error_flag": (200, 1),
    "accepted_without_id": (200, 1),
    "accepted_with_html": (200, 1),
    "drip": (200, 1),
    "slow_answer": (200, 1),
    "answer_500_before_acting": (500, 0),
    "answer_502_before_acting": (502, 0),
    "answer_504_before_acting": (504, 0),
    "html_502": (502, 0),
    "throttled_without_marks": (429, 0),
    "answer_408": (408, 0),
    "answer_409": (409, 0),
    "throttled_by_vendor": (429, 0),
    "throttled_by_onlyfans": (429, 0),
    "wrapped_429": (500, 0),
    "no_credits": (402, 0),
    "key_refused": (401, 0),
    "key_forbidden": (403, 0),
    "account_not_found": (404, 0),
    "account_logged_out": (500, 0),
    "wrapped_403": (500, 0),
    "refused_by_onlyfans": (400, 0),
    "not_sent_hint": (500, 0),
    "redirect": (302, 0),
    "no_such_path": (404, 0),
}
PARAMETERS: dict[str, dict[str, Any]] = {"drip": {"seconds": 0}, "slow_answer": {"seconds": 0.01}}


def test_every_fault_of_an_answer_to_a_send_is_tested_here() -> None:
    answers = {name for name, fault in FAULTS.items() if fault.stage is not Stage.ITEM and not fault.deletes_only}
    assert answers == SILENT.keys() | ANSWERED.keys()


@pytest.mark.parametrize("fault", SILENT)
def test_a_fault_without_answer(start: Start, fault: str) -> None:
    seen, accepted = SILENT[fault]
    sandbox = start(script=[{"fault": fault}])
    with pytest.raises(seen):
        sandbox.post(timeout=0.3)
    (request,) = sandbox.judged()
    assert len(sandbox.accepted()) == accepted
    assert [row["answer_delivered"] for row in sandbox.accepted()] == [False] * accepted
    assert (request["fault"], request["outcome"]) == (fault, fault)
    assert request["status"] == (200 if fault == "half_answer" else None)
    assert sandbox.post().status_code == 200


@pytest.mark.parametrize("fault", ANSWERED)
def test_a_fault_with_an_answer(start: Start, fault: str) -> None:
    status, accepted = ANSWERED[fault]
    sandbox = start(script=[{"fault": fault, **PARAMETERS.get(fault, {})}])
    response = sandbox.post()
    assert response.status_code == status
    assert len(sandbox.accepted()) == accepted
    request = sandbox.requests()[0]
    assert (request["fault"], request["outcome"], request["status"]) == (fault, fault, status)


@pytest.mark.parametrize("fault", ["lost_answer", "dropped_before_acting"])
def test_a_connection_can_be_reset_instead_of_closed(start: Start, fault: str) -> None:
    sandbox = start(script=[{"fault": fault, "cut": "reset"}])
    with pytest.raises(httpx.ReadError):
        sandbox.post()


def test_a_hang_may_end_by_itself(start: Start) -> None:
    sandbox = start(script=[{"fault": "hang", "seconds": 0.05}])
    with pytest.raises(httpx.RemoteProtocolError):
        sandbox.post()
    assert len(sandbox.accepted()) == 1


def test_a_drip_is_one_byte_at_a_time(start: Start) -> None:
    sandbox = start(script=[{"fault": "drip", "seconds": 60}])
    body = b'{"text":"Hi","userIds":["1"]}'
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer key\r\nContent-Length: %d\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2])), timeout=20) as connection:
        connection.sendall(head % (MASS.encode(), len(body)) + body)
        assert connection.recv(65536) == b"H"
    assert [row["answer_delivered"] for row in sandbox.accepted()] == [False]


def test_a_drip_that_ends_is_delivered(start: Start) -> None:
    sandbox = start(script=[{"fault": "drip", "seconds": 0}])
    assert sandbox.post().json()["data"]["id"]
    assert [row["answer_delivered"] for row in sandbox.accepted()] == [True]


@pytest.mark.parametrize("fault", ["throttled_by_vendor", "throttled_by_onlyfans"])
@pytest.mark.parametrize(("given", "seconds"), [("small", "1"), ("large", "120"), (2.5, "2.5"), ("missing", None)])
def test_a_throttle_says_when_to_come_back(start: Start, fault: str, given: object, seconds: str | None) -> None:
    sandbox = start(script=[{"fault": fault, "retry_after": given}])
    assert sandbox.post().headers.get("Retry-After") == seconds


def test_a_throttle_may_name_a_date(start: Start) -> None:
    sandbox = start(script=[{"fault": "throttled_by_onlyfans", "retry_after": 3600, "retry_after_as": "http-date"}])
    response = sandbox.post()
    assert response.headers["Retry-After"].endswith(" GMT")
    parsedate_to_datetime(response.headers["Retry-After"])


def test_each_throttle_has_its_own_marks(start: Start) -> None:
    faults = [
        {"fault": "throttled_by_vendor"},
        {"fault": "throttled_by_onlyfans"},
        {"fault": "throttled_by_onlyfans", "cloudflare": True},
        {"fault": "throttled_without_marks"},
        {"fault": "wrapped_429"},
    ]
    sandbox = start(script=faults)
    vendor, onlyfans, cloudflare, unmarked, wrapped = [sandbox.post() for _ in faults]
    assert vendor.headers["X-Rate-Limit-Remaining-Minute"] == "0"
    assert onlyfans.json()["error"] == "ONLYFANS_COM_RATE_LIMIT_ERROR"
    assert onlyfans.headers["X-OFAPI-Credits-Used"] == "1"
    assert cloudflare.json()["message"].startswith("CF:ONLYFANS_COM_RATE_LIMIT_ERROR")
    assert "Retry-After" not in unmarked.headers
    assert unmarked.headers["X-Rate-Limit-Remaining-Minute"] != "0"
    assert wrapped.json()["onlyfans_response"]["status"] == 429
    assert "ONLYFANS_COM_RATE_LIMIT_ERROR" in wrapped.json()["message"]


def test_upstream_errors_are_wrapped_and_cost_a_credit(start: Start) -> None:
    faults = {
        "wrapped_403": 403,
        "refused_by_onlyfans": 400,
        "answer_502_before_acting": 502,
        "account_logged_out": 401,
    }
    sandbox = start(script=[{"fault": fault} for fault in faults])
    for upstream in faults.values():
        answer = sandbox.post().json()
        assert answer["error"] == "ONLYFANS_COM_ERROR"
        assert answer["onlyfans_response"]["status"] == upstream
        assert answer["_meta"]["_credits"]["used"] == 1


def test_a_502_after_accepting_looks_like_one_before(start: Start) -> None:
    sandbox = start(script=[{"fault": "answer_502_after_accepting"}, {"fault": "answer_502_before_acting"}])
    after, before = sandbox.post(), sandbox.post()
    assert after.json()["onlyfans_response"] == before.json()["onlyfans_response"]
    assert len(sandbox.accepted()) == 1


def test_html_is_no_json(start: Start) -> None:
    sandbox = start(script=[{"fault": "html_502"}, {"fault": "accepted_with_html"}])
    for _ in range(2):
        response = sandbox.post()
        assert response.headers["Content-Type"].startswith("text/html")
        assert response.text.startswith("<!DOCTYPE html>")


def test_an_accepted_send_may_lack_its_id_or_carry_the_error_flag(start: Start) -> None:
    sandbox = start(script=[{"fault": "accepted_without_id"}, {"fault": "accepted_with_error_flag"}])
    without = sandbox.post().json()["data"]
    assert "id" not in without
    assert without["isReady"] is True
    flagged = sandbox.post().json()["data"]
    assert flagged["hasError"] is True
    assert [row["has_error"] for row in sandbox.accepted()] == [False, True]


def test_an_item_with_the_error_flag_reaches_nobody(start: Start) -> None:
    sandbox = start(delivery_start_seconds=0, delivery_seconds=0, script=[{"fault": "accepted_with_error_flag"}])
    sent = sandbox.post().json()["data"]["id"]
    queue = sandbox.client.get(f"{MASS}/{sent}").json()["data"]["queue"]
    assert (queue["hasError"], queue["sentCount"]) == (True, 0)


def test_a_hint_says_that_nothing_was_sent(start: Start) -> None:
    assert start(script=[{"fault": "not_sent_hint"}]).post().json()["request_outcome"] == "not_sent"


def test_an_account_that_was_logged_out_stays_so_until_the_faults_change(start: Start) -> None:
    sandbox = start(script=[{"fault": "account_logged_out"}])
    sandbox.post()
    assert sandbox.post().status_code == 500
    assert sandbox.post("acct_b").status_code == 200
    rows = {row["id"]: row["is_authenticated"] for row in sandbox.client.get("/api/accounts").json()}
    assert rows == {"acct_a": False, "acct_b": True}
    assert sandbox.client.put("/sandbox/faults", content=b"{}").status_code == 200
    assert sandbox.post().status_code == 200


def test_reads_can_fail_too(start: Start) -> None:
    sandbox = start(script=[{"fault": "html_502", "request": "list"}, {"fault": "lost_answer", "request": "whoami"}])
    assert sandbox.client.get(MASS).status_code == 502
    with pytest.raises(httpx.RemoteProtocolError):
        sandbox.client.get("/api/whoami")
    assert sandbox.post().status_code == 200


def test_an_unsend_can_happen_without_its_answer(start: Start) -> None:
    sandbox = start(script=[{"fault": "lost_answer", "request": "delete", "times": 2}])
    sent = sandbox.post().json()["data"]["id"]
    for _ in range(2):  # the second time the answer that gets lost is a 404
        with pytest.raises(httpx.RemoteProtocolError):
            sandbox.client.delete(f"{MASS}/{sent}")
    assert sandbox.accepted()[0]["cancelled"] is True
    assert sandbox.client.delete(f"{MASS}/{sent}").status_code == 404


@pytest.mark.parametrize(("fault", "status"), [("refused_by_onlyfans", 422), ("throttled_by_onlyfans", 200)])
def test_media_are_spent_once_onlyfans_was_asked(start: Start, fault: str, status: int) -> None:
    sandbox = start(script=[{"fault": fault}])
    sandbox.post(mediaFiles=["ofapi_media_1"])
    assert sandbox.post(mediaFiles=["ofapi_media_1"]).status_code == status


def test_a_request_that_is_not_acted_on_has_no_fault_of_an_item(start: Start) -> None:
    sandbox = start(script=[{"fault": "html_502"}, {"fault": "foreign_item"}])
    sandbox.post()
    assert sandbox.client.get(MASS).json()["data"] == []
    assert [row["fault"] for row in sandbox.requests()] == ["html_502", None]


def test_a_request_that_is_refused_anyway_uses_no_line_of_the_script(start: Start) -> None:
    sandbox = start(script=[{"fault": "html_502"}])
    assert sandbox.post(text="").status_code == 422
    assert sandbox.post().status_code == 502


def test_a_slow_vendor_holds_requests_in_flight(start: Start) -> None:
    sandbox = start(answer_seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        sandbox.post(timeout=0.2)
    sandbox.judged()
    sandbox.client.put("/sandbox/faults", content=b"{}")
    sandbox.post()
    assert sandbox.summary()["most_sends_in_flight"] == {"acct_a": 2}
