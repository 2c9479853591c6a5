from __future__ import annotations

import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import httpx
import pytest

from campaigns.domain.errors import UsageError
from campaigns.sandbox.journal import Journal, Seen
from campaigns.sandbox.server import Sandbox, _Conversation
from campaigns.sandbox.setup import Setup
from tests.sandbox.conftest import MASS, Listening, Start, bench, plain_client
from tests.sandbox.processes import started


def _talk(sandbox: Listening, *sent: bytes) -> bytes:
    """Everything that comes back until the sandbox closes, or until our own end of the talk is answered."""
    port = int(sandbox.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for part in sent:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def test_one_connection_serves_many_requests(start: Start) -> None:
    request = b"GET /api/whoami HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer key\r\n\r\n"
    assert _talk(start(), request * 20).count(b"HTTP/1.1 200") == 20


def test_a_closed_connection_is_closed(start: Start) -> None:
    request = b"GET /api/whoami HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer key\r\n\r\n"
    assert _talk(start(), request * 3).count(b"HTTP/1.1 200") == 1


def test_a_body_may_be_chunked_and_wait_for_a_go_ahead(start: Start) -> None:
    sandbox = start()
    head = (
        b"POST /api/acct_a/mass-messaging HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer key\r\n"
        b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    body = b'{"text":"Hi","userIds":["1"]}'
    with socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2])), timeout=20) as connection:
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 100")
        connection.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    assert len(sandbox.accepted()) == 1


class Client:
    """A connection with one request in it, that looks into the sandbox's log at each piece of the answer."""

    def __init__(self, journal: Journal, request: bytes) -> None:
        self.in_flight: list[int] = []
        self._journal = journal
        self._unread = [request, b""]

    def recv(self, _: int) -> bytes:
        return self._unread.pop(0)

    def sendall(self, _: bytes) -> None:
        self.in_flight.append(self._journal._open["acct_a", False])


@pytest.mark.parametrize("script", [[], [{"fault": "drip", "request": "list", "seconds": 0}]])
def test_a_request_is_over_before_its_last_byte_leaves(script: list[dict[str, object]]) -> None:
    """Else a client that sends one request after another would seem to send two at once."""
    vendor = bench(script=script).vendor
    client = Client(
        vendor.journal, b"GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer key\r\n\r\n" % MASS.encode()
    )
    _Conversation(cast(socket.socket, client), vendor, threading.Event()).run()
    assert client.in_flight[-1] == 0
    assert set(client.in_flight[:-1]) <= {1}


def test_the_inspection_waits_for_answers_that_are_just_leaving() -> None:
    journal = Journal()
    seen = journal.begin(Seen(0.0, "POST", MASS, "send", "acct_a", None))
    journal.end(seen)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(journal.wait_until_settled)
        with pytest.raises(TimeoutError):
            waiting.result(0.05)
        journal.close(seen)
        waiting.result(20)


def test_head_has_headers_and_no_body(start: Start) -> None:
    answer = _talk(start(), b"HEAD /api/whoami HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer key\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("nonsense", [b"\x16\x03\x01 hello\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])
def test_what_is_no_http_is_a_400(start: Start, nonsense: bytes) -> None:
    assert b"HTTP/1.1 400" in _talk(start(), nonsense)


def test_a_request_that_is_cut_is_not_accepted(start: Start) -> None:
    sandbox = start()
    head = b"POST /api/acct_a/mass-messaging HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer key\r\n"
    _talk(sandbox, head, b"Content-Length: 100\r\n\r\n", b'{"text":"Hi","userIds":["1"]}')
    assert sandbox.accepted() == []
    assert sandbox.requests() == []


HOSTS = ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "10.0.0.1", "[::2]", "0.0.0.0", "a@localhost", ""]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("asked", [b"GET /sandbox/accepted", b"DELETE /sandbox/state", b"POST " + MASS.encode()])
def test_a_page_whose_name_means_this_machine_gets_nothing(start: Start, host: str, asked: bytes) -> None:
    sandbox = start()
    sandbox.post(text="for nobody else")
    body = b'{"text":"Hi","userIds":["1"]}'
    head = b"%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer key\r\nContent-Length: %d\r\n\r\n"
    said = _talk(sandbox, head % (asked, host.encode(), len(body)) + body)
    assert said.startswith(b"HTTP/1.1 421")
    assert b"localhost" in said
    assert b"for nobody else" not in said
    assert len(sandbox.accepted()) == 1


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:5", "127.8.8.8", "[::1]:9"])
def test_every_name_of_this_machine_is_answered(start: Start, host: str) -> None:
    said = _talk(start(), f"GET /sandbox/accepted HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert said.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("length", "status"),
    [("99999999", b"413"), ("9" * 18, b"413"), ("9" * 5000, b"4"), ("-1", b"400"), ("1e3", b"400"), ("0x5", b"400")],
)
def test_an_odd_content_length_is_refused_before_the_body(start: Start, length: str, status: bytes) -> None:
    sandbox = start()
    head = f"POST {MASS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer key\r\nContent-Length: {length}\r\n\r\n"
    assert _talk(sandbox, head.encode(), b'{"text":"Hi"}').startswith(b"HTTP/1.1 " + status)
    assert sandbox.accepted() == []


