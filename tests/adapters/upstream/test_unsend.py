"""Taking a message back over HTTP: against bare sockets, and against the sandbox with its faults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from campaigns.adapters.upstream.gateway import HttpGateway
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import HoldOrder, HoldScope
from campaigns.domain.upstream.unsend_outcome import UnsendKind, UnsendOutcome, judge_item
from campaigns.sandbox.server import Sandbox
from campaigns.sandbox.setup import Setup
from tests.adapters.upstream.raw_vendor import Conversation, Play, RawVendor, answering, http

KEY = "12|key/of-the-team-0123456789"
DONE = http(
    200,
    {
        "data": {"success": True, "queue": {"id": 77, "isCanceled": True}},
        "_meta": {"_credits": {"used": 1, "balance": 966}},
    },
    x_rate_limit_limit_minute="1000",
)


def unsend(gateway: HttpGateway, message_id: str = "77", **how: Any) -> UnsendOutcome:
    how = {"deadline_seconds": 10.0, "may_start": lambda: None, **how}
    return gateway.unsend("acct_1", message_id, **how)


def played(play: Play, message_id: str = "77", **how: Any) -> tuple[UnsendOutcome, list[bytes]]:
    """The outcome, and every request that arrived."""
    with RawVendor(play) as vendor:
        gateway = HttpGateway(vendor.url, KEY)
        outcome = unsend(gateway, message_id, **how)
        gateway.close()
        vendor.settle()
    return outcome, vendor.requests


def test_one_delete_without_a_body_takes_a_message_back() -> None:
    outcome, (request,) = played(answering(DONE))
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"DELETE /api/acct_1/mass-messaging/77 HTTP/1.1\r\n")
    assert f"authorization: bearer {KEY}".encode() in head.lower()
    assert body == b""
    assert (outcome.kind, outcome.http_status, outcome.error) == (UnsendKind.UNSENT, 200, None)
    assert (outcome.report.credits_used, outcome.report.limit_minute) == (1, 1000)


def test_nothing_is_asked_twice_by_itself() -> None:
    def cut(talk: Conversation) -> None:
        talk.request()
        talk.reset()

    for play in (cut, answering(http(502, raw=b"<html>")), answering(http(408, {}))):
        outcome, requests = played(play)
        assert (outcome.kind, len(requests)) == (UnsendKind.UNCLEAR, 1)


def test_the_deadline_is_for_all_of_it() -> None:
    def hang(talk: Conversation) -> None:
        talk.request()
        talk.client_left_within(4)

    outcome, requests = played(hang, deadline_seconds=0.2)
    assert (outcome.kind, len(requests)) == (UnsendKind.UNCLEAR, 1)
    assert "the answer was lost" in (outcome.error or "")


def test_the_last_check_keeps_it_from_leaving() -> None:
    outcome, requests = played(answering(DONE), may_start=lambda: "the worker is stopping")
    assert (outcome.kind, requests) == (UnsendKind.NOT_SENT, [])
    assert "the worker is stopping" in (outcome.error or "")


def test_a_vendor_that_does_not_listen_was_not_asked() -> None:
    with RawVendor(answering(DONE)) as vendor:
        vendor.settle()
        assert unsend(HttpGateway(vendor.url, KEY)).kind is UnsendKind.NOT_SENT


@pytest.mark.parametrize("message_id", ["../accounts", "77/../..", "", ".", "7 7", "77?x=1"])
def test_a_message_id_that_is_none_never_leaves(message_id: str) -> None:
    """An operator may have typed it when an unknown batch was decided."""
    outcome, requests = played(answering(DONE), message_id)
    assert (outcome.kind, requests) == (UnsendKind.REFUSED, [])
    with RawVendor(answering(DONE)) as vendor:
        assert HttpGateway(vendor.url, KEY).item("acct_1", message_id) is None
    assert vendor.requests == []


def test_an_item_says_when_it_is_due_and_whether_it_was_taken_back() -> None:
    queue = {"id": 77, "date": "2027-01-15T09:00:00+00:00", "isCanceled": False, "canUnsend": True}
    with RawVendor(answering(http(200, {"data": {"queue": queue}}))) as vendor:
        gateway = HttpGateway(vendor.url, KEY)
        found = gateway.item("acct_1", "77")
        gateway.close()
    assert found is not None
    assert (found.date, found.is_canceled, found.can_unsend) == (datetime(2027, 1, 15, 9, tzinfo=UTC), False, True)


@pytest.fixture
def running() -> Iterator[ExitStack]:
    """What is to be closed at the end."""
    with ExitStack() as stack:
        yield stack


def sandbox(running: ExitStack, **setup: Any) -> tuple[HttpGateway, str]:
    """A gateway to a sandbox that has accepted one message."""
    vendor = Sandbox("127.0.0.1", 0, setup=Setup.model_validate(setup), ledger_file=None)
    vendor.start()
    running.callback(vendor.stop)
    gateway = HttpGateway(vendor.url, KEY)
    running.callback(gateway.close)
    body = b'{"text":"Hello","userIds":["1","2"]}'
    sent = gateway.send("acct_1", body, deadline_seconds=10, may_start=lambda: None)
    assert sent.message_id is not None
    return gateway, sent.message_id


def looked(gateway: HttpGateway, message_id: str, before: UnsendOutcome) -> UnsendKind | None:
    judged = judge_item(gateway.item("acct_1", message_id), before.kind, before.error)
    return None if judged is None else judged.kind


def test_the_sandbox_takes_back_and_says_so_however_often_it_is_asked(running: ExitStack) -> None:
    gateway, message_id = sandbox(running)
    first, again = unsend(gateway, message_id), unsend(gateway, message_id)
    assert (first.kind, again.kind) == (UnsendKind.UNSENT, UnsendKind.REFUSED)
    assert looked(gateway, message_id, again) is UnsendKind.UNSENT


@pytest.mark.parametrize(
    ("fault", "settled"),
    [
        ("lost_answer", UnsendKind.UNSENT),
        ("half_answer", UnsendKind.UNSENT),
        ("answer_502_after_accepting", UnsendKind.UNSENT),
        ("dropped_before_acting", None),
        ("html_502", None),
        ("answer_409", None),
        ("answer_500_before_acting", None),
    ],
)
def test_after_an_unclear_answer_a_look_at_the_item_tells(
    running: ExitStack, fault: str, settled: UnsendKind | None
) -> None:
    gateway, message_id = sandbox(running, script=[{"fault": fault, "request": "delete"}])
    outcome = unsend(gateway, message_id)
    assert outcome.kind is UnsendKind.UNCLEAR
    assert looked(gateway, message_id, outcome) is settled
    if settled is None:
        assert unsend(gateway, message_id).kind is UnsendKind.UNSENT


@pytest.mark.parametrize("late_delete", ["refuse", "success_false"])
def test_what_is_too_old_is_refused_and_stays_so(running: ExitStack, late_delete: str) -> None:
    gateway, message_id = sandbox(running, unsendable_seconds=0, late_delete=late_delete)
    outcome = unsend(gateway, message_id)
    assert outcome.kind is UnsendKind.REFUSED
    assert looked(gateway, message_id, outcome) is UnsendKind.IMPOSSIBLE


@pytest.mark.parametrize(
    ("fault", "kind", "hold"),
    [
        ("throttled_by_onlyfans", UnsendKind.THROTTLED, None),
        ("no_credits", UnsendKind.HELD, HoldOrder(HoldScope.TEAM, HoldKind.CREDITS)),
        ("account_logged_out", UnsendKind.HELD, HoldOrder(HoldScope.ACCOUNT, HoldKind.ACCOUNT)),
        ("key_refused", UnsendKind.HELD, HoldOrder(HoldScope.TEAM, HoldKind.KEY)),
    ],
)
def test_refusals_that_concern_more_than_the_message(
    running: ExitStack, fault: str, kind: UnsendKind, hold: HoldOrder | None
) -> None:
    gateway, message_id = sandbox(running, script=[{"fault": fault, "request": "delete"}])
    outcome = unsend(gateway, message_id)
    assert (outcome.kind, outcome.hold) == (kind, hold)
