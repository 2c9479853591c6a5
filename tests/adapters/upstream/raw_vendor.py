"""A vendor made of bare sockets: it plays exactly the bytes it is told and records exactly what it received."""

from __future__ import annotations

import json
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

GIVE_UP_SECONDS = 20.0
"""Only a broken test waits this long."""


class Conversation:
    """One connection, from the vendor's side."""

    def __init__(self, vendor: RawVendor, sock: socket.socket) -> None:
        self._vendor = vendor
        self.sock = sock
        self._buffer = b""

    def request(self) -> bytes | None:
        """The next complete request, recorded; None when the client closes before one is complete."""
        while (end := self._complete()) is None:
            received = self.receive(65536)
            if not received:
                return None
            self._buffer += received
        request, self._buffer = self._buffer[:end], self._buffer[end:]
        self._vendor.requests.append(request)
        return request

    def _complete(self) -> int | None:
        head, blank, _ = self._buffer.partition(b"\r\n\r\n")
        if not blank:
            return None
        lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        end = len(head) + 4 + (int(lengths[0]) if lengths else 0)
        return end if len(self._buffer) >= end else None

    def receive(self, size: int) -> bytes:
        """Some bytes of the client's, counted; none when it has gone."""
        try:
            received = self.sock.recv(size)
        except OSError:
            return b""
        self._vendor.received += len(received)
        return received

    def say(self, reply: bytes) -> bool:
        """Send bytes; False when the client has gone."""
        try:
            self.sock.sendall(reply)
        except OSError:
            return False
        return True

    def client_left_within(self, seconds: float) -> bool:
        """Whether the client closes (or says something) in that time."""
        return bool(select.select([self.sock], [], [], seconds)[0])

    def reset(self) -> None:
        """Close by a RST instead of an orderly FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


Play = Callable[[Conversation], object]


class RawVendor:
    """Listens on loopback and plays one script in each connection."""

    def __init__(self, play: Play, *, tls: ssl.SSLContext | None = None, receive_buffer: int | None = None) -> None:
        self._play = play
        self._tls = tls
        self._listener = socket.socket()
        if receive_buffer is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self._threads: list[threading.Thread] = []
        self._last: tuple[str, int] | None = None
        self.requests: list[bytes] = []
        self.connections = 0
        self.received = 0
        scheme = "https" if tls else "http"
        self.port = self._listener.getsockname()[1]
        self.url = f"{scheme}://localhost:{self.port}" if tls else f"{scheme}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.settle()

    def settle(self) -> None:
        """Take no more connections and wait until every conversation is over: then the record is complete."""
        if self._listener.fileno() == -1:
            return
        with socket.socket() as last:
            # The accepting thread stops at this one, so it has taken every connection before it.
            last.bind(("127.0.0.1", 0))
            self._last = last.getsockname()
            last.connect(("127.0.0.1", self.port))
            self._threads[0].join(GIVE_UP_SECONDS)
        for thread in self._threads:
            thread.join(GIVE_UP_SECONDS)
            assert not thread.is_alive(), "a conversation does not end"
        self._listener.close()

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            sock, client = self._listener.accept()
            if client == self._last:
                sock.close()
                return
            self.connections += 1
            self._start(self._converse, sock)

    def _converse(self, sock: socket.socket) -> None:
        sock.settimeout(GIVE_UP_SECONDS)
        try:
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
            self._play(Conversation(self, sock))
        except OSError:
            pass
        finally:
            sock.close()


def http(status: int, body: object = None, *, raw: bytes | None = None, **headers: str) -> bytes:
    """A whole reply; header names are written with underscores."""
    content = raw if raw is not None else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def answering(*replies: bytes) -> Play:
    """Answer each request of a connection with the next reply, the last one again and again."""

    def play(talk: Conversation) -> None:
        count = 0
        while talk.request() is not None:
            if not talk.say(replies[min(count, len(replies) - 1)]):
                return
            count += 1

    return play


def wrapped(status: int, **more: Any) -> dict[str, Any]:
    """The vendor's body around an answer of OnlyFans."""
    return {"error": "ONLYFANS_COM_ERROR", "onlyfans_response": {"status": status, "body": None}, **more}
