"""The fault proxy itself: what it does to a connection, and that it passes everything when it is told nothing."""

from __future__ import annotations

import contextlib
import os
import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest

from tests.faults.proxy import FaultProxy

SILENCE_SECONDS = 0.3


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while read := self.request.recv(1 << 16):
                self.request.sendall(read)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    with Server(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made = FaultProxy(("127.0.0.1", server.server_address[1]))
        with contextlib.closing(made):
            yield made
        server.shutdown()


def connect(proxy: FaultProxy) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", proxy.port))
    line.settimeout(10)
    return line


def echoed(line: socket.socket, said: bytes) -> bytes:
    line.sendall(said)
    heard = b""
    while len(heard) < len(said):
        heard += line.recv(1 << 16)
    return heard


def silent(line: socket.socket) -> bool:
    line.settimeout(SILENCE_SECONDS)
    try:
        line.recv(1)
    except TimeoutError:
        return True
    finally:
        line.settimeout(10)
    return False


def test_it_passes_everything_on(proxy: FaultProxy) -> None:
    said = os.urandom(300_000)
    with connect(proxy) as line:
        sender = threading.Thread(target=line.sendall, args=(said,))
        sender.start()
        heard = b""
        while len(heard) < len(said):
            heard += line.recv(1 << 16)
        sender.join()
    assert heard == said


def test_a_cut_resets_who_is_there_and_who_comes(proxy: FaultProxy) -> None:
    with connect(proxy) as line:
        assert echoed(line, b"one") == b"one"
        proxy.set_mode("cut")
        with pytest.raises(ConnectionResetError):
            line.recv(1)
    with connect(proxy) as line, pytest.raises(ConnectionResetError):
        echoed(line, b"two")
    proxy.set_mode("pass")
    with connect(proxy) as line:
        assert echoed(line, b"three") == b"three"


def test_a_black_hole_keeps_everything_until_it_ends(proxy: FaultProxy) -> None:
    with connect(proxy) as line:
        assert echoed(line, b"one") == b"one"
        proxy.set_mode("black hole")
        line.sendall(b"two")
        assert silent(line)
        proxy.set_mode("pass")
        assert line.recv(3) == b"two"


def test_half_open_connections_are_silent_for_good_and_new_ones_work(proxy: FaultProxy) -> None:
    with connect(proxy) as old:
        assert echoed(old, b"one") == b"one"
        proxy.half_open()
        old.sendall(b"two")
        with connect(proxy) as new:
            assert echoed(new, b"three") == b"three"
        assert silent(old)
        proxy.reset_all()
        with pytest.raises(ConnectionResetError):
            old.recv(1)


def test_slow_still_brings_everything(proxy: FaultProxy) -> None:
    proxy.set_mode("slow")
    with connect(proxy) as line:
        assert echoed(line, b"x" * 1000) == b"x" * 1000


def test_the_end_of_one_side_is_the_end_of_the_other(proxy: FaultProxy) -> None:
    with connect(proxy) as line:
        assert echoed(line, b"one") == b"one"
        line.shutdown(socket.SHUT_WR)
        assert line.recv(1) == b""


def test_without_a_server_whoever_connects_is_reset() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    with (
        contextlib.closing(FaultProxy(("127.0.0.1", port))) as proxy,
        connect(proxy) as line,
        pytest.raises(ConnectionResetError),
    ):
        line.recv(1)
