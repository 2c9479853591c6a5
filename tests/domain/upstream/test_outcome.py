"""The table of what an answer proves, row by row, and the doubts that overrule it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import (
    DEFAULT_RETRY_AFTER_SECONDS,
    HoldOrder,
    HoldScope,
    NoReply,
    Outcome,
    OutcomeKind,
    Reply,
    VendorReport,
    classify,
    one_line,
)

ACCEPTED = {"data": {"id": 40627236721}}


def wrapped(status: Any, *, body: Any = None, **more: Any) -> dict[str, Any]:
    return {"error": "ONLYFANS_COM_ERROR", "onlyfans_response": {"status": status, "body": body}, **more}


def judge(status: int, body: dict[str, Any] | None = None, **more: Any) -> Outcome:
    return classify(Reply(status, body, **more))


def kind(status: int, body: dict[str, Any] | None = None, **more: Any) -> str:
    return judge(status, body, **more).kind.value


# Row 1: nothing left, or the vendor says so


def test_nothing_that_left_is_not_sent() -> None:
    assert classify(NoReply(bytes_left=False, error="refused")).kind is OutcomeKind.NOT_SENT


@pytest.mark.parametrize("status", [400, 403, 404, 409, 429, 500, 503])
def test_the_vendors_word_that_it_was_not_sent_is_believed(status: int) -> None:
    assert kind(status, {"request_outcome": "not_sent"}) == "not_sent"
    assert kind(status, wrapped(502, request_outcome="not_sent")) == "not_sent"
    assert kind(status, {"request_outcome": "not_sent"}, retry_after_seconds=5.0) == "not_sent"


@pytest.mark.parametrize("word", ["sent", "NOT_SENT", "maybe", None, 0, ["not_sent"], {"not_sent": True}])
def test_no_other_word_is_taken_for_it(word: Any) -> None:
    assert kind(500, {"request_outcome": word}) == "unknown"


def test_the_vendors_word_deep_inside_is_not_its_own() -> None:
    assert kind(500, wrapped(500, body={"request_outcome": "not_sent"})) == "unknown"


# Row 2: limiters


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        (None, {"retry_after_seconds": 7.0}),
        ({}, {"report": VendorReport(remaining_minute=0)}),
        ({"error": "ONLYFANS_COM_RATE_LIMIT_ERROR"}, {}),
        ({"message": "CF:ONLYFANS_COM_RATE_LIMIT_ERROR 1015"}, {}),
        ({"error": "RATE_LIMIT_EXCEEDED"}, {}),
        ({"message": "Too Many Attempts."}, {}),
        (wrapped(429), {"retry_after_seconds": 7.0}),
        (wrapped(429, message="ONLYFANS_COM_RATE_LIMIT_ERROR"), {}),
    ],
)
def test_429_with_a_limiters_marks_is_throttled(body: Any, facts: dict[str, Any]) -> None:
    outcome = judge(429, body, **facts)
    assert outcome.kind is OutcomeKind.THROTTLED
    assert outcome.retry_after_seconds == facts.get("retry_after_seconds", DEFAULT_RETRY_AFTER_SECONDS)
    if body and "onlyfans_response" in body:
        assert kind(500, body, **facts) == "throttled"


def test_a_limiter_in_front_is_believed_before_the_account_behind_it() -> None:
    assert kind(429, wrapped(403), retry_after_seconds=5.0) == "throttled"


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        (None, {}),
        ({}, {}),
        ({"message": "Too Many Requests"}, {}),
        ({"message": "Slow down."}, {}),
        ({}, {"report": VendorReport(remaining_minute=1)}),
        (wrapped(429), {}),
        (wrapped(429, body={"error": "ONLYFANS_COM_RATE_LIMIT_ERROR"}), {}),
    ],
)
def test_429_without_marks_is_unknown(body: Any, facts: dict[str, Any]) -> None:
    assert kind(429, body, **facts) == "unknown"
    assert kind(500, body, **facts) == "unknown"


@pytest.mark.parametrize("status", [408, 500, 502, 503])
def test_a_limiters_marks_without_a_429_prove_nothing(status: int) -> None:
    marked = {"error": "ONLYFANS_COM_RATE_LIMIT_ERROR"}
    assert kind(status, marked, retry_after_seconds=5.0, report=VendorReport(remaining_minute=0)) == "unknown"


# Row 3: key, credits, account

ACCOUNT = HoldOrder(HoldScope.ACCOUNT, HoldKind.ACCOUNT)


@pytest.mark.parametrize(
    ("status", "body", "order"),
    [
        (401, {"error": "The key is wrong."}, HoldOrder(HoldScope.TEAM, HoldKind.KEY)),
        (401, None, HoldOrder(HoldScope.TEAM, HoldKind.KEY)),
        (402, {"message": "No credits."}, HoldOrder(HoldScope.TEAM, HoldKind.CREDITS)),
        (403, {"message": "Forbidden."}, ACCOUNT),
        (403, None, HoldOrder(HoldScope.TEAM, HoldKind.CONFIGURATION)),
        (404, {"code": "account_not_found"}, ACCOUNT),
        (500, wrapped(401), ACCOUNT),
        (500, wrapped(403), ACCOUNT),
        (400, wrapped("403"), ACCOUNT),
        (401, wrapped(401), ACCOUNT),
        (401, wrapped(None), ACCOUNT),
        (200, wrapped(401), ACCOUNT),
        (402, wrapped(400), HoldOrder(HoldScope.TEAM, HoldKind.CREDITS)),
    ],
)
def test_a_refusal_holds_what_it_concerns(status: int, body: Any, order: HoldOrder) -> None:
    outcome = judge(status, body)
    assert (outcome.kind, outcome.hold) == (OutcomeKind.HELD, order)


# Row 4: refused


@pytest.mark.parametrize("status", [200, 400, 404, 408, 409, 500, 502, 503])
@pytest.mark.parametrize("upstream", [400, 402, 404, 405, 413, 422, 451])
def test_a_wrapped_refusal_counts_whatever_the_replys_own_status(status: int, upstream: int) -> None:
    outcome = judge(status, wrapped(upstream))
    assert (outcome.kind, outcome.upstream_status) == (OutcomeKind.REJECTED, upstream)
    assert outcome.one_user_may_be_the_cause == (upstream in {400, 422})


@pytest.mark.parametrize("status", [400, 422])
def test_400_and_422_in_json_are_refusals_and_in_html_prove_nothing(status: int) -> None:
    assert kind(status, {}) == "rejected"
    assert kind(status, None) == "unknown"


@pytest.mark.parametrize(
    ("body", "may_be"),
    [
        ({"error": "VALIDATION_ERROR", "errors": {"userIds.3": ["wrong"]}}, True),
        ({"error": "VALIDATION_ERROR", "errors": {"userIds": ["wrong"]}}, True),
        ({"error": "VALIDATION_ERROR", "errors": {"price": ["wrong"]}}, False),
        ({"error": "VALIDATION_ERROR", "errors": {"userIds": ["wrong"], "text": ["wrong"]}}, False),
        ({"message": "Your text contains banned words: x"}, False),
        ({"error": "BANNED_WORDS"}, False),
        ({"message": "Refused.", "banned_words": ["x"]}, False),
        (wrapped(400), True),
        (wrapped(400, body={"error": {"code": 0, "message": "A user cannot receive messages"}}), True),
        (wrapped(400, body={"errors": {"text": ["wrong"]}}), False),
        (wrapped(400, body={"errors": {"userIds": ["wrong"]}}), True),
        ({"message": "Something is wrong."}, True),
        ({"errors": ["no mapping"]}, True),
    ],
)
def test_one_user_may_be_the_cause_unless_something_else_is_blamed(body: dict[str, Any], may_be: bool) -> None:
    outcome = judge(400, body)
    assert outcome.kind is OutcomeKind.REJECTED
    assert outcome.one_user_may_be_the_cause is may_be


@pytest.mark.parametrize("body", [None, {}, {"message": "Payload too large"}, wrapped(413), wrapped(None)])
def test_413_is_refused_as_too_large_by_whoever_says_so(body: Any) -> None:
    outcome = judge(413, body)
    assert (outcome.kind, outcome.hold, outcome.is_too_large) == (OutcomeKind.REJECTED, None, True)
    assert outcome.may_halve
    assert "too large" in str(outcome.error)


def test_a_wrapped_refusal_counts_more_than_a_413_around_it() -> None:
    outcome = judge(413, wrapped(422))
    assert (outcome.kind, outcome.is_too_large, outcome.one_user_may_be_the_cause) == (
        OutcomeKind.REJECTED,
        False,
        True,
    )


@pytest.mark.parametrize("status", [410, 414, 415, 431, 451])
def test_a_request_refused_for_what_it_is_holds_its_run_and_is_not_halved(status: int) -> None:
    outcome = judge(status, {"message": "Gone for good"}, words="Gone for good")
    assert (outcome.kind, outcome.hold) == (OutcomeKind.REJECTED, HoldOrder(HoldScope.RUN, HoldKind.REFUSED))
    assert not outcome.may_halve
    assert outcome.error == f"HTTP {status}: Gone for good"
    assert kind(status, None) == "unknown"
    assert kind(status, {"request_outcome": "unknown"}) == "unknown"
    assert kind(status, wrapped(200)) == "unknown"


# Row 5: not the vendor's call as we know it


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 404, 405])
@pytest.mark.parametrize("body", [None, {}, {"message": "no route"}])
def test_a_wrong_address_holds_the_team(status: int, body: Any) -> None:
    outcome = judge(status, body)
    assert (outcome.kind, outcome.hold) == (OutcomeKind.HELD, HoldOrder(HoldScope.TEAM, HoldKind.CONFIGURATION))


# Row 6: accepted


@pytest.mark.parametrize("status", [200, 201, 202, 299])
@pytest.mark.parametrize(("found", "kept"), [(40627236721, "40627236721"), ("123", "123"), ("a-1", "a-1"), (1, "1")])
def test_2xx_with_an_id_is_accepted(status: int, found: Any, kept: str) -> None:
    outcome = judge(status, {"data": {"id": found, "hasError": False}})
    assert (outcome.kind, outcome.message_id, outcome.error) == (OutcomeKind.ACCEPTED, kept, None)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"data": {"id": 7, "hasError": True}}, "failed"),
        ({"data": {"id": 7, "isCanceled": True}}, "cancelled"),
        ({"success": False, "data": {"id": 7}}, "not a success"),
        ({"request_outcome": "unknown", "data": {"id": 7}}, "outcome is unknown"),
        ({"data": {"id": 7, "success": False}}, "not a success"),
        ({"data": {"id": 7, "request_outcome": "unknown"}}, "outcome is unknown"),
        ({"data": {"id": 7}, "hasError": True}, "failed (hasError)"),
        ({"data": {"id": 7, "hasError": 1}}, "failed (hasError)"),
        ({"data": {"id": 7}, "isCanceled": "true"}, "cancelled"),
        ({"data": {"id": 7, "success": 0}}, "not a success"),
        ({"data": {"id": 7}, "error": {"code": 500, "message": "no"}}, "failed (error)"),
        ({"data": {"id": 7}, "errors": ["no"]}, "failed (errors)"),
        ({"data": {"id": 7, "error": "no"}}, "failed (error)"),
        ({"data": {"id": 7, "errors": {"text": ["no"]}}}, "failed (errors)"),
        ({"request_outcome": "not_sent", "data": {"id": 7}}, "carries the message ID 7"),
    ],
)
def test_a_message_that_the_vendor_says_something_against_is_ours_and_proves_nothing(
    body: dict[str, Any], words: str
) -> None:
    outcome = judge(200, body)
    assert (outcome.kind, outcome.message_id) == (OutcomeKind.UNKNOWN, "7")
    assert words in str(outcome.error)


@pytest.mark.parametrize("nothing", [None, "", [], {}, False, 0])
def test_empty_errors_say_nothing_against_a_message(nothing: Any) -> None:
    told = {"error": nothing, "errors": nothing, "hasError": False}
    assert kind(200, {"data": {"id": 7, **told}, **told, "message": "Queued."}) == "accepted"


@pytest.mark.parametrize("found", [None, 0, -1, "", " ", "a b", "0", True, 1.0, [1], {"id": 1}, "x" * 65, 10**70])
def test_2xx_without_a_usable_id_is_unknown(found: Any) -> None:
    assert kind(200, {"data": {"id": found}}) == "unknown"


@pytest.mark.parametrize("body", [None, {}, {"id": 5}, {"data": None}, {"data": [{"id": 5}]}, {"data": "5"}])
def test_2xx_of_any_other_form_is_unknown(body: Any) -> None:
    assert kind(200, body) == "unknown"


# Row 7: all else


@pytest.mark.parametrize("status", [100, 101, 408, 409, 418, 425, 429, 500, 502, 503, 504, 522, 599])
@pytest.mark.parametrize("body", [None, {}, {"message": "no"}, ACCEPTED, wrapped(500), wrapped(0), wrapped(None)])
def test_all_else_is_unknown(status: int, body: Any) -> None:
    assert kind(status, body) == "unknown"


@pytest.mark.parametrize("retry_after", [None, 5.0])
def test_503_is_unknown_even_when_it_says_when_to_come_back(retry_after: float | None) -> None:
    assert kind(503, {}, retry_after_seconds=retry_after) == "unknown"


def test_a_lost_answer_is_unknown_and_keeps_what_came() -> None:
    outcome = classify(NoReply(bytes_left=True, error="cut", http_status=200, response='{"data"'))
    assert (outcome.kind, outcome.http_status, outcome.response) == (OutcomeKind.UNKNOWN, 200, '{"data"')


# Doubts


@pytest.mark.parametrize(
    "denial", [{"request_outcome": "not_sent"}, wrapped(400), wrapped(403), {"code": "account_not_found"}]
)
def test_a_refusal_that_carries_a_message_id_proves_nothing(denial: dict[str, Any]) -> None:
    outcome = judge(200, {**ACCEPTED, **denial})
    assert outcome.kind is OutcomeKind.UNKNOWN
    assert "40627236721" in str(outcome.error)


NAMING = [
    ({"data": {"id": 7}}, "7"),
    ({"data": {"id": "a-7"}}, "a-7"),
    ({"data": [{"id": 7}]}, "7"),
    ({"id": "7"}, "7"),
    ({"onlyfans_response": {"status": 400, "body": {"id": 7}}}, "7"),
    ({"onlyfans_response": {"status": 400, "body": {"data": {"id": 7}}}}, "7"),
]


@pytest.mark.parametrize(
    "status", [200, 303, 400, 401, 402, 403, 404, 405, 409, 410, 413, 414, 422, 429, 451, 500, 502]
)
@pytest.mark.parametrize(("naming", "message_id"), NAMING)
@pytest.mark.parametrize(
    "denial", [{"message": "No."}, {"request_outcome": "not_sent"}, {"code": "account_not_found"}], ids=str
)
def test_no_refusal_of_any_status_proves_anything_when_it_names_a_message(
    status: int, naming: dict[str, Any], message_id: str, denial: dict[str, Any]
) -> None:
    outcome = judge(status, {**denial, **naming}, retry_after_seconds=1.0)
    if outcome.kind is not OutcomeKind.ACCEPTED:
        assert (outcome.kind, outcome.message_id, outcome.hold) == (OutcomeKind.UNKNOWN, message_id, None)
    else:
        assert (status, naming["data"]["id"], denial) == (200, naming["data"]["id"], {"message": "No."})


def test_an_id_of_an_error_is_no_message() -> None:
    assert kind(422, {"id": "err_12ab", "message": "No."}) == "rejected"
    assert kind(401, {"id": "req-7", "onlyfans_response": {"status": 401, "body": {"id": "x"}}}) == "held"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 413, 422])
@pytest.mark.parametrize("upstream", [0, 200, 302, 408, 409, 425, 500, 502, True, "oops", 12345])
def test_a_refusal_proves_nothing_when_onlyfans_had_the_request_and_did_not_refuse(status: int, upstream: Any) -> None:
    # Seen in the vendor's examples: a reply with 404 around an OnlyFans 200.
    assert kind(status, wrapped(upstream)) == "unknown"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429])
def test_a_refusal_proves_nothing_when_the_vendor_says_that_it_does_not_know(status: int) -> None:
    assert kind(status, {"request_outcome": "unknown"}, retry_after_seconds=5.0) == "unknown"


def test_a_limiter_proves_nothing_when_onlyfans_failed_behind_it() -> None:
    assert kind(429, wrapped(500), retry_after_seconds=5.0) == "unknown"


# What is kept


def test_an_error_names_both_statuses_and_the_vendors_words() -> None:
    outcome = judge(500, wrapped(400), words="No such user")
    assert outcome.error == "HTTP 500, OnlyFans 400: No such user"


def test_an_error_is_one_line_of_500_characters_at_most() -> None:
    outcome = judge(500, {}, words="a\n b\t" * 400)
    assert outcome.error is not None
    assert len(outcome.error) == 500
    assert "\n" not in outcome.error
    assert one_line(" a\nb ") == "a b"
    assert classify(NoReply(bytes_left=True, error="a\nb")).error == "a b"


def test_report_and_response_are_kept_whatever_was_proved() -> None:
    report = VendorReport(credits_used=1)
    for status, body in [(200, ACCEPTED), (400, {}), (404, None), (429, {}), (401, {}), (500, None)]:
        outcome = judge(status, body, report=report, response="raw")
        assert (outcome.report, outcome.response, outcome.http_status) == (report, "raw", status)


# Any reply at all

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
statuses = st.sampled_from([200, 400, 401, 403, 404, 408, 422, 429, 500]) | st.integers(100, 999)
known = st.sampled_from(["data", "error", "code", "message", "errors", "request_outcome", "onlyfans_response", "id"])
telling = st.one_of(
    json_values,
    st.fixed_dictionaries({"id": json_values}),
    st.fixed_dictionaries({"status": st.one_of(statuses, json_values), "body": json_values}),
    st.sampled_from(["not_sent", "unknown", "account_not_found", "ONLYFANS_COM_RATE_LIMIT_ERROR"]),
)
bodies = st.none() | st.dictionaries(known | st.text(max_size=8), telling, max_size=5)


@given(statuses, bodies, st.none() | st.floats(0, 100), st.none() | st.integers(0, 5))
def test_any_reply_gets_one_outcome_with_all_that_belongs_to_it(
    status: int, body: dict[str, Any] | None, retry_after: float | None, remaining: int | None
) -> None:
    report = VendorReport(remaining_minute=remaining)
    outcome = classify(Reply(status, body, retry_after_seconds=retry_after, report=report))
    named = Reply(status, body).named_message
    assert outcome.message_id == named
    assert outcome.kind in {OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN} or named is None
    assert outcome.kind is not OutcomeKind.ACCEPTED or named is not None
    held_runs = {410, 414, 415, 431, 451}
    assert (outcome.hold is not None) == (outcome.kind is OutcomeKind.HELD) or status in held_runs
    assert (outcome.retry_after_seconds is not None) == (outcome.kind is OutcomeKind.THROTTLED)
    is_refusal = outcome.kind is OutcomeKind.REJECTED
    assert is_refusal or not (outcome.one_user_may_be_the_cause or outcome.is_too_large or outcome.may_halve)
    if outcome.kind is OutcomeKind.ACCEPTED:
        assert 200 <= status < 300


@given(st.integers(500, 999), bodies)
def test_5xx_proves_something_only_by_what_it_wraps_or_says(status: int, body: dict[str, Any] | None) -> None:
    outcome = classify(Reply(status, body))
    telling_fields = (body or {}).keys() & {"onlyfans_response", "request_outcome", "code", "error", "message"}
    assert outcome.kind is OutcomeKind.UNKNOWN or telling_fields