@pytest.mark.parametrize(
    "target",
    [
        f"GET {MASS}/{'9' * 5000}",
        f"GET {MASS}/\u0663",
        f"GET /api/acct_a/user-lists/{'9' * 5000}",
        f"GET /api/acct_a/user-lists?limit={'9' * 5000}",
        f"GET /sandbox/requests?after={'9' * 5000}",
        "GET /sandbox/requests?limit=%D9%A3",
        "GET /api/acct_a/mass-messaging/overview?startDate=9999-99-99",
    ],
)
def test_odd_numbers_are_answered(start: Start, target: str) -> None:
    asked = f"{target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer key\r\n".encode()
    odd = b"X-Stainless-Retry-Count: " + b"9" * 5000 + b"\r\n\r\n"
    assert _talk(start(), asked + odd)[:12] in {b"HTTP/1.1 404", b"HTTP/1.1 422", b"HTTP/1.1 200", b"HTTP/1.1 400"}


def test_a_body_without_end_is_refused(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.sandbox.server.LARGEST_BODY", 1000)
    response = start().client.post(MASS, content=b"x" * 5000)
    assert response.status_code == 413


def test_many_connections_at_once_accept_everybody_once(start: Start) -> None:
    sandbox = start(limit_per_minute=None)
    together = threading.Barrier(24)

    def send(account: int) -> None:
        together.wait(30)
        with plain_client(sandbox.url) as client:
            for number in range(20):
                user = str(account * 100 + number + 1)
                body = {"text": "Hi", "userIds": [user]}
                assert client.post(f"/api/acct_{account}/mass-messaging", json=body).status_code == 200

    with ThreadPoolExecutor(24) as pool:
        assert list(pool.map(send, range(24))) == [None] * 24
    summary = sandbox.summary()
    assert (summary["accepted_sends"], summary["users"], summary["repeated"]) == (480, 480, 0)
    assert summary["answers_delivered"] == 480
    assert set(summary["most_sends_in_flight"].values()) == {1}
    assert len({row["id"] for row in sandbox.accepted()}) == 480


def test_the_minute_is_never_exceeded_by_parallel_requests(start: Start) -> None:
    sandbox = start(limit_per_minute=50)

    def send(_: int) -> int:
        with plain_client(sandbox.url) as client:
            return sum(client.get("/api/whoami").status_code == 200 for _ in range(10))

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(send, range(12))) == 50
    assert sandbox.summary()["overlimit"] == 70


def test_a_port_in_use_is_refused_in_one_sentence(start: Start) -> None:
    port = int(start().url.rpartition(":")[2])
    with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{port}: the port is in use"):
        Sandbox("127.0.0.1", port, setup=Setup(), ledger_file=None)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("192.0.2.1", 0), ("no such host", 0)])
def test_an_address_that_is_not_ours_is_refused(host: str, port: int) -> None:
    with pytest.raises(UsageError, match="cannot listen on"):
        Sandbox(host, port, setup=Setup(), ledger_file=None)


def test_it_listens_on_the_given_address_only(start: Start) -> None:
    port = int(start().url.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=10)


def test_stopping_cuts_what_hangs_and_frees_the_port(start: Start) -> None:
    sandbox = start(
        script=[{"fault": "hang"}, {"fault": "drip", "seconds": 60}, {"fault": "slow_answer", "seconds": 60}]
    )
    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(sandbox.post, f"acct_{number}", timeout=60) for number in range(3)]
        sandbox.judged(3)
        sandbox.sandbox.stop()
        for answer in answers:
            assert isinstance(answer.exception(30), httpx.TransportError)
    port = int(sandbox.client.base_url.port or 0)
    again = Sandbox("127.0.0.1", port, setup=Setup(), ledger_file=None)
    again.start()
    again.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_announces_itself_and_stops_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "faults.yaml").write_text("team: north\n")
    url_file = tmp_path / "sandbox.url"
    process = started("--faults", str(tmp_path / "faults.yaml"), "--url-file", str(url_file))
    try:
        assert process.stderr is not None
        assert b"listens on http://127.0.0.1:" in process.stderr.readline()
        with plain_client(url_file.read_text().strip()) as client:
            assert client.get("/api/whoami").json()["team"]["slug"] == "north"
            process.send_signal(number)
            assert process.wait(30) == 0
        assert process.stderr.read() == b""
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    finally:
        process.kill()
        process.communicate()


def test_the_process_says_in_one_sentence_why_it_cannot_start(start: Start, tmp_path: Path) -> None:
    port = start().url.rpartition(":")[2]
    for arguments, words in (
        (["--port", port], b"the port is in use"),
        (["--faults", str(tmp_path / "none.yaml")], b"cannot be read"),
    ):
        ended = started(*arguments)
        _, said = ended.communicate(timeout=30)
        assert (ended.returncode, said.count(b"\n")) == (2, 1)
        assert words in said


def test_the_process_explains_its_options() -> None:
    process = started("--help")
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    for option in (b"--port", b"--faults", b"--ledger", b"--url-file"):
        assert option in said
