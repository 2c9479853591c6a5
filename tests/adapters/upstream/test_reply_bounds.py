"""What a reply may cost: bytes, values and work are counted, so that none freezes a worker or takes its memory."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Iterator, Sequence

import httpcore
import httpx
import pytest

from campaigns.adapters.upstream import exchange
from campaigns.adapters.upstream.deadline import READ_AT_ONCE, _Stream, deadline
from campaigns.adapters.upstream.exchange import OF_CHANGES
from campaigns.adapters.upstream.gateway import HttpGateway
from campaigns.domain.errors import VendorAway
from campaigns.domain.upstream.outcome import Outcome, OutcomeKind
from tests.adapters.upstream.raw_vendor import Conversation, Play, RawVendor, answering, http

KEY = "12|key/of-the-team-0123456789"
OK = b'{"data":{"id":40627236721}}'
LARGEST = OF_CHANGES.bytes


class Saying(httpx.BaseTransport):
    """A vendor that returns these pieces of a body, and counts those that were taken."""

    def __init__(self, pieces: Sequence[bytes], coding: str | None = None, status: int = 200) -> None:
        self._pieces = pieces
        self._headers = {} if coding is None else {"Content-Encoding": coding}
        self._status = status
        self.taken = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["trace"](exchange.STARTS, {})
        return httpx.Response(self._status, headers=self._headers, stream=_Pieces(self))

    def pieces(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.taken += 1
            yield piece


class _Pieces(httpx.SyncByteStream):
    def __init__(self, vendor: Saying) -> None:
        self._vendor = vendor

    def __iter__(self) -> Iterator[bytes]:
        return self._vendor.pieces()


def gateway_to(vendor: Saying) -> HttpGateway:
    gateway = HttpGateway("https://vendor.invalid", KEY)
    gateway.close()
    gateway._transport = vendor
    return gateway


def send(vendor: Saying) -> Outcome:
    return gateway_to(vendor).send("acct_1", b"{}", deadline_seconds=60, may_start=lambda: None)


def send_to(play: Play) -> Outcome:
    with RawVendor(play) as vendor:
        gateway = HttpGateway(vendor.url, KEY)
        outcome = gateway.send("acct_1", b"{}", deadline_seconds=10, may_start=lambda: None)
        gateway.close()
    return outcome


def in_pieces(body: bytes, size: int = READ_AT_ONCE) -> list[bytes]:
    return [body[place : place + size] for place in range(0, len(body), size)]


def zipped(body: bytes) -> bytes:
    return gzip.compress(body, 1, mtime=0)


def plain_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


# Codings


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", zipped(OK)),
        ("GZIP", zipped(OK)),
        ("identity, gzip", zipped(OK)),
        ("deflate", zlib.compress(OK)),
        ("deflate", plain_deflate(OK)),
        ("identity", OK),
        ("", OK),
    ],
    ids=["gzip", "upper_case", "identity_and_gzip", "zlib", "plain_deflate", "identity", "empty"],
)
@pytest.mark.parametrize("size", [1, READ_AT_ONCE], ids=["by_bytes", "whole"])
def test_one_coding_is_taken_off(coding: str, body: bytes, size: int) -> None:
    outcome = send(Saying(in_pieces(body, size), coding))
    assert (outcome.kind, outcome.message_id, outcome.response) == (OutcomeKind.ACCEPTED, "40627236721", OK.decode())


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip, gzip", zipped(zipped(OK))),
        ("gzip, deflate", zlib.compress(zipped(OK))),
        ("br", OK),
        ("zstd", OK),
        ("x-gzip", zipped(OK)),
        ("utf-8", OK),
        ("gzip", OK),
        ("gzip", zipped(OK)[:-4]),
        ("gzip", zipped(OK)[:-8] + b"12345678"),
        ("gzip", zipped(OK) * 2),
        ("deflate", zlib.compress(OK)[:-2]),
        ("deflate", plain_deflate(OK) + b"more"),
    ],
    ids=str,
)
def test_any_other_coding_is_a_lost_answer(coding: str, body: bytes) -> None:
    outcome = send(Saying([body], coding))
    assert (outcome.kind, outcome.http_status, outcome.message_id) == (OutcomeKind.UNKNOWN, 200, None)
    assert "the answer was lost" in str(outcome.error)


def test_a_coding_is_read_off_the_wire() -> None:
    """No library inflates it before we count."""
    assert send_to(answering(http(200, raw=zipped(OK), Content_Encoding="gzip"))).kind is OutcomeKind.ACCEPTED
    twice = http(200, raw=zipped(zipped(OK)), Content_Encoding="gzip, gzip")
    assert send_to(answering(twice)).kind is OutcomeKind.UNKNOWN


# Memory, in bytes that were allocated

BOMB = zipped(bytes(20 * LARGEST))
SHAPES: dict[str, tuple[bytes, str | None]] = {
    "gzip_bomb": (BOMB, "gzip"),
    "nested_bomb": (zipped(BOMB), "gzip, gzip"),
    "deflate_bomb": (zlib.compress(bytes(20 * LARGEST), 1), "deflate"),
    "endless": (b" " * (3 * LARGEST), None),
    "lists": (b"[" + b"[]," * (LARGEST // 3) + b"0]", None),
    "objects": (b"[" + b'{"a":{}},' * (OF_CHANGES.values // 3) + b"0]", None),
    "deep": (b"[" * LARGEST, None),
    "one_emoji_makes_all_wide": (
        json.dumps({"data": {"id": 1, "x": "\U0001f600" + "x" * (LARGEST - 99)}}).encode(),
        None,
    ),
    "binary": (bytes(range(256)) * (LARGEST // 256), None),
    "the_key_again_and_again": (KEY.encode() * (LARGEST // len(KEY)), None),
}


@pytest.mark.parametrize("size", [READ_AT_ONCE, 1 << 30], ids=["in_pieces", "at_once"])
@pytest.mark.parametrize("shape", SHAPES)
def test_no_shape_takes_more_memory_than_its_bound(shape: str, size: int) -> None:
    body, coding = SHAPES[shape]
    pieces = in_pieces(body, size)
    tracemalloc.start()
    try:
        outcome = send(Saying(pieces, coding))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * LARGEST
    assert len(outcome.response or "") <= 4096
    assert KEY not in f"{outcome.response}{outcome.error}"


@pytest.mark.parametrize("coding", [None, "gzip"])
def test_a_reply_as_long_as_its_bound_is_read_and_a_longer_one_is_cut_short(coding: str | None) -> None:
    padded = OK + b" " * (LARGEST - len(OK))
    for body, kind in ((padded, OutcomeKind.ACCEPTED), (padded + b" ", OutcomeKind.UNKNOWN)):
        vendor = Saying(in_pieces(zipped(body) if coding else body), coding)
        assert send(vendor).kind is kind
    endless = Saying([b" " * READ_AT_ONCE] * 10_000)
    assert "longer than" in str(send(endless).error)
    assert endless.taken == LARGEST // READ_AT_ONCE + 1


# Work, in pieces and values


def test_a_reply_of_too_many_values_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = {"message": "no", "errors": {f"userIds.{place}": ["no"] for place in range(OF_CHANGES.values)}}
    few = {"message": "no", "errors": {f"userIds.{place}": ["no"] for place in range(1000)}}
    assert send(Saying([json.dumps(few).encode()], status=422)).kind is OutcomeKind.REJECTED
    monkeypatch.setattr(json, "loads", lambda _: pytest.fail("it was parsed"))
    outcome = send(Saying([json.dumps(refusal).encode()], status=422))
    assert (outcome.kind, outcome.http_status) == (OutcomeKind.UNKNOWN, 422)
    assert "values" in str(outcome.error)


def test_nothing_is_taken_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single read of the socket may hold hundreds of pieces."""
    left = iter([60.0, 1.0, 0.5, 0.0])
    monkeypatch.setattr(exchange, "seconds_left", lambda: next(left, -1.0))
    vendor = Saying([b"1"] * 1000)
    outcome = send(vendor)
    assert (outcome.kind, vendor.taken) == (OutcomeKind.UNKNOWN, 3)
    assert "deadline" in str(outcome.error)


