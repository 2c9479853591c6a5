"""The gateway against bare sockets: what it says each mishap proved, and what the other side really received."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from campaigns import __version__
from campaigns.adapters.upstream import http_client
from campaigns.adapters.upstream.gateway import HttpGateway
from campaigns.domain.errors import UsageError, VendorAway, VendorRefused
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import HoldOrder, HoldScope, Outcome, OutcomeKind
from campaigns.ports import VendorAccount
from tests.adapters.upstream.raw_vendor import Conversation, Play, RawVendor, answering, http, wrapped

KEY = "12|key/of-the-team-0123456789"
BODY = b'{"text":"Hello","userIds":["1","2"]}'
OK = {"data": {"id": 40627236721}, "_meta": {"_credits": {"used": 1, "balance": 967}}}

Start = Callable[[Play], "Line"]


def go() -> None:
    """The caller's last check: nothing is against it."""


class Line:
    """A gateway and the vendor at its other end."""

    def __init__(self, vendor: RawVendor) -> None:
        self.vendor = vendor
        self.gateway = HttpGateway(vendor.url, KEY)

    def send(
        self,
        body: bytes = BODY,
        *,
        account: str = "acct_1",
        seconds: float = 10.0,
        may_start: Callable[[], str | None] = go,
    ) -> Outcome:
        return self.gateway.send(account, body, deadline_seconds=seconds, may_start=may_start)

    def hang_up(self) -> RawVendor:
        """Close everything; the vendor's record is complete afterwards."""
        self.gateway.close()
        self.vendor.settle()
        return self.vendor


@pytest.fixture
def start() -> Iterator[Start]:
    lines: list[Line] = []

    def begin(play: Play) -> Line:
        lines.append(Line(RawVendor(play).__enter__()))
        return lines[-1]

    yield begin
    for line in lines:
        line.hang_up()


# What every mishap proves, and how many complete requests had arrived by then


def after_request(reply: bytes) -> Play:
    """Read one request, say this, and close."""

    def play(talk: Conversation) -> None:
        talk.request()
        talk.say(reply)

    return play


def reset_after_request(talk: Conversation) -> None:
    talk.request()
    talk.reset()


def reset_at_once(talk: Conversation) -> None:
    talk.receive(1)
    talk.reset()


def close_before_reading(talk: Conversation) -> None:
    talk.sock.close()


def hang(talk: Conversation) -> None:
    """Say nothing for longer than any deadline here, but for less than the time-out of an operation."""
    talk.request()
    talk.client_left_within(4)


def continue_then_close(talk: Conversation) -> None:
    talk.request()
    talk.say(b"HTTP/1.1 100 Continue\r\n\r\n")


