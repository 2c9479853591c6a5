"""Acts on a run that need no choice: pause, let go on, cancel, search now, recall. Each page asks once, then acts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from campaigns.domain.access.rights import HOLD_BACK, Principal
from campaigns.domain.errors import NotAllowed
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import BatchState, HoldKind
from campaigns.domain.upstream.outcome import HoldScope
from campaigns.flow.access.allow import allow_run
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.recall.recall import recall_run
from campaigns.flow.reconcile.search import ask_to_look
from campaigns.flow.runs.acts import NEEDS, RunAct, acts_on
from campaigns.flow.runs.outlook import later
from campaigns.flow.runs.pause_resume_cancel import pause_run, resume_run
from campaigns.store.views.progress.run_page import RunPage, run_page
from campaigns.store.views.runs import HoldView
from campaigns.web.desk import Desk, Here, Holder, Sender
from campaigns.web.kit.acts import Question, act_once, ask
from campaigns.web.pages.evening.typed import RunId
from campaigns.web.pages.evening.words import FIX, counted, people

routes = APIRouter(prefix="/runs/{run_id}")

Text = Annotated[str, Form(max_length=500)]
Number = Annotated[int, Form(ge=0)]


@dataclass(frozen=True, slots=True)
class ActLink:
    """A link from the page of a run to the page of an act."""

    text: str
    path: str
    is_grave: bool


LINKS: dict[RunAct, ActLink] = {
    RunAct.PAUSE: ActLink("Pause", "pause", is_grave=False),
    RunAct.RESUME: ActLink("Let it go on", "resume", is_grave=True),
    RunAct.CANCEL: ActLink("Cancel", "cancel", is_grave=True),
    RunAct.SEARCH: ActLink("Search at the vendor now", "search", is_grave=False),
    RunAct.DECIDE: ActLink("Record what became of the unknown", "decide", is_grave=True),
    RunAct.RERUN: ActLink("Send again to those who were not reached", "rerun", is_grave=True),
    RunAct.RECALL: ActLink("Recall", "recall", is_grave=True),
}


def named(run: RunPage) -> str:
    """The words with which every question names its run."""
    return f'run r{run.id} of "{run.campaign}" on {run.account}'


def run_for(desk: Desk, by: Principal, run_id: int, act: RunAct) -> tuple[RunPage, datetime]:
    """The run that somebody asks to act on, and now. Raises Forbidden, NotFound; NotAllowed in another state."""
    allow_run(desk.store, by, NEEDS[act], run_id)
    with desk.store.read() as connection:
        run, now = run_page(connection, run_id), desk.store.now(connection)
    if act not in acts_on(run, by, now=now):
        state = run.state.replace("_", " ")
        raise NotAllowed(
            f"Run {run_id} is {state}, and this cannot be done to it now ({act}).", Remedy(Do.SHOW_RUN, run=run_id)
        )
    return run, now


@routes.get("/pause")
def ask_to_pause(request: Request, desk: Here, by: Holder, run_id: RunId) -> Response:
    """Ask whether the run is to wait."""
    run, _ = run_for(desk, by, run_id, RunAct.PAUSE)
    waiting = people(run.waiting, whole_list=run.whole_list)
    sentence = f"Pause {named(run)}? Now {waiting} wait. Requests that are in flight are not stopped."
    return ask(request, by, Question(f"Pause run r{run_id}", sentence, "Pause", f"/runs/{run_id}"))


@routes.post("/pause")
def pause(request: Request, desk: Here, by: Holder, run_id: RunId, reason: Text, key: Text) -> Response:
    """Let the run wait."""
    allow_run(desk.store, by, HOLD_BACK, run_id)
    return act_once(
        request,
        desk.store,
        by,
        {"reason": reason, "key": key},
        lambda store: pause_run(store, run_id, reason=reason, actor=by.actor),
        to=f"/runs/{run_id}",
        sentence=f"Run r{run_id} is paused.",
    )


@routes.get("/resume")
def ask_to_resume(request: Request, desk: Here, by: Sender, run_id: RunId) -> Response:
    """Ask whether the run is to go on."""
    run, _ = run_for(desk, by, run_id, RunAct.RESUME)
    first, *others = sorted(run.holds, key=_turn)
    waiting = people(run.waiting, whole_list=run.whole_list)
    question = Question(
        f"Let run r{run_id} go on",
        f"Let {named(run)} go on? It then sends to {waiting}. A message that was sent cannot always be unsent.",
        "Let it go on",
        f"/runs/{run_id}",
        is_grave=True,
        fields={"shown": str(run.waiting), "closing": str(first.id)},
        lines=[
            f"This ends one pause ({first.kind.replace('_', ' ')}): {first.reason}",
            *([FIX[first.kind]] if FIX[first.kind] else []),
            *(f"It stays paused by the {each.scope} ({each.kind.replace('_', ' ')}): {each.reason}" for each in others),
        ],
    )
    return ask(request, by, question)


def _turn(hold: HoldView) -> tuple[bool, bool, int]:
    """The order in which pauses are ended: those of the run first, and of them the one by a person."""
    return hold.scope is not HoldScope.RUN, hold.kind is not HoldKind.OPERATOR, hold.id


@routes.post("/resume")
def resume(
    request: Request,
    desk: Here,
    by: Sender,
    run_id: RunId,
    *,
    reason: Text,
    shown: Number,
    closing: Number,
    key: Text,
) -> Response:
    """Let the run go on."""
    allow_run(desk.store, by, NEEDS[RunAct.RESUME], run_id)
    return act_once(
        request,
        desk.store,
        by,
        {"reason": reason, "shown": str(shown), "closing": str(closing), "key": key},
        lambda store: resume_run(store, run_id, reason=reason, shown=shown, closing=closing, actor=by.actor),
        to=f"/runs/{run_id}",
        sentence=lambda answer: (
            f"One pause of run r{run_id} has ended; it is still paused: {', '.join(answer['still_held_by'])}."
            if answer["paused"]
            else f"Run r{run_id} goes on."
        ),
    )


@routes.get("/cancel")
def ask_to_cancel(request: Request, desk: Here, by: Holder, run_id: RunId) -> Response:
    """Ask whether what was not sent yet is to be cancelled."""
    run, now = run_for(desk, by, run_id, RunAct.CANCEL)
    waiting = people(run.waiting, whole_list=run.whole_list)
    sentence = f"Cancel {named(run)}? {waiting[0].upper()}{waiting[1:]} will not get it. This cannot be undone."
    lines = ["A request that is in flight ends as usual."]
    if later(run.scheduled_date, now) is not None and run.accepted:
        batches = counted(run.batches.get(BatchState.ACCEPTED, 0), "batch")
        lines.append(f"{batches} of it were handed over to the vendor. A worker unsends them before their time.")
    question = Question(
        f"Cancel run r{run_id}",
        sentence,
        "Cancel the run",
        f"/runs/{run_id}",
        is_grave=True,
        fields={"shown": str(run.waiting)},
        lines=lines,
    )
    return ask(request, by, question)


@routes.post("/cancel")
def cancel(request: Request, desk: Here, by: Holder, run_id: RunId, reason: Text, shown: Number, key: Text) -> Response:
    """Cancel what was not sent yet."""
    allow_run(desk.store, by, NEEDS[RunAct.CANCEL], run_id)
    return act_once(
        request,
        desk.store,
        by,
        {"reason": reason, "shown": str(shown), "key": key},
        lambda store: cancel_run(store, run_id, reason=reason, shown=shown, actor=by.actor),
        to=f"/runs/{run_id}",
        sentence=lambda answer: (
            f"Run r{run_id} is {answer['state'].replace('_', ' ')}: "
            f"{counted(answer['cancelled_batches'], 'batch')} cancelled."
            + (f" A worker unsends {counted(answer['recalling'], 'batch')} of it." if answer["recalling"] else "")
        ),
    )


@routes.get("/search")
def ask_to_search(request: Request, desk: Here, by: Sender, run_id: RunId) -> Response:
    """Ask whether the vendor's queue is to be searched for the unknown batches now."""
    run, _ = run_for(desk, by, run_id, RunAct.SEARCH)
    unknown = run.batches.get(BatchState.UNKNOWN, 0)
    question = Question(
        f"Search for the unknown batches of run r{run_id}",
        f"Search the vendor's queue for {counted(unknown, 'unknown batch')} of {named(run)} now? "
        "Questions to the vendor cost a credit each, and the account sends nothing until the search is done.",
        "Search now",
        f"/runs/{run_id}",
        needs_reason=False,
        fields={"shown": str(unknown)},
    )
    return ask(request, by, question)


