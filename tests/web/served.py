"""The desk of a test: the real application in a real server on loopback, over the store of the world."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from fastapi import Request

from campaigns.domain.access.rights import Principal, Right
from campaigns.settings import load_settings
from campaigns.store.database.engine import Store
from campaigns.web.app import desk_app
from campaigns.web.desk import Desk
from campaigns.wiring import Parts

SECRET = b"a secret of the tests, never of an installation"

ADMIN = Principal("anna", frozenset({Right.ADMIN}), address="127.0.0.1")
VIEWER = Principal("victor", frozenset({Right.VIEWER}), address="127.0.0.1")


@contextmanager
def served(store: Store, by: Principal | None = ADMIN) -> Iterator[httpx.Client]:
    """A client of a desk at which everybody is `by`."""

    def identify(request: Request) -> Principal | None:
        return by

    headers = {"Sec-Fetch-Site": "same-origin"}
    with (
        running(Desk(Parts(load_settings(), store), SECRET, identify)) as url,
        httpx.Client(base_url=url, headers=headers, timeout=30) as client,
    ):
        yield client


@contextmanager
def running(desk: Desk) -> Iterator[str]:
    """The address of a running desk."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(desk_app(desk), log_level="error", lifespan="on", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