MISHAPS: dict[str, tuple[Play, str, int | None]] = {
    "closed_before_reading": (close_before_reading, "unknown", 0),
    "reset_before_reading_it_all": (reset_at_once, "unknown", 0),
    "closed_after_reading": (after_request(b""), "unknown", 1),
    "reset_after_reading": (reset_after_request, "unknown", 1),
    "closed_mid_status_line": (after_request(b"HTTP/1.1 20"), "unknown", 1),
    "garbage_for_a_status_line": (after_request(b"\x16\x03\x01 what?\r\n\r\n"), "unknown", 1),
    "only_a_100": (continue_then_close, "unknown", 1),
    "200_with_a_cut_body": (after_request(http(200, OK)[:-5]), "unknown", 1),
    "200_with_a_cut_chunk": (
        after_request(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{}"),
        "unknown",
        1,
    ),
    "200_with_bad_gzip": (answering(http(200, raw=b"no gzip", Content_Encoding="gzip")), "unknown", 1),
    "200_without_json": (answering(http(200, raw=b"<html>Welcome</html>")), "unknown", 1),
    "200_with_an_empty_body": (answering(http(200, raw=b"")), "unknown", 1),
    "200_with_json_nested_too_deep": (answering(http(200, raw=b"[" * 200_000)), "unknown", 1),
    "200_without_an_id": (answering(http(200, {"data": {"date": "2026-11-01"}})), "unknown", 1),
    "200_with_a_number_for_an_id": (answering(http(200, OK)), "accepted", 1),
    "201_with_text_for_an_id": (answering(http(201, {"data": {"id": "40627236721"}})), "accepted", 1),
    "500": (answering(http(500, {"message": "Server error"})), "unknown", 1),
    "502_in_html": (answering(http(502, raw=b"<html>Bad gateway</html>")), "unknown", 1),
    "503_that_says_when_to_come_back": (answering(http(503, {}, Retry_After="5")), "unknown", 1),
    "408": (answering(http(408, {})), "unknown", 1),
    "409": (answering(http(409, {})), "unknown", 1),
    "425": (answering(http(425, {}, Retry_After="5")), "unknown", 1),
    "429_marked_by_retry_after": (answering(http(429, {}, Retry_After="5")), "throttled", 1),
    "429_marked_by_a_header": (answering(http(429, {}, X_Rate_Limit_Remaining_Minute="0")), "throttled", 1),
    "429_marked_by_meta": (
        answering(http(429, {"_meta": {"_rate_limits": {"remaining_minute": 0}}})),
        "throttled",
        1,
    ),
    "429_marked_by_the_body": (answering(http(429, {"error": "ONLYFANS_COM_RATE_LIMIT_ERROR"})), "throttled", 1),
    "429_of_cloudflare": (answering(http(429, {"message": "CF:ONLYFANS_COM_RATE_LIMIT_ERROR"})), "throttled", 1),
    "429_unmarked": (answering(http(429, {"message": "Slow down."})), "unknown", 1),
    "429_in_html": (answering(http(429, raw=b"<html>Slow down</html>")), "unknown", 1),
    "500_around_a_marked_429": (answering(http(500, wrapped(429), Retry_After="5")), "throttled", 1),
    "500_around_an_unmarked_429": (answering(http(500, wrapped(429))), "unknown", 1),
    "500_around_a_403": (answering(http(500, wrapped(403))), "held", 1),
    "500_around_a_400": (answering(http(500, wrapped(400))), "rejected", 1),
    "500_around_a_502": (answering(http(500, wrapped(502))), "unknown", 1),
    "404_around_a_200": (answering(http(404, wrapped(200))), "unknown", 1),
    "500_that_says_not_sent": (answering(http(500, {"request_outcome": "not_sent"})), "not_sent", 1),
    "400": (answering(http(400, {"error": "VALIDATION_ERROR"})), "rejected", 1),
    "422": (answering(http(422, {"error": "VALIDATION_ERROR"})), "rejected", 1),
    "400_in_html": (answering(http(400, raw=b"<html>Bad request</html>")), "unknown", 1),
    "401": (answering(http(401, {"error": "No."})), "held", 1),
    "402": (answering(http(402, {"message": "No."})), "held", 1),
    "403": (answering(http(403, {"message": "No."})), "held", 1),
    "404_account_not_found": (answering(http(404, {"code": "account_not_found"})), "held", 1),
    "404": (answering(http(404, raw=b"<html>Not here</html>")), "held", 1),
    "405": (answering(http(405, {})), "held", 1),
    "413": (answering(http(413, raw=b"")), "rejected", 1),
    "410": (answering(http(410, {"message": "No."})), "rejected", 1),
    "451_in_html": (answering(http(451, raw=b"<html>No</html>")), "unknown", 1),
}


@pytest.mark.parametrize("name", MISHAPS)
def test_a_mishap_proves_what_the_table_says(start: Start, name: str) -> None:
    play, kind, complete = MISHAPS[name]
    line = start(play)
    outcome = line.send()
    assert outcome.kind.value == kind
    vendor = line.hang_up()
    assert (len(vendor.requests), vendor.connections) == (complete, 1)
    assert outcome.error is None or "\n" not in outcome.error


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(start: Start, status: int) -> None:
    other = start(answering(http(200, OK)))
    line = start(answering(http(status, {}, Location=f"{other.vendor.url}/api/acct_1/mass-messaging")))
    outcome = line.send()
    assert (outcome.kind, outcome.hold) == (OutcomeKind.HELD, HoldOrder(HoldScope.TEAM, HoldKind.CONFIGURATION))
    assert (len(line.hang_up().requests), other.hang_up().connections) == (1, 0)


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_a_refused_connection_is_not_sent_and_never_asks_for_leave() -> None:
    asked = []
    gateway = HttpGateway(f"http://127.0.0.1:{closed_port()}", KEY)
    outcome = gateway.send("acct_1", BODY, deadline_seconds=5, may_start=lambda: asked.append(1))
    gateway.close()
    assert (outcome.kind, asked) == (OutcomeKind.NOT_SENT, [])
    assert "ConnectError" in str(outcome.error)


@pytest.mark.parametrize("account", ["", "..", "a/b", "acct 1", "acct_1?x", "acct_1\r\nX: y"])
def test_an_account_that_would_bend_the_address_is_not_sent_to(start: Start, account: str) -> None:
    line = start(answering(http(200, OK)))
    assert line.send(account=account).kind is OutcomeKind.NOT_SENT
    assert line.hang_up().connections == 0


# What goes out


def test_a_send_is_one_post_of_exactly_the_body(start: Start) -> None:
    line = start(answering(http(200, OK)))
    assert line.send().message_id == "40627236721"
    (request,) = line.hang_up().requests
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /api/acct_1/mass-messaging HTTP/1.1"
    assert body == BODY
    headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in lines[1:])}
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == f"campaigns/{__version__}"
    assert "expect" not in headers


