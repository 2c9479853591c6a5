"""The pages of runs: the list, and one run."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from campaigns.domain.access.rights import LOOK
from campaigns.domain.states import RunState
from campaigns.flow.access.allow import allow_account, allow_run
from campaigns.flow.runs.acts import acts_on
from campaigns.flow.runs.look import look_at_run
from campaigns.store.views.run_lines import RunFilter, runs
from campaigns.web.desk import Here, Viewer
from campaigns.web.kit.pages import page
from campaigns.web.kit.times import clock_of
from campaigns.web.pages.evening.charts import chart, heat_map
from campaigns.web.pages.evening.run_acts import LINKS
from campaigns.web.pages.evening.typed import LARGEST, RunId, word_of
from campaigns.web.pages.evening.words import worded

routes = APIRouter(prefix="/runs")

PAGE = 50
"""The list shows at most this many runs at once."""


@routes.get("")
def list_runs(
    request: Request,
    desk: Here,
    by: Viewer,
    *,
    account: str = "",
    state: str = "",
    campaign: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
    below: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
) -> Response:
    """Runs, the newest first."""
    if account:
        allow_account(by, LOOK, account)
    wanted = word_of(RunState, state, "state")
    which = RunFilter(
        campaign_id=campaign,
        account=account or None,
        state=wanted,
        accounts=by.accounts,
        below=below,
        limit=PAGE + 1,
    )
    with desk.store.read() as connection:
        rows = runs(connection, which)
    chosen = {"account": account, "state": wanted or "", "campaign": campaign or ""}
    older = {**chosen, "below": rows[PAGE - 1].id} if len(rows) > PAGE else None
    return page(
        request,
        "runs/list.html",
        by=by,
        runs=rows[:PAGE],
        most=PAGE,
        states=list(RunState),
        chosen=chosen,
        older=older and {name: value for name, value in older.items() if value},
        is_first=below is None,
    )


@routes.get("/{run_id}")
def show_run(request: Request, desk: Here, by: Viewer, run_id: RunId) -> Response:
    """One run: its books, what it waits for, its batches, its pace, and what may be done to it."""
    allow_run(desk.store, by, LOOK, run_id)
    look = look_at_run(desk.store, run_id, desk.parts.limits)
    run, clock = look.run, clock_of(request)
    return page(
        request,
        "runs/run.html",
        by=by,
        look=look,
        run=run,
        acts=[LINKS[act] for act in acts_on(run, by, now=look.at)],
        waits=None if look.waits is None else worded(look.waits, clock, now=look.at, zone=run.zone),
        heat=heat_map(run_id, run.cells),
        chart=None if look.throughput is None else chart(look.throughput),
    )
