"""The application: the guard, the API, the pages, and the files of the browser."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.middleware import Middleware
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles

from campaigns.web import door
from campaigns.web.api import access as api_access
from campaigns.web.api import accounts as api_accounts
from campaigns.web.api import audiences as api_audiences
from campaigns.web.api import audit as api_audit
from campaigns.web.api import campaign_acts as api_campaign_acts
from campaigns.web.api import campaigns as api_campaigns
from campaigns.web.api import fans as api_fans
from campaigns.web.api import operations as api_operations
from campaigns.web.api import run_acts as api_run_acts
from campaigns.web.api import runs as api_runs
from campaigns.web.api import schedules as api_schedules
from campaigns.web.api import status as api_status
from campaigns.web.api import suppressions as api_suppressions
from campaigns.web.desk import Desk
from campaigns.web.guard import Guard
from campaigns.web.openapi import describe
from campaigns.web.pages import live, reference, search, system, zone
from campaigns.web.pages.access import login as login_pages
from campaigns.web.pages.access import me as me_pages
from campaigns.web.pages.access import people as people_pages
from campaigns.web.pages.accounts import acts as account_acts
from campaigns.web.pages.accounts import shown as accounts_shown
from campaigns.web.pages.audience import fans, imports, suppressions
from campaigns.web.pages.audit import events, verify
from campaigns.web.pages.campaigns import routes as campaigns_pages
from campaigns.web.pages.evening import batches, decide, rerun, run_acts, stop
from campaigns.web.pages.evening import desk as desk_pages
from campaigns.web.pages.evening import runs as runs_pages
from campaigns.web.pages.schedules import routes as schedules_pages
from campaigns.web.problems import refuse_with
from campaigns.web.watcher import Watcher

API = (
    api_campaigns.routes,
    api_campaign_acts.routes,
    api_audiences.routes,
    api_schedules.routes,
    api_schedules.of_campaigns,
    api_runs.routes,
    api_run_acts.routes,
    api_status.routes,
    api_accounts.routes,
    api_suppressions.routes,
    api_fans.routes,
    api_audit.routes,
    api_operations.routes,
    api_access.routes,
)
"""The routes of every subject of the API, in the order of its reference."""

PAGES = (
    *(live.routes, zone.routes, search.routes, reference.routes),
    *campaigns_pages.ROUTES,
    *schedules_pages.ROUTES,
    *(fans.routes, imports.routes, suppressions.routes),
    *(events.routes, verify.routes),
    *(account_acts.routes, accounts_shown.routes),
    *(login_pages.routes, me_pages.routes, people_pages.routes),
    *(desk_pages.routes, runs_pages.routes, batches.routes),
    *(run_acts.routes, rerun.routes, decide.routes, stop.routes),
    system.routes,
)
"""The routes of every page."""


def desk_app(desk: Desk) -> FastAPI:
    """The desk as an ASGI application. It opens nothing and starts nothing before its first request."""
    requests = door.RequestCount()
    app = FastAPI(
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        middleware=[Middleware(door.Requests, requests.counter), Middleware(Guard, hosts=desk.hosts)],
    )
    app.state.desk, app.state.requests = desk, requests
    app.state.watcher = Watcher(desk.store)
    refuse_with(app)
    under_version = APIRouter(prefix="/api/v1", generate_unique_id_function=_operation_id)
    for routes in API:
        under_version.include_router(routes)
    app.include_router(under_version)
    app.include_router(door.routes, include_in_schema=False)
    for routes in PAGES:
        app.include_router(routes, include_in_schema=False)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    return app


def _operation_id(route: APIRoute) -> str:
    return f"{route.tags[0] if route.tags else 'desk'}_{route.name}"