def test_proxies_of_the_environment_are_ignored(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    line = start(answering(http(200, OK)))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    line.gateway.close()
    line.gateway = HttpGateway(line.vendor.url, KEY)
    assert line.send().kind is OutcomeKind.ACCEPTED


def test_many_threads_share_one_gateway_and_each_gets_its_own_answer(start: Start) -> None:
    def play(talk: Conversation) -> None:
        while (request := talk.request()) is not None:
            number = int(request.split(b"/")[2].removeprefix(b"acct_"))
            talk.say(http(200, {"data": {"id": number}}))

    line = start(play)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: line.send(account=f"acct_{number}").message_id, range(1, 101)))
    assert found == [str(number) for number in range(1, 101)]
    vendor = line.hang_up()
    assert len(vendor.requests) == 100
    assert vendor.connections <= 8


def test_no_thread_is_given_a_connection_of_another(start: Start) -> None:
    """A pool that they shared closed now and then, as idle too long, what another thread was about to send on."""
    line = start(answering(http(200, OK)))
    assert line.send().kind is OutcomeKind.ACCEPTED
    with ThreadPoolExecutor(1) as other:
        assert other.submit(line.send).result().kind is OutcomeKind.ACCEPTED
    assert line.hang_up().connections == 2


# Connections that are used again


def test_an_idle_connection_is_used_again(start: Start) -> None:
    line = start(answering(http(200, OK)))
    assert [line.send().kind for _ in range(3)] == [OutcomeKind.ACCEPTED] * 3
    vendor = line.hang_up()
    assert (len(vendor.requests), vendor.connections) == (3, 1)


def test_a_connection_that_was_closed_while_idle_does_no_harm(start: Start) -> None:
    closed = threading.Event()

    def play(talk: Conversation) -> None:
        talk.request()
        talk.say(http(200, OK))
        talk.sock.close()
        closed.set()

    line = start(play)
    assert line.send().kind is OutcomeKind.ACCEPTED
    assert closed.wait(10)
    assert line.send().kind is OutcomeKind.ACCEPTED
    vendor = line.hang_up()
    assert (len(vendor.requests), vendor.connections) == (2, 2)


@pytest.mark.parametrize("ending", ["closed", "reset", "reset_mid_request"])
def test_a_connection_that_dies_as_the_post_goes_out_leaves_it_unknown_and_unrepeated(
    start: Start, ending: str
) -> None:
    def play(talk: Conversation) -> None:
        talk.request()
        talk.say(http(200, OK))
        if ending == "reset_mid_request":
            talk.receive(1)
        else:
            talk.request()
        if ending != "closed":
            talk.reset()

    line = start(play)
    assert line.send().kind is OutcomeKind.ACCEPTED
    assert line.send().kind is OutcomeKind.UNKNOWN
    vendor = line.hang_up()
    assert len(vendor.requests) == (1 if ending == "reset_mid_request" else 2)
    assert vendor.connections == 1


@pytest.mark.parametrize("encoding", ["length", "chunked"])
def test_what_follows_a_reply_is_never_taken_for_the_next_answer(start: Start, encoding: str) -> None:
    stray = http(200, {"data": {"id": 666}})
    first = http(200, {"data": {"id": 1}})
    if encoding == "chunked":
        first = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n{"data":{"id":1}}\r\n0\r\n\r\n'
    line = start(answering(first + stray, http(200, {"data": {"id": 2}})))
    assert [line.send().message_id for _ in range(2)] == ["1", "1"]
    assert line.hang_up().connections == 2


# The last check


def test_a_reason_at_the_last_moment_stops_it_before_the_first_byte(start: Start) -> None:
    line = start(answering(http(200, OK)))
    outcome = line.send(may_start=lambda: "the lease is lost")
    assert (outcome.kind, outcome.error) == (OutcomeKind.NOT_SENT, "not sent: the lease is lost")
    vendor = line.hang_up()
    assert (vendor.connections, vendor.received) == (1, 0)