@routes.post("/search")
def search(request: Request, desk: Here, by: Sender, run_id: RunId, shown: Number, key: Text) -> Response:
    """Have a worker search for what is unknown."""
    allow_run(desk.store, by, NEEDS[RunAct.SEARCH], run_id)
    return act_once(
        request,
        desk.store,
        by,
        {"shown": str(shown), "key": key},
        lambda store: ask_to_look(store, run_id, shown=shown, actor=by.actor),
        to=f"/runs/{run_id}",
        sentence=lambda answer: f"A worker searches for {counted(answer['batches'], 'unknown batch')} now.",
    )


@routes.get("/recall")
def ask_to_recall(request: Request, desk: Here, by: Sender, run_id: RunId) -> Response:
    """Ask whether what was accepted is to be unsent."""
    allow_run(desk.store, by, NEEDS[RunAct.RECALL], run_id)
    would = recall_run(desk.store, run_id, reason="", actor=by.actor, dry_run=True)
    with desk.store.read() as connection:
        run = run_page(connection, run_id)
    whom = people(run.accepted - run.recalled, whole_list=run.whole_list)
    unknown = [f"{counted(would.unknown, 'unknown batch')} cannot be unsent: nobody knows their messages."]
    question = Question(
        f"Recall run r{run_id}",
        f"Recall {named(run)}? {counted(would.batches, 'message')} to {whom} will be unsent, by one request each. "
        "This cannot be undone, and a rerun never sends to them again.",
        "Recall",
        f"/runs/{run_id}",
        is_grave=True,
        fields={"shown": str(would.batches)},
        lines=["Fans keep what they bought.", *(unknown if would.unknown else [])],
    )
    return ask(request, by, question)


@routes.post("/recall")
def recall(request: Request, desk: Here, by: Sender, run_id: RunId, reason: Text, shown: Number, key: Text) -> Response:
    """Ask for everything that was accepted to be unsent."""
    allow_run(desk.store, by, NEEDS[RunAct.RECALL], run_id)
    return act_once(
        request,
        desk.store,
        by,
        {"reason": reason, "shown": str(shown), "key": key},
        lambda store: recall_run(store, run_id, reason=reason, shown=shown, actor=by.actor),
        to=f"/runs/{run_id}",
        sentence=lambda answer: f"A worker unsends {counted(answer['batches'], 'batch')} of run r{run_id}.",
    )
