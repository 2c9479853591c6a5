"""The application: the guard, the API, the pages, and the files of the browser."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.middleware import Middleware
from fastapi.staticfiles import StaticFiles

from campaigns import __version__
from campaigns.web import api, pages
from campaigns.web.api import access as api_access
from campaigns.web.api import runs as api_runs
from campaigns.web.desk import Desk
from campaigns.web.guard import Guard
from campaigns.web.pages import runs as runs_pages
from campaigns.web.pages.access import login as login_pages
from campaigns.web.pages.access import me as me_pages
from campaigns.web.pages.access import people as people_pages
from campaigns.web.problems import refuse_with

API = (api_runs.routes, api_access.routes)
"""The routes of every subject of the API, in the order of its reference."""

PAGES = (runs_pages.routes, login_pages.routes, me_pages.routes, people_pages.routes)
"""The routes of every page."""


def desk_app(desk: Desk) -> FastAPI:
    """The desk as an ASGI application. It opens nothing and starts nothing before its first request."""
    app = FastAPI(
        title="campaigns",
        version=__version__,
        summary=api.__doc__,
        description=pages.__doc__ or "",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        middleware=[Middleware(Guard, hosts=desk.hosts)],
    )
    app.state.desk = desk
    refuse_with(app)
    under_version = APIRouter(prefix="/api/v1")
    for routes in API:
        under_version.include_router(routes)
    app.include_router(under_version)
    for routes in PAGES:
        app.include_router(routes, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    return app