def test_a_stopped_send_spoils_nothing_for_the_next_one(start: Start) -> None:
    line = start(answering(http(200, OK)))
    stopped = iter([None, "stop", None])
    kinds = [line.send(may_start=lambda: next(stopped)).kind.value for _ in range(3)]
    assert kinds == ["accepted", "not_sent", "accepted"]
    assert len(line.hang_up().requests) == 2


def test_a_check_that_fails_stops_it(start: Start) -> None:
    def broken() -> str | None:
        raise RuntimeError("no clock")

    line = start(answering(http(200, OK)))
    outcome = line.send(may_start=broken)
    assert (outcome.kind, outcome.error) == (OutcomeKind.NOT_SENT, "not sent: RuntimeError: no clock")
    assert line.hang_up().received == 0


def test_the_check_is_asked_once(start: Start) -> None:
    asked: list[None] = []
    line = start(answering(http(200, OK)))
    line.send(may_start=lambda: asked.append(None))
    assert len(asked) == 1


def test_an_interrupt_is_not_swallowed(start: Start) -> None:
    def interrupt() -> str | None:
        raise KeyboardInterrupt

    line = start(answering(http(200, OK)))
    with pytest.raises(KeyboardInterrupt):
        line.send(may_start=interrupt)


# The deadline


def dripping(reply: bytes, drops: list[int]) -> Play:
    """Say one byte each 20 ms, counted, for as long as anybody listens."""

    def play(talk: Conversation) -> None:
        talk.request()
        for count in range(len(reply)):
            if not talk.say(reply[count : count + 1]) or talk.client_left_within(0.02):
                return
            drops.append(count)

    return play


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_dripping_server_does_not_outlive_the_deadline(start: Start, part: str) -> None:
    drops: list[int] = []
    head = http(200, raw=b" " * 1000)
    reply = head if part == "body" else head.replace(b"Whatever", b"W" * 1000)
    line = start(dripping(reply, drops))
    outcome = line.send(seconds=0.5)
    assert outcome.kind is OutcomeKind.UNKNOWN
    assert "ReadTimeout" in str(outcome.error)
    assert len(line.hang_up().requests) == 1
    # 20 ms each: 25 in half a second. Time-outs per operation would let all thousand through.
    assert 0 < len(drops) < 150


def test_an_answer_that_does_not_come_is_unknown_at_the_deadline(start: Start) -> None:
    line = start(hang)
    outcome = line.send(seconds=0.3)
    assert (outcome.kind, outcome.http_status) == (OutcomeKind.UNKNOWN, None)
    assert "ReadTimeout" in str(outcome.error)
    assert len(line.hang_up().requests) == 1


def test_a_server_that_takes_the_request_in_sips_does_not_outlive_the_deadline() -> None:
    over = threading.Event()

    def play(talk: Conversation) -> None:
        while not over.wait(0.02) and talk.receive(16_384):
            pass

    body = b" " * 16_000_000
    vendor = RawVendor(play, receive_buffer=16_384).__enter__()
    line = Line(vendor)
    outcome = line.send(body, seconds=0.5)
    over.set()
    assert outcome.kind is OutcomeKind.UNKNOWN
    assert "WriteTimeout" in str(outcome.error)
    line.hang_up()
    # 16 kB each 20 ms: half a megabyte in half a second. Time-outs per operation would wait for nearly all of it.
    assert 0 < vendor.received < len(body) / 2
    assert vendor.requests == []


def test_a_handshake_that_hangs_is_not_sent() -> None:
    def play(talk: Conversation) -> None:
        talk.receive(65536)
        talk.client_left_within(4)

    vendor = RawVendor(play).__enter__()
    gateway = HttpGateway(f"https://127.0.0.1:{vendor.port}", KEY)
    outcome = gateway.send("acct_1", BODY, deadline_seconds=0.3, may_start=go)
    gateway.close()
    vendor.settle()
    assert (outcome.kind, vendor.requests) == (OutcomeKind.NOT_SENT, [])
    assert "ConnectTimeout" in str(outcome.error)


def test_a_handshake_that_fails_is_not_sent() -> None:
    with RawVendor(lambda talk: talk.say(b"this is no TLS")) as vendor:
        gateway = HttpGateway(f"https://127.0.0.1:{vendor.port}", KEY)
        outcome = gateway.send("acct_1", BODY, deadline_seconds=5, may_start=go)
        gateway.close()
    assert outcome.kind is OutcomeKind.NOT_SENT
    assert "ConnectError" in str(outcome.error)


