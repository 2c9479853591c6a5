"""The start page with what needs a person, and the page of what goes on tonight on all accounts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from campaigns.domain.access.rights import Principal
from campaigns.domain.states import RUN_OPEN
from campaigns.flow.runs.tonight import tonight
from campaigns.flow.runs.words import words_of_state
from campaigns.store.views.progress.throughput import paces
from campaigns.store.views.tonight.accounts import zones_of_accounts
from campaigns.web.desk import Desk, Here, Viewer
from campaigns.web.kit.pages import page
from campaigns.web.kit.times import clock_of
from campaigns.web.pages.evening.words import acts_of, fix_of, length, worded

routes = APIRouter()

PACE = timedelta(minutes=5)
"""The pace of a run is what was done in this time."""

MOST_NEEDS, MOST_ENDED, MOST_NEXT, MOST_IDLE = 100, 50, 25, 50
"""The pages list at most so many needs, ended runs, next runs and idle accounts, and say so."""


@routes.get("/")
def needs_you(request: Request, desk: Here, by: Viewer) -> Response:
    """What needs a person; when nothing does, what goes on tonight."""
    return page(request, "desk/needs.html", by=by, **_picture(request, desk, by))


@routes.get("/tonight")
def show_tonight(request: Request, desk: Here, by: Viewer) -> Response:
    """What all accounts are doing."""
    return page(request, "desk/tonight.html", by=by, **_picture(request, desk, by))


def _picture(request: Request, desk: Desk, by: Principal) -> dict[str, Any]:
    seen = tonight(
        desk.store,
        desk.parts.limits,
        upstream=desk.parts.upstream_name,
        is_live=desk.parts.settings.is_live,
        seen=by.accounts,
    )
    with desk.store.read() as connection:
        zones, pace = zones_of_accounts(connection), paces(connection, since=seen.at - PACE)
    clock, minutes = clock_of(request), PACE.total_seconds() / 60
    ended = sorted((run for run in seen.runs if run.state not in RUN_OPEN), key=lambda run: -run.id)
    return {
        "seen": seen,
        "open_runs": [run for run in seen.runs if run.state in RUN_OPEN],
        "ended": ended[:MOST_ENDED],
        "most": {"needs": MOST_NEEDS, "ended": MOST_ENDED, "next": MOST_NEXT, "idle": MOST_IDLE},
        "more": {
            "needs": len(seen.needs) - MOST_NEEDS,
            "ended": len(ended) - MOST_ENDED,
            "next": len(seen.next_runs) - MOST_NEXT,
            "idle": len(seen.idle_accounts) - MOST_IDLE,
        },
        "zones": zones,
        "pace": {run_id: (one.accepted / minutes, one.requests / minutes) for run_id, one in pace.items()},
        "state": lambda run: worded(words_of_state(run), clock, now=seen.at, zone=zones.get(run.account)),
        "acts_of": lambda need: acts_of(need, by),
        "fix_of": fix_of,
        "until": lambda moment: length((moment - seen.at).total_seconds()),
    }
