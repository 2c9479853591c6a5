"""The page of the proof that the books balance and the log is whole. A worker makes it, as an operation."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from campaigns.domain.access.rights import HOLD_BACK
from campaigns.domain.operations import OperationAct
from campaigns.flow.operations.ask import ask_verify
from campaigns.store.views.desk.operations import newest_operation
from campaigns.web.desk import Here, Holder, Viewer
from campaigns.web.kit.acts import Question, act_once, ask
from campaigns.web.kit.pages import page

routes = APIRouter(prefix="/audit/verify")

LOOK_AGAIN_SECONDS = 3
"""A browser without script loads the page again after this long while a proof is made."""


@routes.get("")
def show(request: Request, desk: Here, by: Viewer) -> Response:
    """The proof that was asked for last: how far it is, or its result."""
    by.require_every_account()
    with desk.store.read() as connection:
        proof = newest_operation(connection, OperationAct.VERIFY)
    is_open = proof is not None and proof.finished_at is None
    reply = page(request, "audit/verify.html", by=by, proof=proof, may_start=by.may(HOLD_BACK) and not is_open)
    if is_open:
        reply.headers["Refresh"] = str(LOOK_AGAIN_SECONDS)
    return reply


@routes.get("/start")
def ask_to_start(request: Request, by: Holder) -> Response:
    """Ask whether to read everything."""
    by.require_every_account()
    sentence = (
        "Every run, request and event of every account is read and proved again. That changes nothing, and takes a "
        "while on a large database."
    )
    question = Question("Verify the books and the log", sentence, "Verify", "/audit/verify", needs_reason=False)
    return ask(request, by, question)


@routes.post("/start")
def start(request: Request, desk: Here, by: Holder, key: Annotated[str, Form()]) -> Response:
    """Let a worker make the proof."""
    return act_once(
        request,
        desk.store,
        by,
        {"key": key},
        lambda store: ask_verify(store, by, every_chain=False, heads=None),
        to="/audit/verify",
        sentence="A worker makes the proof.",
    )
