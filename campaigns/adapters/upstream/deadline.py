"""A total deadline for HTTP: httpx's own time-outs are per socket operation, so a slow server can exceed them.

The time-out of each operation is at most what is left of the deadline: for connecting (with name resolution, and each
address of a host), the TLS handshake, each write and each read.
"""

from __future__ import annotations

import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import unquote, urlsplit

import httpcore

from campaigns.adapters.upstream import http_client as httpx

KEEPALIVE_SECONDS = 5.0
"""Seconds that an idle connection is kept: for the next send of a busy lane, but not until a server drops it."""

READ_AT_ONCE = 4_096
"""Bytes of one read: few enough that even hundreds of heads or chunks in it are parsed soon after the deadline."""

LONGEST_HEAD = 65_536
MOST_HEAD_LINES = 500
HEAD_ENDS = re.compile(rb"\n\r?\n")
INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)")
"""Matches a status line of an interim reply, such as 100 Continue, but not 101, which is final."""

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,12})[ \t]*\r\n", re.IGNORECASE)

_ends_at: ContextVar[float] = ContextVar("ends_at")


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Limit everything that this thread does over a `DeadlineTransport` inside the block to `seconds` in total."""
    token = _ends_at.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


def seconds_left() -> float:
    """What is left of this thread's deadline; negative when it is over. Raises LookupError outside a deadline."""
    return _ends_at.get() - time.monotonic()


def _lowered(timeout: float | None, over: type[Exception]) -> float:
    left = seconds_left()
    if left <= 0:
        raise over("the total deadline is over")
    return left if timeout is None else min(timeout, left)


class DeadlineTransport(httpx.HTTPTransport):
    """HTTP/1.1 with a total deadline: no retries, no redirects, one TLS context, and only the given proxy."""

    def __init__(self, context: ssl.SSLContext, proxy_url: str | None = None) -> None:
        super().__init__(verify=context, trust_env=False)
        options: dict[str, Any] = {
            "ssl_context": context,
            "max_connections": None,  # limited by the number of threads that send
            "keepalive_expiry": KEEPALIVE_SECONDS,
            "http1": True,
            "http2": False,
            "retries": 0,
            "network_backend": _Backend(),
        }
        # httpx has no way to pass a network backend, so its pool is replaced (httpx is pinned to 0.28).
        self._pool = _proxied(proxy_url, options) if proxy_url else httpcore.ConnectionPool(**options)


def _proxied(url: str, options: dict[str, Any]) -> httpcore.ConnectionPool:
    """A pool that reaches the vendor through a tunnel of the proxy, which sees only the vendor's host name."""
    parts = urlsplit(url)
    login = (unquote(parts.username or "").encode(), unquote(parts.password or "").encode())
    place = f"http://{parts.netloc.rpartition('@')[2]}"
    return httpcore.HTTPProxy(place, proxy_auth=login if any(login) else None, **options)


class TransportOfEachThread(httpx.BaseTransport):
    """A `DeadlineTransport` for each thread, over one TLS context.

    A pool that threads share may close a connection that another thread was just given: httpcore 1.0 takes it for idle
    until its request begins, and closes it if its time is over then. The send would be unknown without need.
    """

    def __init__(self, context: ssl.SSLContext, proxy_url: str | None = None) -> None:
        self._context = context
        self._proxy_url = proxy_url
        self._mine = threading.local()
        self._all: list[DeadlineTransport] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        transport: DeadlineTransport | None = getattr(self._mine, "transport", None)
        if transport is None:
            transport = self._mine.transport = DeadlineTransport(self._context, self._proxy_url)
            self._all.append(transport)
        return transport.handle_request(request)

    def close(self) -> None:
        for transport in self._all:
            transport.close()


class _Backend(httpcore.NetworkBackend):
    """Connects within the deadline."""

    def __init__(self) -> None:
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in _resolve(host, port, _lowered(timeout, httpcore.ConnectTimeout)):
            lowered = _lowered(timeout, httpcore.ConnectTimeout)
            try:
                return _Stream(self._sockets.connect_tcp(address, port, lowered, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


def _resolve(host: str, port: int, seconds: float) -> list[str]:
    """The addresses of a host, in the resolver's order.

    The resolver takes no time-out (some wait half a minute), so it runs in a thread that is abandoned when it is late:
    nothing was sent by then, and nothing will be.
    """
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(each[4][0]) for each in found)))
        except (OSError, UnicodeError) as error:
            answers.put(httpcore.ConnectError(f"{host} cannot be resolved: {error}"))

    threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


class _Stream(httpcore.NetworkStream):
    """A connection whose reads and writes end at the deadline. It is not reused after a reply with extra bytes."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner
        self._head = bytearray()
        self._received = 0
        self._head_ended = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        lowered = _lowered(timeout, httpcore.ReadTimeout)
        received = self._inner.read(min(max_bytes, READ_AT_ONCE), lowered)
        self._received += len(received)
        if not self._head_ended:
            self._take_head(received)
        return received

    def _take_head(self, received: bytes) -> None:
        """Keep the head of the reply; raise before parsing for one that would take too long to parse."""
        self._head += received
        while (end := HEAD_ENDS.search(self._head)) and INTERIM.match(self._head):
            del self._head[: end.end()]
            self._received -= end.end()
        self._head_ended = end is not None
        length = len(self._head) if end is None else end.end()
        if length > LONGEST_HEAD or self._head.count(b"\n", 0, length) > MOST_HEAD_LINES:
            raise httpcore.RemoteProtocolError(
                f"the head of the reply is longer than {LONGEST_HEAD} bytes or {MOST_HEAD_LINES} lines"
            )

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # Our own loop writes piece by piece: that of httpcore would give each piece the whole time-out again.
        sock: socket.socket = self._inner.get_extra_info("socket")
        self._head.clear()
        self._received = 0
        self._head_ended = False
        rest = memoryview(buffer)
        while rest:
            sock.settimeout(_lowered(timeout, httpcore.WriteTimeout))
            try:
                rest = rest[sock.send(rest) :]
            except TimeoutError as error:
                raise httpcore.WriteTimeout(str(error)) from error
            except OSError as error:
                raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        lowered = _lowered(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, lowered))

    def get_extra_info(self, info: str) -> Any:
        found = self._inner.get_extra_info(info)
        if info == "is_readable":
            # Called for an idle connection only; True means "do not reuse". Bytes after the last reply are already
            # in the parser and would be taken for the reply to the next request.
            return found or not self._ended_with_its_reply()
        return found

    def _ended_with_its_reply(self) -> bool:
        """Whether exactly one reply was read, and no byte more; without a length nobody knows."""
        end = HEAD_ENDS.search(self._head)
        length = CONTENT_LENGTH.search(self._head, 0, end.end()) if end else None
        return bool(end and length and self._received == end.end() + int(length.group(1)))
