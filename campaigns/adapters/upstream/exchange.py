"""One request over HTTP/1.1, the last check before its first byte, and what came back of its reply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from campaigns.adapters.upstream.deadline import seconds_left

STARTS = "http11.send_request_headers.started"
"""httpcore's last event before the first byte of a request is handed to the socket."""

TUNNEL = b"CONNECT"
"""What a proxy is asked first: it names the vendor's host, and has no byte of the request in it."""


@dataclass(slots=True)
class Exchange:
    """One request and what has come back so far, kept when the rest does not come."""

    method: str
    url: str
    body: bytes | None
    largest: int
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)  # by their names in lower case
    content: bytearray = field(default_factory=bytearray)

    def run(self, transport: httpx.BaseTransport, request: httpx.Request) -> int:
        """Make the request, read the whole reply and return its status; raises whatever comes between."""
        response = transport.handle_request(request)
        try:
            self.status = response.status_code
            self.headers = dict(response.headers.items())
            for chunk in response.iter_bytes():
                self.content += chunk
                if len(self.content) > self.largest:
                    raise TooLong(f"the reply is longer than {self.largest} bytes")
            return response.status_code
        finally:
            response.close()


class Stopped(Exception):
    """The request was stopped at the last moment before its first byte."""


class TooLong(httpx.HTTPError):
    """The reply is longer than any reply of the vendor's."""


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
