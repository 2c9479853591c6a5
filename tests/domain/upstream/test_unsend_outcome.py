"""What an answer to a DELETE proves, and what a look at the item settles after it."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import HoldOrder, HoldScope
from campaigns.domain.upstream.queue_items import ItemContent
from campaigns.domain.upstream.reply import NoReply, Reply
from campaigns.domain.upstream.unsend_outcome import UnsendKind, classify_unsend, judge_item

MESSAGE = "40627236721"


def taken_back(**data: Any) -> dict[str, Any]:
    queue = {"id": int(MESSAGE), "isCanceled": True, "canUnsend": False, **data.pop("queue", {})}
    return {"data": {"success": True, "queue": queue, **data}}


def wrapped(status: int) -> dict[str, Any]:
    return {"error": "ONLYFANS_COM_ERROR", "onlyfans_response": {"status": status, "body": None}}


ANSWERS: dict[str, tuple[NoReply | Reply, UnsendKind]] = {
    "taken back": (Reply(200, taken_back()), UnsendKind.UNSENT),
    "taken back, without the item": (Reply(200, {"data": {"success": True}}), UnsendKind.UNSENT),
    "the item alone": (Reply(200, {"data": {"queue": {"isCanceled": True}}}), UnsendKind.UNSENT),
    "success, but not cancelled": (Reply(200, taken_back(queue={"isCanceled": False})), UnsendKind.UNCLEAR),
    "no success, but cancelled": (Reply(200, taken_back(success=False)), UnsendKind.UNCLEAR),
    "another item": (Reply(200, taken_back(queue={"id": 5})), UnsendKind.UNCLEAR),
    "no success": (Reply(200, {"data": {"success": False, "queue": {"isCanceled": False}}}), UnsendKind.REFUSED),
    "nothing said": (Reply(200, {"data": {}}), UnsendKind.UNCLEAR),
    "no JSON": (Reply(200, None, words="<html>"), UnsendKind.UNCLEAR),
    "the answer to a send": (Reply(200, {"data": {"id": 7}}), UnsendKind.UNCLEAR),
    "200 around a 500": (Reply(200, {**taken_back(), **wrapped(500)}), UnsendKind.UNCLEAR),
    "unknown to OnlyFans": (Reply(404, wrapped(404)), UnsendKind.REFUSED),
    "unknown to the vendor": (Reply(404, {"message": "Not found"}), UnsendKind.REFUSED),
    "an unknown account": (Reply(404, {"code": "account_not_found"}), UnsendKind.HELD),
    "a page that is not there": (Reply(404, None), UnsendKind.HELD),
    "too late": (Reply(400, wrapped(400)), UnsendKind.REFUSED),
    "refused by the vendor": (Reply(422, {"message": "no"}), UnsendKind.REFUSED),
    "a wrong key": (Reply(401, {"error": "Unauthorized"}), UnsendKind.HELD),
    "no credits": (Reply(402, {"message": "no credits"}), UnsendKind.HELD),
    "logged out": (Reply(500, wrapped(401)), UnsendKind.HELD),
    "a limiter": (Reply(429, {}, retry_after_seconds=7.0), UnsendKind.THROTTLED),
    "a limiter without marks": (Reply(429, {}), UnsendKind.UNCLEAR),
    "an error": (Reply(500, wrapped(500)), UnsendKind.UNCLEAR),
    "in conflict": (Reply(409, {}), UnsendKind.UNCLEAR),
    "not sent": (Reply(500, {"request_outcome": "not_sent"}), UnsendKind.NOT_SENT),
    "lost": (NoReply(bytes_left=True, error="cut"), UnsendKind.UNCLEAR),
    "never left": (NoReply(bytes_left=False, error="refused"), UnsendKind.NOT_SENT),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_an_answer_proves(name: str) -> None:
    facts, kind = ANSWERS[name]
    outcome = classify_unsend(facts, MESSAGE)
    assert outcome.kind is kind
    assert (outcome.error is None) == (kind is UnsendKind.UNSENT)
    assert (outcome.hold is None) == (kind is not UnsendKind.HELD)


def test_holds_and_waits_are_those_of_a_send() -> None:
    account = HoldOrder(HoldScope.ACCOUNT, HoldKind.ACCOUNT)
    assert classify_unsend(Reply(404, {"code": "account_not_found"}), MESSAGE).hold == account
    assert classify_unsend(Reply(402, {}), MESSAGE).hold == HoldOrder(HoldScope.TEAM, HoldKind.CREDITS)
    assert classify_unsend(Reply(429, {}, retry_after_seconds=7.0), MESSAGE).retry_after_seconds == 7.0


def item(**shown: Any) -> ItemContent:
    return ItemContent(MESSAGE, "Hello", is_free=True, sent_count=2, **shown)


@pytest.mark.parametrize(
    ("shown", "before", "settled"),
    [
        (item(is_canceled=True, can_unsend=False), UnsendKind.UNCLEAR, UnsendKind.UNSENT),
        (item(is_canceled=True), UnsendKind.REFUSED, UnsendKind.UNSENT),
        (item(is_canceled=False, can_unsend=True), UnsendKind.UNCLEAR, None),
        (item(), UnsendKind.UNCLEAR, None),
        (item(is_canceled=False, can_unsend=False), UnsendKind.UNCLEAR, UnsendKind.IMPOSSIBLE),
        (item(is_canceled=False, can_unsend=True), UnsendKind.REFUSED, UnsendKind.IMPOSSIBLE),
        (None, UnsendKind.UNCLEAR, UnsendKind.IMPOSSIBLE),
    ],
)
def test_what_a_look_at_the_item_settles(
    shown: ItemContent | None, before: UnsendKind, settled: UnsendKind | None
) -> None:
    judged = judge_item(shown, before, "HTTP 500")
    assert (None if judged is None else judged.kind) == settled
