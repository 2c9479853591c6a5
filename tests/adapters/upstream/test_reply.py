"""Reading a reply: Retry-After, credits and limits, and what must not be kept of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.adapters.upstream import redactor
from campaigns.adapters.upstream.read_reply import (
    read_json,
    read_reply,
    read_report,
    read_response,
    read_retry_after,
)
from campaigns.adapters.upstream.redactor import Redactor
from campaigns.domain.upstream.outcome import DEFAULT_RETRY_AFTER_SECONDS, classify
from campaigns.domain.upstream.reply import VendorReport

NOW = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)
SECRET = "sk-live/0123456789"
REDACTOR = Redactor(SECRET)


def retry_after(written: str, **headers: str) -> float | None:
    return read_retry_after(httpx.Headers({"Retry-After": written, **headers}), NOW)


@pytest.mark.parametrize(("written", "seconds"), [("7", 7), (" 120 ", 120), ("2.5", 2.5), ("3600", 3600)])
def test_retry_after_may_be_seconds(written: str, seconds: float) -> None:
    assert retry_after(written) == seconds


@pytest.mark.parametrize("written", ["0", "0.2", "Sun, 01 Nov 2026 11:00:00 GMT"])
def test_a_limiter_that_says_now_is_asked_a_second_later(written: str) -> None:
    assert retry_after(written) == 1


def test_retry_after_is_a_day_at_most() -> None:
    assert retry_after("9" * 400) == 86_400
    assert retry_after("Fri, 31 Dec 9999 23:59:59 GMT") == 86_400


def test_retry_after_may_be_a_date() -> None:
    assert retry_after("Sun, 01 Nov 2026 12:01:30 GMT") == 90
    assert retry_after("Sun, 01 Nov 2026 12:01:30 +0000") == 90
    assert retry_after("Sunday, 01-Nov-26 12:01:30 GMT") == 90


def test_a_date_is_measured_from_the_replys_own_clock() -> None:
    assert retry_after("Sun, 01 Nov 2026 15:01:30 GMT", Date="Sun, 01 Nov 2026 15:00:00 GMT") == 90
    assert retry_after("Sun, 01 Nov 2026 12:01:30 GMT", Date="no date") == 90


@pytest.mark.parametrize("written", ["", "soon", "-5", "1e3", "nan", "inf", "5, 10", "Sun, 99 Nov 2026 12:01:30 GMT"])
def test_one_that_cannot_be_read_is_still_a_mark(written: str) -> None:
    assert retry_after(written) == DEFAULT_RETRY_AFTER_SECONDS


def test_none_is_none() -> None:
    assert read_retry_after(httpx.Headers({"Date": "Sun, 01 Nov 2026 15:00:00 GMT"}), NOW) is None


# Credits, cache, limits


def test_headers_win_over_the_body_and_fill_what_it_lacks() -> None:
    headers = httpx.Headers(
        {
            "X-OFAPI-Credits-Used": "2",
            "X-OFAPI-Credits-Balance": "99",
            "X-OFAPI-Is-Cached": "true",
            "X-Rate-Limit-Limit-Minute": "1000",
            "X-Rate-Limit-Remaining-Minute": "0",
            "X-Rate-Limit-Limit-Day": "5",
            "X-Rate-Limit-Remaining-Day": "4",
        }
    )
    meta = {
        "_credits": {"used": 1, "balance": 5, "note": "n"},
        "_cache": {"is_cached": False, "cached_at": "then"},
        "_rate_limits": {"limit_minute": 60, "remaining_minute": 59, "limit_day": None, "remaining_day": None},
    }
    expected = VendorReport(
        credits_used=2,
        credits_balance=99,
        credits_note="n",
        is_cached=True,
        cached_at="then",
        limit_minute=1000,
        remaining_minute=0,
        limit_day=5,
        remaining_day=4,
    )
    assert read_report(headers, {"_meta": meta}, REDACTOR) == expected


@pytest.mark.parametrize(
    "meta",
    [
        None,
        {},
        [],
        {"_credits": None, "_cache": [], "_rate_limits": "x"},
        {
            "_credits": {"used": None, "balance": True},
            "_rate_limits": {"limit_minute": 1.5, "remaining_minute": "many"},
        },
        {"_credits": {"balance": 2**31}, "_rate_limits": {"limit_minute": 10**30}},
    ],
)
def test_nulls_absent_fields_and_nonsense_are_none(meta: Any) -> None:
    assert (
        read_report(httpx.Headers({"X-Rate-Limit-Limit-Minute": "lots"}), {"_meta": meta}, REDACTOR) == VendorReport()
    )


@pytest.mark.parametrize("written", [967.0, "967.0", "967.00", " 967 ", 967])
def test_a_number_may_be_written_with_a_fraction_of_zero(written: Any) -> None:
    report = read_report(httpx.Headers(), {"_meta": {"_credits": {"balance": written}}}, REDACTOR)
    assert report.credits_balance == 967
    by_header = read_report(httpx.Headers({"X-OFAPI-Credits-Balance": str(written)}), {}, REDACTOR)
    assert by_header.credits_balance == 967


def test_numbers_may_be_text() -> None:
    meta = {"_credits": {"used": "1", "balance": "-3"}}
    report = read_report(httpx.Headers(), {"_meta": meta}, REDACTOR)
    assert (report.credits_used, report.credits_balance) == (1, -3)


# What must not be kept


@pytest.mark.parametrize(
    "text",
    [
        f"your key {SECRET} is wrong",
        f"Authorization: Bearer {SECRET}",
        json.dumps({"authorization": f"Bearer {SECRET}"}),
        SECRET.replace("/", "\\/"),
        "?key=sk-live%2F0123456789",
        "authorization=Basic c2stbGl2ZS8wMTIzNDU2Nzg5",
        "bearer c2stbGl2ZS8wMTIzNDU2Nzg5",
    ],
)
def test_no_form_of_the_key_is_left(text: str) -> None:
    cleaned = REDACTOR.text(text)
    assert "0123456789" not in cleaned
    assert "c2stbGl2" not in cleaned
    assert "[removed]" in cleaned


def test_other_text_is_left_as_it_is() -> None:
    assert REDACTOR.text('{"message": "No user \u00e9"}') == '{"message": "No user \u00e9"}'


def test_what_no_database_stores_is_replaced() -> None:
    assert REDACTOR.text("a\x00b\ud800c") == "a\ufffdb?c"


def test_a_response_is_cut_after_it_was_cleaned() -> None:
    kept = read_response(b"x" * 4090 + SECRET.encode(), REDACTOR)
    assert kept is not None
    assert len(kept) == 4096
    assert "sk-" not in kept
    assert read_response(b"", REDACTOR) is None
    assert read_response(b"\xff\xfe", REDACTOR) is not None


def test_what_is_no_text_is_not_shown_as_text() -> None:
    for binary in (b"\x1f\x8b\x08\x00\xff" * 9000, b"\xff\xfe", b"a\x00b"):
        assert read_response(binary, REDACTOR) == f"({len(binary)} bytes that are not text)"
        reply = read_reply(502, httpx.Headers(), binary, redactor=REDACTOR, now=NOW)
        assert classify(reply).error == f"HTTP 502: ({len(binary)} bytes that are not text)"
    assert read_response("caf\u00e9 \U0001f600".encode()[:-1], REDACTOR) == "caf\u00e9 "


@pytest.mark.parametrize("before", range(4070, 4100))
def test_no_part_of_the_key_stands_where_a_text_was_cut(before: int) -> None:
    """Keys before it make the cleaned text shorter than what was cut."""
    for keys in (0, 1, 50):
        long = "x" * (before - keys) + SECRET * keys + SECRET + "y" * 90_000
        kept = REDACTOR.text(long, 4096)
        assert "sk-" not in kept
        assert "sk-" not in str(read_response(long.encode(), REDACTOR))
        assert len(kept) >= 4000 or keys


def test_a_text_is_cut_before_it_is_searched_for_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    class Searched:
        most = 0

        def sub(self, _: str, text: str) -> str:
            self.most = max(self.most, len(text))
            return text

    searched = Searched()
    monkeypatch.setattr(redactor, "CREDENTIALS", searched)
    endless = "bearer " * 100_000
    body = json.dumps({"message": endless, "data": {"id": 7, "x": endless}}).encode()
    read_reply(200, {}, body, redactor=REDACTOR, now=NOW)
    read_reply(502, {}, endless.encode(), redactor=REDACTOR, now=NOW)
    assert 0 < searched.most < 20_000


def test_the_key_again_and_again_leaves_no_part_of_it() -> None:
    for length in range(90_000, 90_040):
        kept = str(read_response((SECRET * 6000)[:length].encode(), REDACTOR))
        assert set(kept) <= set("[removed]")


def test_of_endless_data_the_first_values_are_kept() -> None:
    data = {"id": 7, "text": "x" * 90_000, "number": 10**40, "rest": [[n] for n in range(5000)], "last": 1}
    kept = read_report(httpx.Headers(), {"data": data}, REDACTOR).data
    assert (kept["id"], kept["text"], kept["number"]) == (7, "x" * 500, str(10**40))
    assert len(json.dumps(kept)) < 4000
    assert "last" not in kept


def test_data_is_cleaned_through_and_through() -> None:
    data = {"a": [SECRET, {SECRET: "\x00"}], "n": 1e999, "deep": json.loads("[" * 100 + "]" * 100)}
    kept = read_report(httpx.Headers(), {"data": data}, REDACTOR).data
    assert kept["a"] == ["[removed]", {"[removed]": "\ufffd"}]
    assert kept["n"] is None
    assert len(json.dumps(kept["deep"])) < 60


def test_a_short_key_spoils_no_verdict() -> None:
    body = json.dumps({"data": {"id": 11}, "_meta": {}}).encode()
    reply = read_reply(200, httpx.Headers(), body, redactor=Redactor("a"), now=NOW)
    assert classify(reply).message_id == "11"


# Any bytes


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[" * 100_000, b"1" * 5000, b"\xef\xbb\xbf", b'{"a":"\\ud800"']
)
def test_what_is_no_json_is_none(content: bytes) -> None:
    assert read_json(content) is None


@given(
    st.integers(100, 999),
    st.binary(max_size=200) | st.text(max_size=100).map(str.encode),
    st.dictionaries(
        st.sampled_from(["Retry-After", "Date", "X-OFAPI-Credits-Used"]), st.text("0123456789 :,GMT-", max_size=30)
    ),
)
def test_any_reply_can_be_read_and_judged(status: int, content: bytes, headers: dict[str, str]) -> None:
    reply = read_reply(status, httpx.Headers(headers), content, redactor=REDACTOR, now=NOW)
    outcome = classify(reply)
    assert outcome.response is None or len(outcome.response) <= 4096
    assert "\x00" not in f"{outcome.response}{outcome.error}"


def test_the_vendors_clock_is_read_and_nonsense_is_none() -> None:
    def told(written: str) -> str | None:
        return read_report(httpx.Headers({"Date": written}), {}, Redactor("a-long-key")).date

    assert told("Mon, 02 Mar 2026 12:00:05 GMT") == "2026-03-02T12:00:05+00:00"
    assert told("yesterday") is None
    assert told("Mon, 02 Mar 99999999999999999999 12:00:05 GMT") is None
    assert read_report(httpx.Headers(), {}, Redactor("a-long-key")).date is None


# Nothing optional changes what the rest proves

DEEP = json.loads("[" * 900 + "]" * 900)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Retry-After", "Sun, 01 Nov 99999999999999999999 12:00:00 GMT"),
        ("Retry-After", "Sat, 01 Jan 0001 00:00:00 +2359"),
        ("Retry-After", "9" * 50_000),
        ("Retry-After", "\u0663"),
        ("Date", "Fri, 31 Dec 9999 23:59:59 -2359"),
        ("Date", "Sun, 01 Nov 2026 12:00:00 " + "9" * 5000),
        ("X-OFAPI-Credits-Used", "9" * 5000),
        ("X-Rate-Limit-Remaining-Minute", "\u0661"),
        ("X-OFAPI-Is-Cached", "perhaps"),
    ],
)
def test_an_odd_header_leaves_an_accepted_message_accepted(name: str, written: str) -> None:
    reply = read_reply(200, {name.lower(): written}, b'{"data":{"id":7}}', redactor=REDACTOR, now=NOW)
    assert classify(reply).message_id == "7"


@pytest.mark.parametrize("odd", [None, True, 7, 1.5, "x" * 9000, [], {}, DEEP, {"a": DEEP}, 10**4000, "\x00\ud800"])
@pytest.mark.parametrize("place", ["_meta", "_credits", "note", "error", "message", "errors", "date", "total"])
def test_an_odd_field_leaves_an_accepted_message_ours_and_accepted_unless_it_is_an_error(place: str, odd: Any) -> None:
    body: dict[str, Any] = {"data": {"id": 7}, "_meta": {}}
    inside = {"_credits": body["_meta"], "date": body["data"], "total": body["data"]}.get(place, body)
    inside[place] = odd
    if place == "note":
        body["_meta"] = {part: {"note": odd, "used": odd, "notice": odd} for part in ("_credits", "_rate_limits")}
    reply = read_reply(200, {}, json.dumps(body).encode(), redactor=REDACTOR, now=NOW)
    outcome = classify(reply)
    kind = "unknown" if odd and place in {"error", "errors"} else "accepted"
    assert (outcome.kind.value, outcome.message_id) == (kind, "7")
    assert len(json.dumps(outcome.report.data)) < 9000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
OPTIONAL = ["retry-after", "date", "x-ofapi-credits-used", "x-ofapi-is-cached", "x-rate-limit-remaining-minute"]


@given(
    st.dictionaries(st.sampled_from(OPTIONAL), st.text(max_size=30)),
    st.dictionaries(st.sampled_from(["_credits", "_cache", "_rate_limits"]), json_values) | json_values,
    st.dictionaries(st.sampled_from(["date", "total", "pending", "canUnsend", "isDone"]), json_values),
)
def test_nothing_optional_changes_what_an_answer_proves(
    headers: dict[str, str], meta: Any, data: dict[str, Any]
) -> None:
    body = json.dumps({"data": {**data, "id": 7}, "_meta": meta}).encode()
    reply = read_reply(200, headers, body, redactor=REDACTOR, now=NOW)
    assert classify(reply).message_id == "7"


def test_a_clock_that_nothing_can_be_reckoned_with_is_none() -> None:
    for written in ("Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"):
        assert read_report(httpx.Headers({"Date": written}), {}, REDACTOR).date is None


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"id": 7}, "error": {"code": 500, "message": "It broke."}},
        {"data": {"id": 7}, "errors": ["It broke."]},
        {"data": {"id": 7, "errors": {"text": ["It broke."]}}},
        {"data": {"id": 7}, "hasError": True, "message": "It broke."},
    ],
)
def test_an_error_beside_a_message_is_shown_in_the_vendors_words(body: dict[str, Any]) -> None:
    outcome = classify(read_reply(200, {}, json.dumps(body).encode(), redactor=REDACTOR, now=NOW))
    assert (outcome.kind.value, outcome.message_id) == ("unknown", "7")
    assert "It broke." in str(outcome.error)


def test_a_refusal_that_wraps_another_is_told_once_and_without_its_brackets() -> None:
    said = "Session expired, please log in"
    body = {
        "error": f"ONLYFANS_COM_ERROR: {said}",
        "message": "OnlyFans did not do what was asked.",
        "onlyfans_response": {"status": 401, "body": {"error": {"code": 0, "message": said}}},
    }
    error = str(classify(read_reply(500, {}, json.dumps(body).encode(), redactor=REDACTOR, now=NOW)).error)
    assert error.count(said) == 1
    assert error.count("OnlyFans did not do") == 1
    assert not set("{}[]") & set(error)
