"""The desk of a test: the real application in a real server on loopback, over the store of the world."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from fastapi import APIRouter, Request

from campaigns.domain.access.rights import Principal, Right
from campaigns.settings import load_settings
from campaigns.store.database.engine import Store
from campaigns.web.app import desk_app
from campaigns.web.desk import Desk
from campaigns.wiring import Parts


class DeskServer(uvicorn.Server):
    """A server in a thread, which gets no signals: it ends the open streams itself before it stops."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.config.app.state.watcher.close()  # type: ignore[union-attr]
        await super().shutdown(sockets)


SECRET = b"a secret of the tests, never of an installation"

ADMIN = Principal("anna", frozenset({Right.ADMIN}), address="127.0.0.1")
VIEWER = Principal("victor", frozenset({Right.VIEWER}), address="127.0.0.1")


@contextmanager
def served(store: Store, by: Principal | None = ADMIN) -> Iterator[httpx.Client]:
    """A client of a desk at which everybody is `by`."""

    headers = {"Sec-Fetch-Site": "same-origin"}
    with (
        running(desk_of_tests(store, by)) as url,
        httpx.Client(base_url=url, headers=headers, timeout=30) as client,
    ):
        yield client


def desk_of_tests(store: Store, by: Principal | None) -> Desk:
    """A desk at which everybody is `by`."""

    def identify(request: Request) -> Principal | None:
        return by

    return Desk(Parts(load_settings(), store), SECRET, identify)


@contextmanager
def running(desk: Desk, port: int = 0, *, also: APIRouter | None = None) -> Iterator[str]:
    """The address of a running desk; port 0: any that is free. `also`: pages of the test itself."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        app = desk_app(desk)
        if also is not None:
            app.include_router(also)
        server = DeskServer(uvicorn.Config(app, log_level="error", lifespan="on", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
