"""Runs: `/api/v1/runs`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from campaigns.domain.access.rights import HOLD_BACK, LOOK
from campaigns.domain.states import RunState
from campaigns.flow.access.allow import allow_run
from campaigns.flow.runs.pause_resume_cancel import Paused, pause_run
from campaigns.store.views.run_lines import RunFilter, RunLine, runs
from campaigns.store.views.runs import RunView, run_of
from campaigns.web.desk import Here, Holder, Viewer
from campaigns.web.kit.answers import answer
from campaigns.web.kit.lists import After, Limit, Page, paged, place
from campaigns.web.kit.once import IdempotencyKey, done_once

routes = APIRouter(prefix="/runs", tags=["runs"])

RunId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@dataclass(frozen=True, slots=True)
class WithReason:
    """Why somebody acts; the audit keeps it."""

    reason: str


@routes.get("", response_model=Page[RunLine])
def list_runs(
    desk: Here,
    by: Viewer,
    *,
    campaign: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    account: str | None = None,
    state: RunState | None = None,
    limit: Limit = 50,
    cursor: After = None,
) -> Response:
    """Runs, the newest first."""
    filters = {"campaign": campaign, "account": account, "state": state, "of": by.accounts and sorted(by.accounts)}
    at = place(desk, "runs", filters, cursor)
    which = RunFilter(
        campaign_id=campaign, account=account, state=state, accounts=by.accounts, below=at.after, limit=limit + 1
    )
    with desk.store.read() as connection:
        rows = runs(connection, which)
    return answer(paged(at, rows, limit, lambda row: row.id))


@routes.get("/{run_id}", response_model=RunView)
def show_run(desk: Here, by: Viewer, run_id: RunId) -> Response:
    """One run with its books."""
    allow_run(desk.store, by, LOOK, run_id)
    with desk.store.read() as connection:
        return answer(run_of(connection, run_id))


@routes.post("/{run_id}/pause", response_model=Paused)
def pause(
    request: Request, desk: Here, by: Holder, run_id: RunId, body: WithReason, key: IdempotencyKey = None
) -> Response:
    """Let the run wait. Requests in flight are not stopped."""
    allow_run(desk.store, by, HOLD_BACK, run_id)
    return done_once(
        request,
        desk.store,
        by,
        key,
        body,
        lambda store: pause_run(store, run_id, reason=body.reason, actor=by.actor),
        required=False,
    )
