"""Through an egress proxy a send proves what it proves without one: what the proxy refuses was not sent."""

from __future__ import annotations

import base64
import select
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from campaigns import addresses
from campaigns.adapters.upstream import http_client
from campaigns.adapters.upstream.gateway import HttpGateway
from campaigns.domain.errors import VendorAway
from campaigns.domain.upstream.outcome import Outcome, OutcomeKind
from tests.adapters.upstream.raw_vendor import Conversation, Play, RawVendor, answering, http

KEY = "ofapi_secret_key"
BODY = b'{"text":"Hi","userIds":["1"]}'
OK = {"data": {"id": 4062723672}}
PASSWORD = "p@ss/word"
LOGIN = "joe:p%40ss%2Fword"


def cut_after_request(talk: Conversation) -> None:
    talk.request()


def tunnelling(port: int) -> Play:
    """A proxy that joins whoever asks to the vendor, and hands on what both say."""

    def play(talk: Conversation) -> None:
        if talk.request() is None:
            return
        with socket.create_connection(("127.0.0.1", port)) as onward:
            talk.say(b"HTTP/1.1 200 Connection established\r\n\r\n")
            pairs = {talk.sock: onward, onward: talk.sock}
            while True:
                for ready in select.select(list(pairs), [], [])[0]:
                    some = ready.recv(65536)
                    if not some:
                        return
                    pairs[ready].sendall(some)

    return play


@dataclass
class Way:
    """A vendor behind TLS, a proxy before it, and a gateway that has to go through that."""

    vendor: RawVendor
    stack: ExitStack
    proxy: RawVendor | None = None

    def through(self, play: Play | None = None) -> HttpGateway:
        self.proxy = self.stack.enter_context(RawVendor(play or tunnelling(self.vendor.port)))
        return self.to(self.proxy.port)

    def to(self, port: int) -> HttpGateway:
        made = HttpGateway(self.vendor.url, KEY, proxy_url=f"http://{LOGIN}@127.0.0.1:{port}")
        return self.stack.enter_context(closing(made))


@pytest.fixture
def way(monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    certificate = Path(__file__).with_name("localhost.pem")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(http_client, "create_ssl_context", lambda **_: trusting)
    monkeypatch.setattr(addresses, "is_loopback", lambda _: False)  # as though the vendor were elsewhere
    with ExitStack() as stack:
        vendor = stack.enter_context(RawVendor(answering(http(200, OK)), tls=server))
        yield Way(vendor, stack)


def send(gateway: HttpGateway, *, deadline_seconds: float = 10, stop: str | None = None) -> Outcome:
    return gateway.send("acct_1", BODY, deadline_seconds=deadline_seconds, may_start=lambda: stop)


def test_a_send_goes_through_the_tunnel_and_the_proxy_can_read_nothing_of_it(way: Way) -> None:
    gateway = way.through()
    assert [send(gateway).kind for _ in range(2)] == [OutcomeKind.ACCEPTED] * 2
    assert way.proxy is not None
    (asked,) = way.proxy.requests  # one tunnel for both
    assert asked.startswith(f"CONNECT localhost:{way.vendor.port} HTTP/1.1\r\n".encode())
    login = base64.b64encode(f"joe:{PASSWORD}".encode())
    assert b"Proxy-Authorization: Basic " + login in asked
    assert KEY.encode() not in asked
    assert len(way.vendor.requests) == 2
    assert b"proxy" not in way.vendor.requests[0].lower()
    assert way.vendor.requests[0].endswith(BODY)


@pytest.mark.parametrize(
    "reply", [http(407, {}), http(502, {}), b"HTTP/1.1 200 OK\r\n\r\nthis is no TLS", b"garbage\r\n\r\n", b""]
)
def test_what_the_proxy_does_not_hand_on_was_not_sent(way: Way, reply: bytes) -> None:
    outcome = send(way.through(answering(reply) if reply else cut_after_request))
    assert outcome.kind is OutcomeKind.NOT_SENT
    assert "through the proxy http://127.0.0.1:" in str(outcome.error)
    assert "ss/word" not in str(outcome.error)
    assert LOGIN not in str(outcome.error)
    assert way.vendor.requests == []


def test_a_proxy_that_is_away_or_says_nothing_proves_that_nothing_was_sent(way: Way) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers there
        assert send(way.to(taken.getsockname()[1])).kind is OutcomeKind.NOT_SENT
        with pytest.raises(VendorAway, match=r"does not answer through the proxy http://127\.0\.0\.1") as away:
            way.to(taken.getsockname()[1]).team()
    assert "ss/word" not in str(away.value)
    silent = way.through(lambda talk: talk.request() and talk.client_left_within(10))
    assert send(silent, deadline_seconds=0.5).kind is OutcomeKind.NOT_SENT


def test_the_last_check_is_made_after_the_tunnel_stands(way: Way) -> None:
    outcome = send(way.through(), stop="the lease is over")
    assert (outcome.kind, "the lease is over" in str(outcome.error)) == (OutcomeKind.NOT_SENT, True)
    assert way.vendor.requests == []
    assert way.proxy is not None
    assert len(way.proxy.requests) == 1


def test_a_tunnel_that_is_cut_before_the_answer_leaves_an_unknown(way: Way) -> None:
    way.vendor._play = cut_after_request
    assert send(way.through()).kind is OutcomeKind.UNKNOWN
    assert len(way.vendor.requests) == 1


def test_a_vendor_on_this_machine_is_reached_without_the_proxy() -> None:
    with RawVendor(answering(http(200, OK))) as vendor, RawVendor(answering(http(502, {}))) as proxy:
        with closing(HttpGateway(vendor.url, KEY, proxy_url=f"http://127.0.0.1:{proxy.port}")) as gateway:
            assert send(gateway).kind is OutcomeKind.ACCEPTED
        proxy.settle()
        assert proxy.connections == 0