def test_a_long_reply_is_not_parsed_when_too_little_of_the_deadline_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    items = json.dumps({"data": [{"id": 7, "date": "2026-11-01T10:00:00+00:00"}] * 50_000}).encode()
    seconds = [60.0]
    monkeypatch.setattr(exchange, "seconds_left", lambda: seconds[0])
    assert len(gateway_to(Saying([items])).queue("acct_1")) == 50_000
    seconds[0] = 0.001
    with pytest.raises(VendorAway, match="too little of the total deadline"):
        gateway_to(Saying([items])).queue("acct_1")
    assert send(Saying([OK])).kind is OutcomeKind.ACCEPTED


class _Endless(httpcore.NetworkStream):
    """A head, and then a body without end."""

    def __init__(self) -> None:
        self.most: list[int] = []

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.most.append(max_bytes)
        return (b"" if len(self.most) > 1 else b"HTTP/1.1 200 OK\r\n\r\n") + b"x" * 4000


def test_the_socket_is_read_in_small_pieces_and_the_head_alone_is_kept() -> None:
    """What they hold, however many heads or chunks, is worked off before anybody looks at the deadline."""
    endless = _Endless()
    stream = _Stream(endless)
    with deadline(10):
        for _ in range(100):
            stream.read(65_536)
    assert set(endless.most) == {READ_AT_ONCE}
    assert len(stream._head) <= 2 * READ_AT_ONCE


