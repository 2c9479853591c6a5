"""The event stream of the pages. It only says that something changed: the page then reads itself again."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from campaigns.web.desk import Viewer
from campaigns.web.watcher import Watcher

routes = APIRouter()

RETRY_MS = 1000
"""How long a browser waits before it connects again."""


@routes.get("/events", response_class=EventSourceResponse)
async def events(request: Request, by: Viewer) -> AsyncIterator[ServerSentEvent]:
    """A stream with an event after each change. It ends when the desk stops."""
    watcher: Watcher = request.app.state.watcher
    yield ServerSentEvent(comment=f"for {by.name}", retry=RETRY_MS)
    async for _ in watcher.changes():
        yield ServerSentEvent(raw_data="changed")
