"""Replies of any shape, off a real socket: what they cost, and that nothing but the calm outcomes comes of them."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.adapters.upstream.exchange import OF_CHANGES, OF_QUESTIONS, SECONDS_AFTERWARDS
from campaigns.adapters.upstream.gateway import HttpGateway
from campaigns.domain.errors import VendorAway, VendorRefused
from campaigns.domain.upstream.outcome import Outcome
from campaigns.domain.upstream.unsend_outcome import UnsendOutcome
from tests.adapters.upstream.raw_vendor import Conversation, RawVendor
from tests.fuzz import FUZZ, damaged, keep_on, seeds

KEY = "12|key/of-the-team-0123456789"
REPLIES = Path(__file__).parent / "replies"
DAY = datetime(2026, 11, 1, tzinfo=UTC)
DEADLINE = 0.2
MOST_REPEATED = 3_000_000

CALLS: dict[str, Callable[[HttpGateway], Any]] = {
    "send": lambda vendor: vendor.send("acct_1", b"{}", deadline_seconds=DEADLINE, may_start=lambda: None),
    "unsend": lambda vendor: vendor.unsend("acct_1", "7", deadline_seconds=DEADLINE, may_start=lambda: None),
    "queue": lambda vendor: vendor.queue("acct_1"),
    "saved": lambda vendor: vendor.saved("acct_1"),
    "item": lambda vendor: vendor.item("acct_1", "7"),
    "overview": lambda vendor: vendor.overview("acct_1", since=DAY, until=DAY),
    "team": lambda vendor: vendor.team(),
    "accounts": lambda vendor: vendor.accounts(),
}


class Line:
    """A gateway, and a vendor that says the same bytes to every request."""

    gateway: HttpGateway
    reply = b""
    repeats = False  # again and again for as long as the client listens

    def play(self, talk: Conversation) -> None:
        if talk.request() is None:
            return
        while talk.say(self.reply) and self.repeats and self.reply:
            pass

    def call(self, name: str) -> str:
        """One call, and all that is said about it; fails for whatever is not calm."""
        try:
            found = CALLS[name](self.gateway)
        except (VendorAway, VendorRefused) as calm:
            assert name not in {"send", "unsend"}
            found = str(calm)
        if isinstance(found, Outcome | UnsendOutcome):
            assert len(found.error or "") <= 500
            assert len(found.response or "") <= 4096
            assert len(json.dumps(found.report.data)) < 200_000
            assert "\x00" not in f"{found.error}{found.response}"
        return str(found)


@contextmanager
def open_line() -> Iterator[Line]:
    line = Line()
    with RawVendor(line.play) as vendor:
        line.gateway = HttpGateway(vendor.url, KEY)
        yield line
        line.gateway.close()


@pytest.mark.parametrize("reply", seeds(REPLIES), ids=[path.name for path in sorted(REPLIES.iterdir())])
def test_every_kept_reply_ends_in_a_calm_outcome_without_the_key(reply: bytes) -> None:
    with open_line() as line:
        line.reply = reply
        for name in CALLS:
            assert "of-the-team" not in line.call(name)


@st.composite
def replies(draw: st.DrawFn) -> bytes:
    """A damaged seed; some have a part that comes again and again, up to some megabytes."""
    reply = draw(damaged(seeds(REPLIES)))
    if reply and draw(st.booleans()):
        first, last = sorted(draw(st.tuples(*[st.integers(0, len(reply))] * 2)))
        times = draw(st.integers(1, MOST_REPEATED)) // max(1, last - first)
        reply = reply[:first] + reply[first:last] * times + reply[last:]
    return reply


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_no_reply_takes_more_memory_than_its_bound_or_raises() -> None:
    def play() -> None:
        @FUZZ
        @given(replies(), st.sampled_from(sorted(CALLS)))
        def check(reply: bytes, name: str) -> None:
            line.reply = reply
            tracemalloc.start()
            try:
                told = line.call(name)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            largest = (OF_CHANGES if name in {"send", "unsend"} else OF_QUESTIONS).bytes
            assert peak < 16 * largest
            assert KEY not in told

        with open_line() as line:
            check()

    keep_on(play)


def cost(line: Line, name: str) -> float:
    before = time.thread_time()
    line.call(name)
    return time.thread_time() - before


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_no_reply_works_on_after_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the CPU of this thread, which a busy machine does not lengthen; before the deadline it is less than that."""
    monkeypatch.setattr("campaigns.adapters.upstream.gateway.READ_SECONDS", DEADLINE)

    def play() -> None:
        @FUZZ
        @given(replies(), st.sampled_from(sorted(CALLS)), st.booleans())
        def check(reply: bytes, name: str, repeats: bool) -> None:
            line.reply, line.repeats = reply, repeats
            # What costs too much does so each time; a collection of our own garbage falls into this call by chance.
            assert any(cost(line, name) < DEADLINE + SECONDS_AFTERWARDS for _ in range(3))

        with open_line() as line:
            check()

    keep_on(play)
