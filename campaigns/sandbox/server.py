"""Sockets: one thread for each connection, HTTP/1.1 by h11, and full control over how a reply fails to arrive."""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import struct
import threading
import time
from email.utils import formatdate
from pathlib import Path

import h11

from campaigns.domain.errors import UsageError
from campaigns.sandbox.inspection import PREFIX, inspect
from campaigns.sandbox.ledger import Ledger
from campaigns.sandbox.replies import Reply, encode
from campaigns.sandbox.routes import Request, is_of_this_machine
from campaigns.sandbox.setup import Setup
from campaigns.sandbox.vendor import Exchange, Vendor

READ_SIZE = 65_536
LARGEST_BODY = 64 * 1024 * 1024
BACKLOG = 512
STOP_SECONDS = 5.0
ACCEPT_PAUSE_SECONDS = 0.05
LEAVE_SECONDS = 2.0


class Sandbox:
    """The vendor on a socket. `start` returns when it listens; `stop` cuts every connection and returns when all have
    ended.

    Raises UsageError when the port is taken or the ledger cannot be used.
    """

    def __init__(self, host: str, port: int, *, setup: Setup, ledger_file: Path | None) -> None:
        """`port` 0 takes a free one. Replays the ledger, but does not listen yet."""
        self._ledger = Ledger(ledger_file)
        try:
            self.vendor = Vendor(setup, self._ledger, time.time)
            self._listener = _bound(host, port)
        except BaseException:
            self._ledger.close()
            raise
        self._host = host
        self._waker, self._woken = socket.socketpair()
        self._stopping = threading.Event()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        self._acceptor = threading.Thread(target=self._accept, name="sandbox-accept", daemon=True)

    @property
    def url(self) -> str:
        """Its base URL."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._listener.getsockname()[1]}"

    def start(self) -> None:
        """Listen."""
        self._listener.listen(BACKLOG)
        self._acceptor.start()

    def stop(self) -> None:
        """Stop listening, cut open connections, close the ledger. May be called again."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._waker.send(b"x")
        if self._acceptor.is_alive():
            self._acceptor.join(STOP_SECONDS)
        with self._lock:
            open_connections = dict(self._connections)
        for connection in open_connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in open_connections.values():
            thread.join(STOP_SECONDS)
        for each in (self._listener, self._waker, self._woken):
            each.close()
        self._ledger.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            readable, _, _ = select.select([self._listener, self._woken], [], [])
            if self._woken in readable:
                return
            try:
                connection, _ = self._listener.accept()
            except OSError:
                # The client is gone, or this process has no descriptors left: then only waiting helps.
                self._stopping.wait(ACCEPT_PAUSE_SECONDS)
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._converse, args=(connection,), name="sandbox", daemon=True)
            with self._lock:
                self._connections[connection] = thread
            thread.start()

    def _converse(self, connection: socket.socket) -> None:
        try:
            _Conversation(connection, self.vendor, self._stopping).run()
        except OSError:
            pass  # the client has disconnected: there is nobody to reply to
        finally:
            with self._lock:
                self._connections.pop(connection, None)
            connection.close()


