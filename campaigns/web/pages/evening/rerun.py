"""Send again to those who were provably not reached: choose whom, see how many that are, then act."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from campaigns.domain.states import BatchState
from campaigns.flow.access.allow import allow_run
from campaigns.flow.access.four_eyes import refuse_own_content
from campaigns.flow.runs.acts import NEEDS, RunAct
from campaigns.flow.runs.rerun import RerunAnswer
from campaigns.flow.runs.rerun import rerun as rerun_run
from campaigns.store.database.engine import Store
from campaigns.store.views.progress.run_page import RunPage
from campaigns.web.desk import Here, Sender
from campaigns.web.kit.acts import Question, act_once, ask
from campaigns.web.kit.pages import page
from campaigns.web.pages.evening.run_acts import Number, Text, named, run_for
from campaigns.web.pages.evening.typed import RunId, batch_numbers
from campaigns.web.pages.evening.words import counted

routes = APIRouter(prefix="/runs/{run_id}")

MAY_BE_SENT_AGAIN = (BatchState.REJECTED, BatchState.CANCELLED)

Ticked = Annotated[str, Form(max_length=1)]


@routes.get("/rerun")
def ask_to_rerun(
    request: Request,
    desk: Here,
    by: Sender,
    run_id: RunId,
    *,
    rejected: str = "",
    cancelled: str = "",
    current: str = "",
    batches: str = "",
) -> Response:
    """Let somebody choose whom to send to; with a choice, show what it would do and ask."""
    run, _ = run_for(desk, by, run_id, RunAct.RERUN)
    if not (rejected or cancelled or current):
        return page(request, "runs/rerun.html", by=by, run=run)
    ticked = {"rejected": rejected, "cancelled": cancelled, "current": current}
    chosen = {**{name: "1" if value else "" for name, value in ticked.items()}, "batches": batches}
    would = _rerun(desk.store, run_id, desk.parts.upstream_name, chosen, dry_run=True, actor=by.actor)
    return ask(request, by, _question(run, would, chosen))


def _question(run: RunPage, would: RerunAnswer, chosen: dict[str, str]) -> Question:
    words = " and ".join(_states(chosen))
    content = "the newest content of the campaign" if chosen["current"] else "the same content"
    only = f" in batches {chosen['batches']}" if chosen["batches"] else ""
    lines = [f"{size:,} are left out: {reason.replace('_', ' ')}." for reason, size in would.excluded.items() if size]
    if would.held is not None:
        lines.append(f"The new run is paused until somebody lets it go on: {would.held}.")
    return Question(
        f"Send run r{run.id} again",
        f"Send {content} again to {counted(would.recipients, 'recipient')} of {named(run)} who are {words}{only}? "
        f"That takes {counted(would.batches, 'request')}. A message that was sent cannot always be unsent.",
        "Send again",
        f"/runs/{run.id}",
        is_grave=True,
        fields={**{name: value for name, value in chosen.items() if value}, "shown": str(would.recipients)},
        lines=lines,
    )


@routes.post("/rerun")
def rerun(
    request: Request,
    desk: Here,
    by: Sender,
    run_id: RunId,
    *,
    reason: Text,
    shown: Number,
    key: Text,
    rejected: Ticked = "",
    cancelled: Ticked = "",
    current: Ticked = "",
    batches: Annotated[str, Form()] = "",
) -> Response:
    """Open the child run."""
    allow_run(desk.store, by, NEEDS[RunAct.RERUN], run_id)
    chosen = {"rejected": rejected, "cancelled": cancelled, "current": current, "batches": batches}
    if current:
        refuse_own_content(desk.store, by, run_id)
    upstream = desk.parts.upstream_name
    return act_once(
        request,
        desk.store,
        by,
        {**chosen, "reason": reason, "shown": str(shown), "key": key},
        lambda store: _rerun(store, run_id, upstream, chosen, reason=reason, shown=shown, actor=by.actor),
        to=lambda answer: f"/runs/{answer['run_id']}",
        sentence=lambda answer: (
            f"Run r{answer['run_id']} sends again to {counted(answer['recipients'], 'recipient')} of run r{run_id}."
            if answer["held"] is None
            else f"Run r{answer['run_id']} is opened and paused: {answer['held']}."
        ),
    )


def _states(chosen: dict[str, str]) -> list[BatchState]:
    """The chosen states; those that were rejected when none was chosen."""
    return [state for state in MAY_BE_SENT_AGAIN if chosen[state.value]] or [BatchState.REJECTED]


def _rerun(
    store: Store,
    run_id: int,
    upstream: str,
    chosen: dict[str, str],
    *,
    actor: str,
    reason: str = "",
    shown: int | None = None,
    dry_run: bool = False,
) -> RerunAnswer:
    return rerun_run(
        store,
        run_id,
        upstream=upstream,
        states=frozenset(_states(chosen)),
        seqs=batch_numbers(chosen["batches"]),
        current=bool(chosen["current"]),
        reason=reason,
        shown=shown,
        dry_run=dry_run,
        actor=actor,
    )