# Heads


def head(lines: Sequence[str], end: str = "\r\n") -> bytes:
    return end.join(["HTTP/1.1 200 OK", *lines, f"Content-Length: {len(OK)}", "", ""]).encode() + OK


@pytest.mark.parametrize(
    "reply",
    [
        head(["X-A: 1"] * 400),
        head([f"X-A: {'a' * 60_000}"]),
        head(["X-A: 1"], end="\n"),
        head(["X-A: 1"], end="\n")[: -len(OK)].replace(str(len(OK)).encode(), b"100027") + b" \n" * 50_000 + OK,
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3000 + head([]),
    ],
    ids=["many_lines", "long_line", "bare_newlines", "newlines_in_the_body", "interim_heads"],
)
def test_an_odd_head_does_no_harm(reply: bytes) -> None:
    assert send_to(answering(reply)).kind is OutcomeKind.ACCEPTED


@pytest.mark.parametrize(
    "reply",
    [
        head(["X-A: 1"] * 600),
        head([f"X-A: {'a' * 70_000}"]),
        b"HTTP/1.1 100 Continue\r\n\r\n" + head(["X-A: 1"] * 600),
    ],
    ids=["lines", "bytes", "after_an_interim_head"],
)
def test_a_head_that_takes_too_long_to_parse_is_a_lost_answer(reply: bytes) -> None:
    outcome = send_to(answering(reply))
    assert outcome.kind is OutcomeKind.UNKNOWN
    assert "the head of the reply is longer than" in str(outcome.error)


def test_a_connection_is_used_again_after_an_interim_head() -> None:
    seen: list[int] = []

    def play(talk: Conversation) -> None:
        while talk.request() is not None:
            seen.append(id(talk))
            talk.say(b"HTTP/1.1 100 Continue\r\n\r\n" + head([]))

    with RawVendor(play) as vendor:
        gateway = HttpGateway(vendor.url, KEY)
        for _ in range(2):
            assert gateway.send("a", b"{}", deadline_seconds=10, may_start=lambda: None).kind is OutcomeKind.ACCEPTED
        gateway.close()
    assert (len(seen), vendor.connections) == (2, 1)
