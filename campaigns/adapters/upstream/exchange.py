"""One request over HTTP/1.1, the last check before its first byte, and the part of its reply that came.

The memory for a reply is limited, and so is the work after the deadline: bytes are counted before they are kept, and
what is kept is counted before it is parsed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from campaigns.adapters.upstream import http_client as httpx
from campaigns.adapters.upstream.content_coding import Decoder, Unreadable
from campaigns.adapters.upstream.deadline import seconds_left

STARTS = "http11.send_request_headers.started"
"""httpcore's last event before the first byte of a request goes to the socket."""

SECONDS_FOR_A_BYTE = 2e-8
SECONDS_FOR_A_VALUE = 5e-6
"""Seconds to read a reply: the worst that was measured, with room for a slower machine."""

SECONDS_AFTERWARDS = 0.05
"""Seconds that the work on a reply may take after its deadline."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of a reply. Parsed, it takes at most 16 bytes of memory for each of its bytes."""

    bytes: int  # without its coding
    values: int  # of its JSON


OF_CHANGES = Bounds(1_000_000, 20_000)
"""Limits of the reply to a send or to a DELETE: half a kilobyte, or a refusal that names each user."""

OF_QUESTIONS = Bounds(8_000_000, 400_000)
"""Limits of the answer to a question: the list of accounts has some kilobytes for each account."""
TUNNEL = b"CONNECT"
"""The method of the first request to a proxy: it names the vendor's host, and has no byte of the vendor's request."""


@dataclass(slots=True)
class Exchange:
    """One request and the part of its reply that has come, which is kept if the rest does not come."""

    method: str
    url: str
    body: bytes | None
    bounds: Bounds
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)  # by their names in lower case
    content: bytearray = field(default_factory=bytearray)

    def run(self, transport: httpx.BaseTransport, request: httpx.Request) -> int:
        """Make the request, read the whole reply and return its status; raises every error of HTTP and network."""
        response = transport.handle_request(request)
        try:
            self.status = response.status_code
            self.headers = dict(response.headers.items())
            decoder = Decoder(self.headers.get("content-encoding", ""), self.bounds.bytes)
            for received in _raw(response):
                # One read of the socket may bring hundreds of these, and only the socket looks at the deadline.
                if seconds_left() <= 0:
                    raise httpx.ReadTimeout("the total deadline is over")
                self.content += decoder.feed(received)
            decoder.end()
            self._check_values()
            return response.status_code
        finally:
            response.close()

    def _check_values(self) -> None:
        """Raise, before parsing, for a reply that would take too long to parse."""
        values = sum(self.content.count(sign) for sign in b",[{")
        if values > self.bounds.values:
            raise Unreadable(f"the reply holds more than {self.bounds.values} values")
        needed = values * SECONDS_FOR_A_VALUE + len(self.content) * SECONDS_FOR_A_BYTE
        if needed > seconds_left() + SECONDS_AFTERWARDS:
            raise httpx.ReadTimeout("too little of the total deadline is left to read the reply")


def _raw(response: httpx.Response) -> httpx.SyncByteStream:
    """The bytes of a body as they come over the network: the library neither inflates nor counts them."""
    assert isinstance(response.stream, httpx.SyncByteStream)
    return response.stream


class Stopped(Exception):
    """The request was stopped at the last moment before its first byte."""


class Gate:
    """The last check before a request leaves, and the record of whether it did: httpcore's trace callback."""

    def __init__(self, may_start: Callable[[], str | None]) -> None:
        self._may_start = may_start
        self.was_opened = False

    def __call__(self, event: str, about: dict[str, Any]) -> None:
        if event != STARTS or getattr(about.get("request"), "method", None) == TUNNEL:
            return
        if self.was_opened:
            raise Stopped("it would have gone out twice")
        reason = self._may_start()
        if reason is None and seconds_left() <= 0:
            reason = "the deadline was over before it could start"
        if reason is not None:
            raise Stopped(reason)
        self.was_opened = True
