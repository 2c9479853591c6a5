"""The pages of runs: the list, one run, and what a person does to it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from campaigns.domain.access.rights import HOLD_BACK, LOOK
from campaigns.flow.access.allow import allow_run
from campaigns.flow.runs.pause_resume_cancel import pause_run
from campaigns.store.views.run_lines import RunFilter, runs
from campaigns.store.views.runs import run_of
from campaigns.web.desk import Here, Holder, Viewer
from campaigns.web.kit.acts import Question, act_once, ask
from campaigns.web.kit.pages import page

routes = APIRouter(prefix="/runs")

NEWEST = 100
"""The list shows at most this many runs, and says so."""


@routes.get("")
def list_runs(request: Request, desk: Here, by: Viewer) -> Response:
    """The newest runs."""
    with desk.store.read() as connection:
        rows = runs(connection, RunFilter(accounts=by.accounts, limit=NEWEST))
    return page(request, "runs/list.html", by=by, runs=rows, newest=NEWEST)


@routes.get("/{run_id}")
def show_run(request: Request, desk: Here, by: Viewer, run_id: int) -> Response:
    """One run."""
    allow_run(desk.store, by, LOOK, run_id)
    with desk.store.read() as connection:
        run = run_of(connection, run_id)
    return page(request, "runs/run.html", by=by, run=run)


@routes.get("/{run_id}/pause")
def ask_to_pause(request: Request, desk: Here, by: Holder, run_id: int) -> Response:
    """Ask whether the run is to wait."""
    allow_run(desk.store, by, HOLD_BACK, run_id)
    with desk.store.read() as connection:
        run = run_of(connection, run_id)
    sentence = f"Run {run_id} of account {run.account} waits until somebody lets it go on. {run.waiting:,} fans wait."
    return ask(request, by, Question(f"Pause run {run_id}", sentence, "Pause", f"/runs/{run_id}"))


@routes.post("/{run_id}/pause")
def pause(
    request: Request, desk: Here, by: Holder, run_id: int, reason: Annotated[str, Form()], key: Annotated[str, Form()]
) -> Response:
    """Let the run wait."""
    allow_run(desk.store, by, HOLD_BACK, run_id)
    return act_once(
        request,
        desk.store,
        by,
        {"reason": reason, "key": key},
        lambda store: pause_run(store, run_id, reason=reason, actor=by.actor),
        to=f"/runs/{run_id}",
        sentence=f"Run {run_id} is paused.",
    )
