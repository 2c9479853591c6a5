"""The page of the proof that the books balance and the log is whole. It runs beside the requests."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from campaigns.domain.access.rights import HOLD_BACK
from campaigns.domain.errors import CampaignsError, NotAllowed
from campaigns.store.database.engine import Store
from campaigns.store.proof.verify import Verified, verify
from campaigns.web.desk import Here, Holder, Viewer
from campaigns.web.kit.acts import Question, act_once, ask
from campaigns.web.kit.pages import page

routes = APIRouter(prefix="/audit/verify")

log = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 3
"""A browser without script loads the page again after this long while a proof runs."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that runs or has ended."""

    by: str
    began_at: datetime
    ended_at: datetime | None = None
    verified: Verified | None = None  # None: it runs, or could not be made
    fault: str | None = None


class Proofs:
    """The last proof of this process, one at a time. It only reads, so a crash or a restart leaves nothing behind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: Proof | None = None

    @property
    def last(self) -> Proof | None:
        """The proof that runs, or else the last one."""
        return self._last

    def start(self, store: Store, by: str) -> Proof:
        """Start a proof. Raises NotAllowed while one runs."""
        with store.read() as connection:
            now = store.now(connection)
        with self._lock:
            if self._last is not None and self._last.ended_at is None:
                raise NotAllowed(f"A proof runs already; {self._last.by} has started it.")
            proof = self._last = Proof(by, now)
        threading.Thread(target=self._run, args=(store, proof), name="proof", daemon=True).start()
        return proof

    def _run(self, store: Store, proof: Proof) -> None:
        verified, fault, now = None, None, proof.began_at
        try:
            with store.read() as connection:
                verified = verify(connection)
            with store.read() as connection:
                now = store.now(connection)
        except CampaignsError as refusal:
            fault = str(refusal)
        except Exception:
            log.exception("The proof failed")
            fault = "It failed by a fault of campaigns; the log of the desk has the details."
        self._last = replace(proof, ended_at=now, verified=verified, fault=fault)


PROOFS = Proofs()


@routes.get("")
def show(request: Request, by: Viewer) -> Response:
    """The proof that runs, or the result of the last one."""
    by.require_every_account()
    proof = PROOFS.last
    reply = page(request, "audit/verify.html", by=by, proof=proof, may_start=by.may(HOLD_BACK))
    if proof is not None and proof.ended_at is None:
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
    """Start the proof."""
    by.require_every_account()
    return act_once(
        request,
        desk.store,
        by,
        {"key": key},
        lambda _store: {"began_at": PROOFS.start(desk.store, by.name).began_at},
        to="/audit/verify",
        sentence="The proof runs.",
    )
