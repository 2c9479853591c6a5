"""The desk as a process: `uvicorn --factory campaigns.web.serve:make_app` calls this once."""

from __future__ import annotations

import asyncio
import signal
from types import FrameType

from fastapi import FastAPI

from campaigns.adapters.disk.secret_key import secret_of_home
from campaigns.domain.errors import SettingsError
from campaigns.private_files import keep_private
from campaigns.settings import Settings, load_settings
from campaigns.web.app import desk_app
from campaigns.web.desk import Desk
from campaigns.web.kit.access.identify import identify
from campaigns.wiring import configure_logging, open_parts

FACTORY = "campaigns.web.serve:make_app"
"""The name by which uvicorn finds it."""


def make_app() -> FastAPI:
    """The desk with the settings in force. Raises SettingsError."""
    keep_private()
    settings = load_settings()
    configure_logging(settings)
    app = desk_app(Desk(open_parts(settings), _secret(settings), identify, settings.web_hosts))
    _end_streams_first(app)
    return app


def _end_streams_first(app: FastAPI) -> None:
    """End the event streams of open pages when the process is asked to stop: uvicorn waits for every connection.

    uvicorn has installed its own handlers when it calls the factory; they are called after ours.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        stop = signal.getsignal(number)

        def handle(number: int, frame: FrameType | None, stop: object = stop) -> None:
            loop.call_soon_threadsafe(app.state.watcher.close)
            if callable(stop):
                stop(number, frame)

        signal.signal(number, handle)


def _secret(settings: Settings) -> bytes:
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    try:
        return secret_of_home(settings.home.resolve())
    except OSError as error:
        raise SettingsError(
            f"The key of the desk cannot be kept in CAMPAIGNS_HOME '{settings.home}': {error.strerror}. Set "
            "CAMPAIGNS_SECRET_KEY, or a home that can be written."
        ) from None
