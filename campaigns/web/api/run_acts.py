"""What people do to a run: `/api/v1/runs/{run_id}/...`.

None of these asks the vendor: a reconcile and a recall write what workers do next, and workers ask. So no request stays
open for it; the run shows how far it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from campaigns.domain.access.rights import HOLD_BACK, Right
from campaigns.domain.errors import UsageError
from campaigns.domain.states import BatchState, RunState
from campaigns.flow.access.allow import allow_run
from campaigns.flow.access.four_eyes import refuse_own_content
from campaigns.flow.handoff.cancel import Cancelled, cancel_run
from campaigns.flow.recall.recall import RecallAnswer, recall_run
from campaigns.flow.reconcile.decide import decide as decide_run
from campaigns.flow.reconcile.resend import Resend, preview_decision
from campaigns.flow.reconcile.search import SearchAsked, ask_to_look
from campaigns.flow.runs.pause_resume_cancel import Paused, Resumed, pause_run, resume_run
from campaigns.flow.runs.rerun import RerunAnswer
from campaigns.flow.runs.rerun import rerun as rerun_run
from campaigns.store.database.engine import Store
from campaigns.web.api.runs import RunId, Seq
from campaigns.web.desk import Here, Holder, Sender
from campaigns.web.kit.answers import answer
from campaigns.web.kit.once import IdempotencyKey, done_once
from campaigns.web.kit.sent.bodies import STRICT, WithReason

routes = APIRouter(prefix="/runs", tags=["runs"])

SEND = frozenset({Right.SENDER})

LONGEST_LIST = 10_000
"""At most this many numbers of batches in one request."""

Seqs = Annotated[list[Seq] | None, Field(max_length=LONGEST_LIST)]


@dataclass(frozen=True, slots=True)
class RerunBody:
    """Whom to send to again, and what. A dry run opens nothing."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    reason: str = ""
    states: Annotated[list[Literal["rejected", "cancelled"]], Field(min_length=1)] = ("rejected",)  # type: ignore[assignment]
    batches: Seqs = None  # null: all of them
    current: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class DecideBody:
    """What became of unknown batches. A dry run says which batches it concerns, and changes nothing."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    as_: Annotated[Literal["accepted", "not-sent", "resend"], Field(alias="as")]
    reason: str = ""
    batches: Seqs = None  # null: every unknown one
    message_id: str | None = None
    despite: Annotated[list[str], Field(max_length=LONGEST_LIST)] = ()  # type: ignore[assignment]
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class DecidedAnswer:
    """A decision that was recorded."""

    run_id: int
    as_: Annotated[Literal["accepted", "not-sent", "resend"], Field(alias="as")]
    batches: list[int]
    recipients: int
    state: RunState  # of the run, afterwards


@dataclass(frozen=True, slots=True)
class RecallBody:
    """Why a run is recalled. A dry run writes nothing."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    reason: str = ""
    dry_run: bool = False


@routes.post("/{run_id}/pause", response_model=Paused)
def pause(
    request: Request, desk: Here, by: Holder, run_id: RunId, body: WithReason, key: IdempotencyKey = None
) -> Response:
    """Let the run wait. Requests in flight are not stopped."""
    allow_run(desk.store, by, HOLD_BACK, run_id)

    def verb(store: Store) -> Paused:
        return pause_run(store, run_id, reason=body.reason, actor=by.actor)

    return done_once(request, desk.store, by, key, body, verb, required=False)


@routes.post("/{run_id}/resume", response_model=Resumed)
def resume(
    request: Request, desk: Here, by: Sender, run_id: RunId, body: WithReason, key: IdempotencyKey = None
) -> Response:
    """End the pause of a person, or else the oldest hold on the run. Other holds stay."""
    allow_run(desk.store, by, SEND, run_id)

    def verb(store: Store) -> Resumed:
        return resume_run(store, run_id, reason=body.reason, actor=by.actor)

    return done_once(request, desk.store, by, key, body, verb, required=False)


