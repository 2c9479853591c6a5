"""Acts on many runs at once, and long checks: `/api/v1/operations`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from fastapi import APIRouter, Path, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from campaigns.domain.errors import InputFault, InvalidInput
from campaigns.domain.operations import BulkFilter, OperationAct, TargetState
from campaigns.domain.states import RunState
from campaigns.flow.operations.ask import (
    Aborted,
    Bulk,
    BulkPreview,
    OperationAsked,
    abort_operation,
    ask_bulk,
    preview_bulk,
)
from campaigns.store.database.engine import Store
from campaigns.store.database.parts import Part
from campaigns.store.views.desk.operations import OperationView, TargetView, operation_of, operations, targets_of
from campaigns.web.api.runs import LARGEST_ID, moment_of
from campaigns.web.desk import Desk, Here, Holder, Viewer
from campaigns.web.kit.answers import answer
from campaigns.web.kit.lists import After, Limit, Page, paged, place
from campaigns.web.kit.once import IdempotencyKey, done_once
from campaigns.web.kit.sent.bodies import STRICT

routes = APIRouter(prefix="/operations", tags=["operations"])

MOST_RUNS = 1000
"""At most this many runs can be named one by one; a filter may fit any number."""

Number = Annotated[int, Field(ge=1, le=LARGEST_ID)]
OperationId = Annotated[int, Path(ge=1, le=LARGEST_ID)]


@dataclass(frozen=True, slots=True)
class FilterBody:
    """Which runs, as the list of runs filters them; what is left out leaves none out."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    campaign: Number | None = None
    account: str | None = None
    state: RunState | None = None
    since: str | None = None
    runs: Annotated[list[Number] | None, Field(min_length=1, max_length=MOST_RUNS)] = None


@dataclass(frozen=True, slots=True)
class BulkBody:
    """An act on every run that fits the filter and that the caller has seen.

    `as_of` and `count` are of the picture that was shown: the header As-Of of the list, or a dry run. `as` is the
    decision of the act `decide`.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    act: Literal["pause", "resume", "cancel", "rerun", "decide", "recall"]
    filter: FilterBody
    as_: Annotated[Literal["accepted", "not-sent", "resend"] | None, Field(alias="as")] = None
    as_of: str | None = None
    count: Annotated[int | None, Field(ge=0, le=LARGEST_ID)] = None
    reason: str = ""
    dry_run: bool = False


@routes.get("", response_model=Page[OperationView])
def list_operations(desk: Here, by: Viewer, *, limit: Limit = 50, cursor: After = None) -> Response:
    """Operations, the newest first."""
    of = None if by.accounts is None else sorted(by.accounts)
    at = place(desk, "operations", {"of": of}, cursor)
    with desk.store.read() as connection:
        rows = operations(connection, by.accounts, Part(at.after, limit + 1))
    return answer(paged(at, rows, limit, lambda row: row.id))


@routes.post("", response_model=OperationAsked | BulkPreview, status_code=202)
def ask(request: Request, desk: Here, by: Holder, body: BulkBody, key: IdempotencyKey = None) -> Response:
    """Act on many runs at once. Needs an Idempotency-Key, except for a dry run, which returns `as_of` and `count`.

    Workers do it, one run at a time; the operation has the progress. When another number fits than `count`, nothing is
    done.
    """
    if body.dry_run:
        return answer(preview_bulk(desk.store, by, _bulk(desk, body), as_of=body.as_of))
    if body.as_of is None or body.count is None:
        raise InvalidInput(
            *(
                InputFault("is missing: it is in the reply that showed what would be done", name)
                for name, value in (("as_of", body.as_of), ("count", body.count))
                if value is None
            )
        )
    as_of, count, bulk = body.as_of, body.count, _bulk(desk, body)

    def verb(store: Store) -> OperationAsked:
        return ask_bulk(store, by, bulk, as_of=as_of, count=count, reason=body.reason)

    return done_once(request, desk.store, by, key, body, verb, status=202)


@routes.get("/{operation_id}", response_model=OperationView)
def show_operation(desk: Here, by: Viewer, operation_id: OperationId) -> Response:
    """One operation and how far it is."""
    with desk.store.read() as connection:
        return answer(operation_of(connection, operation_id, by.accounts))


@routes.get("/{operation_id}/targets", response_model=Page[TargetView])
def list_targets(
    desk: Here,
    by: Viewer,
    operation_id: OperationId,
    *,
    state: TargetState | None = None,
    limit: Limit = 50,
    cursor: After = None,
) -> Response:
    """The runs of an operation, by ID, and what became of each."""
    at = place(desk, f"targets of operation {operation_id}", {"state": state}, cursor)
    with desk.store.read() as connection:
        operation_of(connection, operation_id, by.accounts)
        rows = targets_of(connection, operation_id, state, Part(at.after, limit + 1))
    return answer(paged(at, rows, limit, lambda row: row.run_id))


@routes.post("/{operation_id}/abort", response_model=Aborted)
def abort(request: Request, desk: Here, by: Holder, operation_id: OperationId, key: IdempotencyKey = None) -> Response:
    """Leave what was not done yet. Needs the right that the operation itself needs."""
    with desk.store.read() as connection:
        operation_of(connection, operation_id, by.accounts)

    def verb(store: Store) -> Aborted:
        return abort_operation(store, by, operation_id)

    return done_once(request, desk.store, by, key, None, verb, required=False)


def _bulk(desk: Desk, body: BulkBody) -> Bulk:
    since = None
    if body.filter.since is not None:
        with desk.store.read() as connection:
            since = moment_of(body.filter.since, desk.store.now(connection))
    which = BulkFilter(body.filter.campaign, body.filter.account, body.filter.state, since, body.filter.runs)
    return Bulk(OperationAct(body.act), which, body.as_)
