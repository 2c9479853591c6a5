from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from campaigns.sandbox.ledger import Ledger
from campaigns.sandbox.replies import Reply
from campaigns.sandbox.routes import Request
from campaigns.sandbox.server import Sandbox
from campaigns.sandbox.setup import Setup
from campaigns.sandbox.vendor import Exchange, Vendor

NOON = 1_800_000_000.0
AUTHORISED = {"authorization": "Bearer key"}
MASS = "/api/acct_a/mass-messaging"


@dataclass
class Bench:
    """A vendor without sockets, whose time moves when a test says so."""

    setup: Setup
    now: float = NOON
    vendor: Vendor = field(init=False)

    def __post_init__(self) -> None:
        self.vendor = Vendor(self.setup, Ledger(None), lambda: self.now)

    def exchange(self, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None) -> Exchange:
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.vendor.answer(Request(method, target, AUTHORISED if headers is None else headers, raw))

    def ask(self, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
        exchange = self.exchange(method, target, body, headers)
        exchange.ends()
        exchange.delivered()
        exchange.close()
        return exchange.reply

    def get(self, target: str) -> Any:
        reply = self.ask("GET", target)
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    def send(self, account: str = "acct_a", **fields: Any) -> Any:
        reply = self.ask("POST", f"/api/{account}/mass-messaging", {"text": "Hi", "userIds": ["1", "2"], **fields})
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    def errors(self, **fields: Any) -> dict[str, list[str]]:
        reply = self.ask("POST", MASS, fields)
        assert reply.status == 422, reply.body
        found = json.loads(reply.body)["errors"]
        assert isinstance(found, dict)
        return found


def plain_client(url: str) -> httpx.Client:
    """A client that never retries; no certificates are loaded, which would cost more than a test."""
    return httpx.Client(base_url=url, headers=AUTHORISED, trust_env=False, verify=False)


def bench(**setup: Any) -> Bench:
    return Bench(Setup.model_validate(setup))


@dataclass
class Listening:
    """A sandbox on a real socket, and a client that never retries."""

    sandbox: Sandbox
    client: httpx.Client

    @property
    def url(self) -> str:
        return self.sandbox.url

    def post(self, account: str = "acct_a", timeout: float = 5.0, **fields: Any) -> httpx.Response:
        body = {"text": "Hi", "userIds": ["1", "2"], **fields}
        return self.client.post(f"/api/{account}/mass-messaging", json=body, timeout=timeout)

    def accepted(self) -> list[dict[str, Any]]:
        return list(self.client.get("/sandbox/accepted").json()["accepted"])

    def summary(self, **query: str) -> dict[str, Any]:
        return dict(self.client.get("/sandbox/summary", params=query).json())

    def requests(self) -> list[dict[str, Any]]:
        return list(self.client.get("/sandbox/requests").json()["requests"])

    def judged(self, count: int = 1) -> list[dict[str, Any]]:
        """The requests, once so many have been judged: a client that gave up may be quicker than the sandbox."""
        deadline = time.monotonic() + 20
        while True:
            rows = [row for row in self.requests() if row["outcome"] != "open"]
            if len(rows) >= count:
                return rows
            assert time.monotonic() < deadline, f"only {len(rows)} of {count} requests were judged"
            time.sleep(0.01)


Start = Callable[..., Listening]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[Listening] = []

    def begin(*, ledger_file: Path | None = None, **setup: Any) -> Listening:
        sandbox = Sandbox("127.0.0.1", 0, setup=Setup.model_validate(setup), ledger_file=ledger_file)
        sandbox.start()
        running.append(Listening(sandbox, plain_client(sandbox.url)))
        return running[-1]

    yield begin
    for each in running:
        each.client.close()
        each.sandbox.stop()