def test_a_resolver_that_hangs_is_not_sent_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hanging(*_: object, **__: object) -> list[Any]:
        over.wait(4)
        return []

    gateway = HttpGateway("https://vendor.invalid", KEY)
    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", hanging)
        outcome = gateway.send("acct_1", BODY, deadline_seconds=0.2, may_start=go)
    assert not over.is_set()
    over.set()
    gateway.close()
    assert outcome.kind is OutcomeKind.NOT_SENT
    assert "was not resolved in time" in str(outcome.error)


def test_a_check_that_outlasts_the_deadline_stops_it(start: Start) -> None:
    line = start(answering(http(200, OK)))

    def slow() -> None:
        threading.Event().wait(0.2)

    outcome = line.send(seconds=0.1, may_start=slow)
    assert (outcome.kind, line.hang_up().received) == (OutcomeKind.NOT_SENT, 0)


def test_a_deadline_that_is_over_connects_to_nothing(start: Start) -> None:
    line = start(answering(http(200, OK)))
    assert line.send(seconds=0).kind is OutcomeKind.NOT_SENT
    assert line.hang_up().connections == 0


def test_a_reply_longer_than_any_of_the_vendors_is_unknown_and_not_read_to_its_end(start: Start) -> None:
    said = 0

    def play(talk: Conversation) -> None:
        nonlocal said
        talk.request()
        talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while said < 1_000_000_000 and talk.say(b"x" * 100_000):
            said += 100_000

    line = start(play)
    outcome = line.send()
    assert (outcome.kind, outcome.http_status) == (OutcomeKind.UNKNOWN, 200)
    assert "longer than 1000000 bytes" in str(outcome.error)
    assert outcome.response == "x" * 4096
    line.hang_up()
    assert said < 100_000_000


# TLS, as the vendor is reached


@pytest.fixture
def tls_line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Play], Line]]:
    certificate = Path(__file__).with_name("localhost.pem")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(http_client, "create_ssl_context", lambda **_: trusting)
    lines: list[Line] = []

    def begin(play: Play) -> Line:
        lines.append(Line(RawVendor(play, tls=server).__enter__()))
        return lines[-1]

    yield begin
    for line in lines:
        line.hang_up()


def test_it_all_works_over_tls(tls_line: Start) -> None:
    line = tls_line(answering(http(200, OK)))
    assert [line.send().kind for _ in range(2)] == [OutcomeKind.ACCEPTED] * 2
    vendor = line.hang_up()
    assert (len(vendor.requests), vendor.connections) == (2, 1)


def test_a_dripping_server_does_not_outlive_the_deadline_over_tls(tls_line: Start) -> None:
    drops: list[int] = []
    line = tls_line(dripping(http(200, raw=b" " * 1000), drops))
    assert line.send(seconds=0.5).kind is OutcomeKind.UNKNOWN
    line.hang_up()
    assert 0 < len(drops) < 150