class _Conversation:
    """The requests of one connection, one after another."""

    def __init__(self, connection: socket.socket, vendor: Vendor, stopping: threading.Event) -> None:
        self._socket = connection
        self._vendor = vendor
        self._stopping = stopping
        self._http = h11.Connection(h11.SERVER)
        self._head_only = False  # a reply to HEAD has the headers of a body, and no body

    def run(self) -> None:
        """Serve until either side ends it. Raises OSError when the client is gone."""
        try:
            while not self._stopping.is_set():
                request = self._read()
                if request is None or not self._serve(request):
                    return
                if self._http.our_state is not h11.DONE:
                    return
                self._http.start_next_cycle()
        except h11.RemoteProtocolError as error:
            self._complain(error)
            self._let_it_be_read()

    def _read(self) -> Request | None:
        """The next whole request; None when the client has closed."""
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    self._send(h11.InformationalResponse(status_code=100, headers=[]))
                self._http.receive_data(self._socket.recv(READ_SIZE))
            elif isinstance(event, h11.Request):
                head = event
                self._head_only = event.method == b"HEAD"
                _check_head(event)
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > LARGEST_BODY:
                    raise h11.RemoteProtocolError(
                        f"the body is longer than {LARGEST_BODY} bytes", error_status_hint=413
                    )
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return _request(head, bytes(body))
            else:
                return None

    def _serve(self, request: Request) -> bool:
        """Reply to one request; False when the connection is over."""
        if request.path.startswith(PREFIX):
            self._socket.sendall(self._encoded(inspect(self._vendor, request)))
            return True
        exchange = self._vendor.answer(request)
        try:
            return self._deliver(exchange)
        finally:
            exchange.close()

    def _deliver(self, exchange: Exchange) -> bool:
        transport = exchange.reply.transport
        match transport.how:
            case "plain":
                if transport.seconds and self._stopping.wait(transport.seconds):
                    return False
                return self._deliver_whole(exchange)
            case "drip":
                return self._deliver_drop_by_drop(exchange, transport.seconds)
            case "half":
                self._deliver_half(exchange)
            case "hang":
                self._wait_for_the_client_to_leave(transport.seconds)
            case "reset":
                # With a linger time of zero, close() sends a reset instead of an orderly end.
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def _deliver_whole(self, exchange: Exchange) -> bool:
        answer = self._encoded(exchange.reply)
        # Before the bytes leave: the client may start its next request before this thread runs again.
        exchange.ends()
        self._socket.sendall(answer)
        exchange.delivered()
        return True

    def _deliver_drop_by_drop(self, exchange: Exchange, seconds: float) -> bool:
        answer = self._encoded(exchange.reply)
        for place in range(len(answer)):
            if place and self._stopping.wait(seconds):
                return False
            if place == len(answer) - 1:
                exchange.ends()
            self._socket.sendall(answer[place : place + 1])
        exchange.delivered()
        return True

    def _deliver_half(self, exchange: Exchange) -> None:
        answer = self._encoded(exchange.reply)
        head = answer.index(b"\r\n\r\n") + 4
        exchange.ends()
        self._socket.sendall(answer[: head + (len(answer) - head) // 2])

    def _wait_for_the_client_to_leave(self, seconds: float) -> None:
        """`stop` shuts the socket down, which looks as if the client had disconnected."""
        self._socket.settimeout(seconds or None)
        with contextlib.suppress(TimeoutError):
            while self._socket.recv(READ_SIZE):
                pass

    def _let_it_be_read(self) -> None:
        """Read what is left: a connection that is closed with unread bytes is reset, and the reply is lost."""
        self._socket.shutdown(socket.SHUT_WR)
        self._socket.settimeout(LEAVE_SECONDS)
        until = time.monotonic() + LEAVE_SECONDS
        with contextlib.suppress(TimeoutError):
            while time.monotonic() < until and self._socket.recv(READ_SIZE):
                pass

    def _complain(self, error: h11.RemoteProtocolError) -> None:
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = encode({"message": f"The sandbox does not take this request: {error}."})
            self._socket.sendall(self._encoded(Reply(error.error_status_hint, body, "not_http")))

    def _encoded(self, reply: Reply) -> bytes:
        headers = [
            ("Date", formatdate(self._vendor.clock(), usegmt=True)),
            ("Content-Type", reply.content_type),
            ("Content-Length", str(len(reply.body))),
            *reply.headers,
        ]
        events = (
            h11.Response(status_code=reply.status, headers=headers),
            h11.Data(data=b"" if self._head_only else reply.body),
            h11.EndOfMessage(),
        )
        return b"".join(self._http.send(event) or b"" for event in events)

    def _send(self, event: h11.InformationalResponse) -> None:
        self._socket.sendall(self._http.send(event) or b"")


def _check_head(head: h11.Request) -> None:
    """Raises h11.RemoteProtocolError before a byte of the body is read.

    A web page can make its host name resolve to 127.0.0.1, and could then read the record of what was accepted.
    """
    headers = dict(head.headers)
    host = headers.get(b"host", b"localhost").decode("latin-1")
    if not is_of_this_machine(host):
        raise h11.RemoteProtocolError(
            f"the sandbox is for this machine only; ask it as localhost or 127.0.0.1, not as '{host[:100]}'",
            error_status_hint=421,
        )
    if int(headers.get(b"content-length", b"0")) > LARGEST_BODY:
        raise h11.RemoteProtocolError(f"the body is longer than {LARGEST_BODY} bytes", error_status_hint=413)


def _request(head: h11.Request, body: bytes) -> Request:
    headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
    return Request(head.method.decode("ascii"), head.target.decode("latin-1"), headers, body)


def _bound(host: str, port: int) -> socket.socket:
    """A socket on exactly this address. Raises UsageError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise UsageError(
                f"The sandbox cannot listen on {host}:{port}: the port is in use; name another, or 0 for any free one."
            ) from None
        raise UsageError(f"The sandbox cannot listen on {host}:{port}: {error}.") from None
    return listener
