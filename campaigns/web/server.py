"""The server of the desk: uvicorn, which stops although pages have open streams."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI

from campaigns.web.kit.watcher import Watcher


class DeskServer(uvicorn.Server):
    """A server that ends the event streams before it waits for its connections; uvicorn itself would wait for ever."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._watcher: Watcher = app.state.watcher

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then everything else."""
        self._watcher.close()
        await super().shutdown(sockets)
