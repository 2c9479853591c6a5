"""The vendor's overview, as a client of ours reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.adapters.upstream.gateway import HttpGateway
from campaigns.adapters.upstream.read_queue import read_item, read_overview
from campaigns.domain.messages.message import make_message, request_body
from campaigns.sandbox.server import Sandbox
from campaigns.sandbox.setup import Setup

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox("127.0.0.1", 0, setup=Setup(delivery_start_seconds=0), ledger_file=None)
    made.vendor.clock = NOW.timestamp
    made.start()
    yield made
    made.stop()


def test_it_shows_what_was_sent_between_two_moments_and_the_vendor_s_clock(sandbox: Sandbox) -> None:
    with closing(HttpGateway(sandbox.url, "any")) as gateway:
        message = make_message({"text": "Hi", "price": "6.97", "media_files": ["1"]})
        sent = gateway.send("acct_a", request_body(message, [1]), deadline_seconds=5, may_start=lambda: None)
        found = gateway.overview("acct_a", since=NOW - DAY, until=NOW + DAY)
        before = gateway.overview("acct_a", since=NOW - 2 * DAY, until=NOW - DAY)

    (item,) = found.items
    assert (item.id, item.text, item.is_free, item.media) == (sent.message_id, "<p>Hi</p>", False, "1")
    assert (found.answered_at, before.items) == (NOW, [])


@pytest.mark.parametrize("found", [None, [], {"data": []}, {"data": {"items": None}}])
def test_anything_else_is_no_overview(found: object) -> None:
    assert read_overview(found, {}) is None


@pytest.mark.parametrize("date", [None, "", "soon", "Mon, 99 Foo 2026 00:00:00 GMT", "9" * 400])
def test_a_clock_that_cannot_be_read_is_none(date: str | None) -> None:
    found = read_overview({"data": {"items": []}}, {} if date is None else {"date": date})
    assert found is not None
    assert found.answered_at is None


@pytest.mark.parametrize(
    ("given", "kept"), [("5.00", '"5.00"'), (5, "5"), (None, None), ({"photo": 2}, '{"photo": 2}'), ("x" * 500, None)]
)
def test_a_price_and_media_are_kept_as_the_vendor_wrote_them(given: object, kept: str | None) -> None:
    item = read_item({"data": {"queue": {"id": 7, "price": given, "mediaTypes": given}}})
    assert item is not None
    assert item.price == item.media
    assert item.price == kept or (item.price is not None and len(item.price) == 100)
