"""The batches of a run, one batch with all that is known about it, and the requests of a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from campaigns.domain.access.rights import LOOK
from campaigns.domain.states import BatchState
from campaigns.flow.access.allow import allow_run
from campaigns.flow.runs.acts import NEEDS, RunAct
from campaigns.store.views.progress.batch_list import BatchFilter, batch_lines
from campaigns.store.views.progress.batch_story import MOST_QUESTIONS, BatchStory, batch_story
from campaigns.store.views.progress.requests import Place, RequestLine, requests_of_run
from campaigns.store.views.progress.run_heads import run_head
from campaigns.store.views.recalls import requests_to_unsend
from campaigns.web.desk import Here, Viewer
from campaigns.web.kit.lists import paged, place
from campaigns.web.kit.pages import page
from campaigns.web.pages.evening.typed import FromSeq, RunId, Seq, word_of

routes = APIRouter(prefix="/runs/{run_id}")

PAGE = 100
"""Lists show at most this many batches or requests at once."""

EXCERPT = 2_000
"""Characters of a reply of the vendor that the page of a batch shows."""

WIDTH = 1_000
"""The width of the timeline of a batch, in units of SVG."""


@routes.get("/batches")
def list_batches(
    request: Request,
    desk: Here,
    by: Viewer,
    run_id: RunId,
    *,
    state: str = "",
    first: FromSeq = None,
    last: FromSeq = None,
    after: FromSeq = None,
) -> Response:
    """The batches of a run, in the order of their numbers."""
    allow_run(desk.store, by, LOOK, run_id)
    wanted = word_of(BatchState, state, "state")
    with desk.store.read() as connection:
        run = run_head(connection, run_id)
        rows = batch_lines(connection, BatchFilter(run_id, wanted, first, last, after, PAGE + 1))
    chosen = {"state": wanted or "", "first": first or "", "last": last or ""}
    more = {name: value for name, value in chosen.items() if value}
    return page(
        request,
        "runs/batches.html",
        by=by,
        run=run,
        batches=rows[:PAGE],
        most=PAGE,
        states=list(BatchState),
        chosen=chosen,
        more={**more, "after": rows[PAGE - 1].seq} if len(rows) > PAGE else None,
        is_first=after is None,
    )


@routes.get("/batches/{seq}")
def show_batch(request: Request, desk: Here, by: Viewer, run_id: RunId, seq: Seq) -> Response:
    """One batch: its requests on one clock, what proves what became of it, and what the vendor was asked."""
    allow_run(desk.store, by, LOOK, run_id)
    with desk.store.read() as connection:
        run, batch = run_head(connection, run_id), batch_story(connection, run_id, seq)
        now = desk.store.now(connection)
    return page(
        request,
        "runs/batch.html",
        by=by,
        run=run,
        batch=batch,
        spans=_spans(batch, now),
        width=WIDTH,
        excerpt=EXCERPT,
        most_questions=MOST_QUESTIONS,
        may_decide=batch.state is BatchState.UNKNOWN and by.may(NEEDS[RunAct.DECIDE]),
    )


@routes.get("/attempts")
def list_attempts(
    request: Request,
    desk: Here,
    by: Viewer,
    run_id: RunId,
    *,
    unsend: bool = False,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
) -> Response:
    """The requests of a run, the newest first; `unsend`: those that were to unsend it."""
    allow_run(desk.store, by, LOOK, run_id)
    at = place(desk, "requests", {"run": run_id}, cursor)
    with desk.store.read() as connection:
        run = run_head(connection, run_id)
        if unsend:
            unsends = requests_to_unsend(connection, run_id)[-PAGE:][::-1]
            return page(request, "runs/unsends.html", by=by, run=run, unsends=unsends, most=PAGE)
        rows = requests_of_run(
            connection,
            run_id,
            run.account,
            newest=run.served_at or desk.store.now(connection),
            after=_place(at.after),
            limit=PAGE + 1,
        )
    shown = paged(at, rows, PAGE, _position)
    return page(
        request,
        "runs/attempts.html",
        by=by,
        run=run,
        lines=shown.items,
        cursor=shown.cursor,
        most=PAGE,
        is_first=cursor is None,
    )


def _position(line: RequestLine) -> list[object]:
    return [line.started_at.isoformat(), line.batch_id, line.number]


def _place(position: list[object] | None) -> Place | None:
    if position is None:
        return None
    started_at, batch_id, number = position
    return Place(datetime.fromisoformat(str(started_at)), int(str(batch_id)), int(str(number)))


@dataclass(frozen=True, slots=True)
class Span:
    """A request on the clock of our database, and where its bar begins and how long it is in units of SVG."""

    request: RequestLine
    seconds: float | None  # None: it is in flight
    waited: float | None  # seconds since the request before it ended
    x: float
    width: float


def _spans(batch: BatchStory, now: datetime) -> list[Span]:
    """The bars of all requests of a batch to one scale: from the first start to the last end."""
    if not batch.requests:
        return []
    begins = batch.requests[0].started_at
    ends = max(each.finished_at or now for each in batch.requests)
    whole = max((ends - begins).total_seconds(), 0.001)
    spans, before = [], None
    for each in batch.requests:
        until = each.finished_at or now
        took = max((until - each.started_at).total_seconds(), 0.0)
        spans.append(
            Span(
                request=each,
                seconds=None if each.finished_at is None else took,
                waited=None if before is None else max((each.started_at - before).total_seconds(), 0.0),
                x=round(WIDTH * (each.started_at - begins).total_seconds() / whole, 1),
                width=max(2.0, round(WIDTH * took / whole, 1)),
            )
        )
        before = until
    return spans