def test_a_certificate_that_nobody_vouches_for_is_not_sent_to(tls_line: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    line = tls_line(answering(http(200, OK)))
    monkeypatch.undo()
    line.gateway.close()
    line.gateway = HttpGateway(line.vendor.url, KEY)
    outcome = line.send()
    assert (outcome.kind, line.hang_up().requests) == (OutcomeKind.NOT_SENT, [])
    assert "certificate" in str(outcome.error).lower()


# What is kept


def test_every_field_of_a_reply_is_recorded_and_the_headers_win(start: Start) -> None:
    data = {"id": 40627236721, "date": "2026-11-01T00:00:00+00:00", "isReady": True, "isDone": False, "total": -1}
    data |= {"pending": 0, "canUnsend": True, "unsendSeconds": 1000000, "hasError": False, "isCanceled": False}
    data |= {"isCouplePeopleMedia": False, "somethingNew": [None]}
    meta = {
        "_credits": {"used": 1, "balance": 967, "note": "Always"},
        "_cache": {"is_cached": False, "note": "Cache disabled", "cached_at": None},
        "_rate_limits": {"limit_minute": 60, "remaining_minute": 9, "limit_day": None, "notice": "No day limits"},
    }
    reply = http(200, {"data": data, "_meta": meta}, X_Rate_Limit_Limit_Minute="1000", X_OFAPI_Credits_Balance="5")
    outcome = start(answering(reply)).send()
    report = outcome.report
    assert report.data == data
    assert (report.credits_used, report.credits_balance, report.credits_note) == (1, 5, "Always")
    assert (report.is_cached, report.cache_note, report.cached_at) == (False, "Cache disabled", None)
    assert (report.limit_minute, report.remaining_minute) == (1000, 9)
    assert (report.limit_day, report.remaining_day, report.limits_notice) == (None, None, "No day limits")
    assert json.loads(str(outcome.response))["data"] == data


def test_what_a_broken_reply_said_before_it_broke_is_kept(start: Start) -> None:
    reply = http(200, OK, X_Rate_Limit_Remaining_Minute="7")
    outcome = start(after_request(reply[:-5])).send()
    assert (outcome.http_status, outcome.report.remaining_minute) == (200, 7)
    assert str(outcome.response).startswith('{"data"')
    assert "RemoteProtocolError" in str(outcome.error)


@pytest.mark.parametrize("status", [200, 400, 401, 500])
@pytest.mark.parametrize("form", [KEY, f"Bearer {KEY}", f"Authorization: Bearer {KEY}", KEY.replace("/", "\\/")])
def test_an_echoed_key_is_kept_nowhere(start: Start, status: int, form: str) -> None:
    body = json.dumps({"message": "@@ for you " * 300, "data": {"id": 5, "debug": ["@@"], "@@": 1}})
    outcome = start(answering(http(status, raw=body.replace("@@", form).encode()))).send()
    assert KEY not in repr(outcome)
    assert KEY.replace("/", "\\/") not in repr(outcome).replace("\\\\", "\\")
    assert KEY[:12] not in repr(outcome)
    assert len(str(outcome.response)) <= 4096


def test_the_gateway_does_not_show_its_key() -> None:
    gateway = HttpGateway("https://vendor.invalid", KEY)
    assert KEY not in repr(gateway) + repr(vars(gateway))
    gateway.close()


# Addresses and keys that cannot be used


@pytest.mark.parametrize(
    "url", ["http://app.onlyfansapi.com", "http://127.0.0.1.evil.example", "http://10.0.0.1:8000", "http://0.0.0.0"]
)
def test_a_key_never_goes_over_plain_http_except_to_loopback(url: str) -> None:
    with pytest.raises(UsageError, match="plain http"):
        HttpGateway(url, KEY)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost", "http://[::1]:1", "http://127.9.9.9"])
def test_loopback_needs_no_tls(url: str) -> None:
    HttpGateway(url, KEY).close()


@pytest.mark.parametrize(
    "url", ["", "app.onlyfansapi.com", "ftp://x", "https://user:secret@x", "https://x?y=1", "https://x:port"]
)
def test_an_address_that_is_none_is_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(UsageError, match="address") as refused:
        HttpGateway(url, KEY)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("key", ["", " ", "a b", "key\n", "schl\u00fcssel"])
def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(UsageError, match="key") as refused:
        HttpGateway("https://vendor.invalid", key)
    assert not key.strip() or key not in str(refused.value)


# Team and accounts


def test_the_team_of_the_key_is_told(start: Start) -> None:
    line = start(answering(http(200, {"api_key": {"name": "k"}, "team": {"name": "T", "slug": "the-team"}})))
    assert line.gateway.team() == "the-team"
    (request,) = line.hang_up().requests
    assert request.startswith(b"GET /api/whoami HTTP/1.1\r\n")
    assert f"authorization: bearer {KEY}".lower().encode() in request.lower()


def test_the_accounts_of_the_key_are_told_without_their_private_data(start: Start) -> None:
    found: list[Any] = [
        {"id": "acct_1", "display_name": "Anna", "is_authenticated": True, "onlyfans_user_data": {"csrf": "private"}},
        {"id": "acct_2", "display_name": None, "onlyfans_username": "bea", "is_authenticated": False},
        {"id": "acct_3"},
        {"id": 4},
        "nonsense",
    ]
    line = start(answering(http(200, found)))
    assert line.gateway.accounts() == [
        VendorAccount("acct_1", "Anna", is_authenticated=True),
        VendorAccount("acct_2", "bea", is_authenticated=False),
        VendorAccount("acct_3", None, is_authenticated=False),
    ]
    assert line.hang_up().requests[0].startswith(b"GET /api/accounts HTTP/1.1\r\n")


def test_a_long_list_of_accounts_is_read_whole(start: Start) -> None:
    found = [{"id": f"acct_{number}", "onlyfans_user_data": {"about": "x" * 5000}} for number in range(400)]
    assert len(start(answering(http(200, found))).gateway.accounts()) == 400


ASKS: list[Callable[[HttpGateway], object]] = [HttpGateway.team, HttpGateway.accounts]


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("status", [401, 402, 403, 404, 307])
def test_a_refusal_is_told_apart_from_a_vendor_that_is_away(
    start: Start, ask: Callable[[HttpGateway], object], status: int
) -> None:
    line = start(answering(http(status, {"error": f"No key {KEY}"}, Location="/elsewhere")))
    with pytest.raises(VendorRefused, match=f"HTTP {status}") as refused:
        ask(line.gateway)
    assert KEY not in str(refused.value)
    assert len(line.hang_up().requests) == 1


@pytest.mark.parametrize("status", [410, 413, 414, 415, 431, 451, 422])
def test_a_question_that_is_refused_for_what_it_is_holds_nothing(start: Start, status: int) -> None:
    line = start(answering(http(status, {"message": "no"})))
    with pytest.raises(VendorRefused, match=f"HTTP {status}") as refused:
        line.gateway.queue("acct_1")
    assert refused.value.hold is None


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize(
    "play",
    [
        answering(http(500, {})),
        answering(http(429, {}, Retry_After="1")),
        answering(http(200, raw=b"<html>")),
        answering(http(200, {"data": []})),
        answering(http(200, {"team": {"slug": ""}})),
        after_request(b""),
        reset_after_request,
    ],
)
def test_a_vendor_that_is_away(start: Start, ask: Callable[[HttpGateway], object], play: Play) -> None:
    line = start(play)
    with pytest.raises(VendorAway):
        ask(line.gateway)
    assert len(line.hang_up().requests) == 1


def test_nobody_listening_is_a_vendor_that_is_away() -> None:
    gateway = HttpGateway(f"http://127.0.0.1:{closed_port()}", KEY)
    with pytest.raises(VendorAway, match="does not answer"):
        gateway.team()
    gateway.close()


@pytest.mark.parametrize(("header", "seconds"), [({"Retry_After": "30"}, 30.0), ({}, None)])
def test_a_vendor_that_says_when_to_come_back_is_believed(
    start: Start, header: dict[str, Any], seconds: float | None
) -> None:
    line = start(answering(http(429, {}, **header)))
    with pytest.raises(VendorAway) as away:
        line.gateway.queue("acct_1")
    assert away.value.after_seconds == seconds


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"error": "no"}, "key"),
        (402, {"message": "no"}, "credits"),
        (403, {"error": "no"}, "account"),
        (404, {"error": "account_not_found"}, "account"),
        (500, {"error": "x", "onlyfans_response": {"status": 401}}, "account"),
        (404, {}, "configuration"),
        (422, {"message": "no"}, None),
    ],
)
def test_a_question_that_is_refused_says_whom_that_concerns(
    start: Start, status: int, body: dict[str, Any], kind: str | None
) -> None:
    line = start(answering(http(status, body)))
    with pytest.raises((VendorRefused, VendorAway)) as refused:
        line.gateway.queue("acct_1")
    assert getattr(refused.value, "hold", None) == kind