@routes.post("/{run_id}/cancel", response_model=Cancelled)
def cancel(
    request: Request, desk: Here, by: Holder, run_id: RunId, body: WithReason, key: IdempotencyKey = None
) -> Response:
    """Cancel what was not sent yet. Requests in flight end as usual; what was handed over is unsent before its time."""
    allow_run(desk.store, by, HOLD_BACK, run_id)

    def verb(store: Store) -> Cancelled:
        return cancel_run(store, run_id, reason=body.reason, actor=by.actor)

    return done_once(request, desk.store, by, key, body, verb, required=False)


@routes.post("/{run_id}/rerun", response_model=RerunAnswer)
def rerun(
    request: Request, desk: Here, by: Sender, run_id: RunId, body: RerunBody, key: IdempotencyKey = None
) -> Response:
    """Open a child run over those who were provably not reached. Needs an Idempotency-Key, except for a dry run."""
    allow_run(desk.store, by, SEND, run_id)

    def verb(store: Store) -> RerunAnswer:
        if body.current:
            refuse_own_content(store, by, run_id)
        return rerun_run(
            store,
            run_id,
            states=frozenset(BatchState(state) for state in body.states),
            seqs=body.batches,
            current=body.current,
            reason=body.reason,
            dry_run=body.dry_run,
            upstream=desk.parts.upstream_name,
            actor=by.actor,
        )

    return answer(verb(desk.store)) if body.dry_run else done_once(request, desk.store, by, key, body, verb)


@routes.post("/{run_id}/decide", response_model=DecidedAnswer | Resend)
def decide(
    request: Request, desk: Here, by: Sender, run_id: RunId, body: DecideBody, key: IdempotencyKey = None
) -> Response:
    """Record what became of unknown batches; all of them or none. Needs an Idempotency-Key, except for a dry run.

    `resend` may message fans a second time. A message ID on record must be named.
    """
    allow_run(desk.store, by, SEND, run_id)
    if body.message_id is not None and body.as_ != "accepted":
        raise UsageError(f"A message ID belongs to what is decided accepted; {body.as_} has none.")
    what: dict[str, Any] = {"seqs": body.batches, "message_id": body.message_id, "despite": body.despite}
    if body.dry_run:
        return answer(preview_decision(desk.store, run_id, verdict=body.as_, **what))

    def verb(store: Store) -> DecidedAnswer:
        made = decide_run(store, run_id, verdict=body.as_, reason=body.reason, actor=by.actor, **what)
        return DecidedAnswer(made.run_id, made.verdict, made.batches, made.recipients, made.state)

    return done_once(request, desk.store, by, key, body, verb)


@routes.post("/{run_id}/recall", response_model=RecallAnswer)
def recall(
    request: Request, desk: Here, by: Sender, run_id: RunId, body: RecallBody, key: IdempotencyKey = None
) -> Response:
    """Have every accepted batch of the run unsent, by workers. Needs an Idempotency-Key, except for a dry run."""
    allow_run(desk.store, by, SEND, run_id)

    def verb(store: Store) -> RecallAnswer:
        return recall_run(store, run_id, reason=body.reason, actor=by.actor, dry_run=body.dry_run)

    return answer(verb(desk.store)) if body.dry_run else done_once(request, desk.store, by, key, body, verb)


@routes.post("/{run_id}/reconcile", response_model=SearchAsked)
def reconcile(request: Request, desk: Here, by: Sender, run_id: RunId, key: IdempotencyKey = None) -> Response:
    """Have workers search the vendor's queue for the unknown batches of the run now. It costs credits."""
    allow_run(desk.store, by, SEND, run_id)

    def verb(store: Store) -> SearchAsked:
        return ask_to_look(store, run_id, actor=by.actor)

    return done_once(request, desk.store, by, key, None, verb, required=False)