def test_what_a_reply_to_a_question_says_of_credits_and_limits_is_told(start: Start) -> None:
    meta = {"_credits": {"used": 1, "balance": 9}, "_rate_limits": {"limit_minute": 1000, "remaining_minute": 993}}
    line = start(answering(http(200, {"data": [], "_meta": meta})))
    assert line.gateway.last_report() is None
    line.gateway.queue("acct_1")
    report = line.gateway.last_report()
    assert report is not None
    assert (report.credits_used, report.limit_minute, report.remaining_minute) == (1, 1000, 993)


def test_what_an_earlier_reply_said_is_not_told_of_a_question_without_one(start: Start) -> None:
    line = start(answering(http(200, {"data": []})))
    line.gateway.queue("acct_1")
    line.hang_up()
    with pytest.raises(VendorAway):
        line.gateway.queue("acct_1")
    assert line.gateway.last_report() is None


# Every exception that httpx has

BEFORE, AFTER = "before", "after"

ROWS: dict[str, set[str]] = {
    # Name: when it can come, against the moment when the first byte may leave.
    "CloseError": {BEFORE, AFTER},
    "ConnectError": {BEFORE},
    "ConnectTimeout": {BEFORE},
    "CookieConflict": {BEFORE, AFTER},
    "DecodingError": {AFTER},
    "HTTPError": {BEFORE, AFTER},
    "HTTPStatusError": {AFTER},
    "InvalidURL": {BEFORE, AFTER},
    "LocalProtocolError": {BEFORE, AFTER},
    "NetworkError": {BEFORE, AFTER},
    "PoolTimeout": {BEFORE},
    "ProtocolError": {BEFORE, AFTER},
    "ProxyError": {BEFORE},
    "ReadError": {AFTER},
    "ReadTimeout": {AFTER},
    "RemoteProtocolError": {AFTER},
    "RequestError": {BEFORE, AFTER},
    "RequestNotRead": {BEFORE, AFTER},
    "ResponseNotRead": {AFTER},
    "StreamClosed": {BEFORE, AFTER},
    "StreamConsumed": {BEFORE, AFTER},
    "StreamError": {BEFORE, AFTER},
    "TimeoutException": {BEFORE, AFTER},
    "TooManyRedirects": {AFTER},
    "TransportError": {BEFORE, AFTER},
    "UnsupportedProtocol": {BEFORE},
    "WriteError": {AFTER},
    "WriteTimeout": {AFTER},
}
WITHOUT_WORDS = {"RequestNotRead", "ResponseNotRead", "StreamClosed", "StreamConsumed"}


def test_every_exception_of_httpx_has_a_row() -> None:
    exported = {
        name
        for name in httpx.__all__
        if isinstance(found := getattr(httpx, name), type) and issubclass(found, Exception)
    }
    assert exported == ROWS.keys()


def make(name: str) -> Exception:
    if name == "HTTPStatusError":
        request = httpx.Request("POST", "https://vendor.invalid")
        return httpx.HTTPStatusError("boom", request=request, response=httpx.Response(500, request=request))
    made = getattr(httpx, name)() if name in WITHOUT_WORDS else getattr(httpx, name)("boom")
    assert isinstance(made, Exception)
    return made


class Raising(httpx.BaseTransport):
    def __init__(self, error: Exception, moment: str) -> None:
        self._error = error
        self._moment = moment

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._moment == AFTER:
            request.extensions["trace"]("http11.send_request_headers.started", {})
        raise self._error


@pytest.mark.parametrize(("name", "moment"), [(name, moment) for name, row in ROWS.items() for moment in sorted(row)])
def test_an_exception_proves_something_only_before_the_first_byte(name: str, moment: str) -> None:
    assert raised_outcome(make(name), moment).kind is (
        OutcomeKind.NOT_SENT if moment == BEFORE else OutcomeKind.UNKNOWN
    )


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("boom"), OSError(5, "boom"), UnicodeError("boom")])
def test_so_does_any_other_exception(error: Exception) -> None:
    assert raised_outcome(error, AFTER).kind is OutcomeKind.UNKNOWN
    assert raised_outcome(error, BEFORE).kind is OutcomeKind.NOT_SENT


def test_an_exception_that_quotes_the_key_is_kept_without_it() -> None:
    assert KEY not in str(raised_outcome(ValueError(f"Illegal header value b'Bearer {KEY}'"), BEFORE).error)


def raised_outcome(error: Exception, moment: str) -> Outcome:
    gateway = HttpGateway("https://vendor.invalid", KEY)
    gateway.close()
    gateway._transport = Raising(error, moment)
    outcome = gateway.send("acct_1", BODY, deadline_seconds=5, may_start=go)
    gateway.close()
    return outcome


def test_a_request_that_would_start_twice_is_stopped_and_stays_unknown() -> None:
    class Twice(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            for _ in range(2):
                request.extensions["trace"]("http11.send_request_headers.started", {})
            return httpx.Response(200, json=OK)

    gateway = HttpGateway("https://vendor.invalid", KEY)
    gateway.close()
    gateway._transport = Twice()
    outcome = gateway.send("acct_1", BODY, deadline_seconds=5, may_start=go)
    gateway.close()
    assert outcome.kind is OutcomeKind.UNKNOWN
    assert "twice" in str(outcome.error)


@pytest.mark.parametrize("message_id", ["", "../../accounts", "7?x=1", "7/users"])
def test_what_is_no_message_id_is_not_asked_for(message_id: str) -> None:
    gateway = HttpGateway("https://vendor.invalid", KEY)
    gateway.close()
    gateway._transport = Raising(AssertionError("it was asked for"), "before")
    assert gateway.item("acct_1", message_id) is None
