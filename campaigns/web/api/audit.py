"""The audit log, its export, and the proof of the books: `/api/v1/audit`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Query, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from campaigns.as_json import plain
from campaigns.as_lines import Form
from campaigns.domain.access.rights import LOOK, Principal
from campaigns.flow.access.allow import allow_account, allow_campaign, allow_run
from campaigns.flow.operations.ask import OperationAsked, ask_verify
from campaigns.store.database.engine import Store
from campaigns.store.views.events import EventView
from campaigns.store.views.pages.event_search import EventFilter, search_events
from campaigns.web.api.runs import LARGEST_ID, moment_of
from campaigns.web.desk import Desk, Here, Holder, Viewer
from campaigns.web.kit.answers import answer
from campaigns.web.kit.event_files import events_file
from campaigns.web.kit.lists import After, Limit, Page, cursor_after, place
from campaigns.web.kit.once import IdempotencyKey, done_once
from campaigns.web.kit.sent.bodies import STRICT

routes = APIRouter(prefix="/audit", tags=["audit"])

Number = Annotated[int | None, Query(ge=1, le=LARGEST_ID)]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events are wanted, as the address says it."""

    run: Number = None
    campaign: Number = None
    account: str | None = None
    kind: Annotated[str | None, Query(max_length=40)] = None
    actor: Annotated[str | None, Query(max_length=200)] = None
    since: Annotated[str | None, Query(description="24h, 7d, or a time with its offset.")] = None
    until: Annotated[str | None, Query(description="A time with its offset.")] = None
    after: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0


@dataclass(frozen=True, slots=True)
class VerifyBody:
    """How to verify. `heads`: those of an earlier proof, by chain, which alone show a log that was cut off."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    every_chain: bool = False
    heads: dict[str, HeadBody] | None = None


@dataclass(frozen=True, slots=True)
class HeadBody:
    """The head of one chain, as an earlier proof returned it."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    position: Annotated[int, Field(ge=0, le=LARGEST_ID)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


Wanted = Annotated[Filter, Depends()]


@routes.get("/events", response_model=Page[EventView])
def list_events(desk: Here, by: Viewer, wanted: Wanted, *, limit: Limit = 50, cursor: After = None) -> Response:
    """Events, the newest first. A filter looks at 100,000 of them at once; the cursor goes on behind those."""
    which = _filter(desk, by, wanted)
    of = None if by.accounts is None else sorted(by.accounts)
    at = place(desk, "events", {**plain(wanted), "of": of}, cursor)
    with desk.store.read() as connection:
        part = search_events(connection, which, below=at.after, limit=limit)
    return answer(Page(part.events, cursor_after(at, part.first) if part.has_older else None))


@routes.get("/export", response_class=Response, responses={200: {"content": {"application/jsonl": {}, "text/csv": {}}}})
def export(
    desk: Here, by: Viewer, wanted: Wanted, *, form: Annotated[Form, Query(alias="format")] = "jsonl"
) -> Response:
    """Every event that fits, the oldest first, as CSV or JSON Lines."""
    return events_file(desk.store, _filter(desk, by, wanted), form)


@routes.post("/verify", response_model=OperationAsked, status_code=202)
def verify(request: Request, desk: Here, by: Holder, body: VerifyBody, key: IdempotencyKey = None) -> Response:
    """Have a worker prove the books and the log. The operation has the progress, and then the result."""
    heads = None if body.heads is None else plain(body.heads)

    def verb(store: Store) -> OperationAsked:
        return ask_verify(store, by, every_chain=body.every_chain, heads=heads)

    return done_once(request, desk.store, by, key, body, verb, status=202, required=False)


def _filter(desk: Desk, by: Principal, wanted: Filter) -> EventFilter:
    if wanted.run is not None:
        allow_run(desk.store, by, LOOK, wanted.run)
    if wanted.campaign is not None:
        allow_campaign(desk.store, by, LOOK, wanted.campaign)
    if wanted.account is not None:
        allow_account(by, LOOK, wanted.account)
    with desk.store.read() as connection:
        now = desk.store.now(connection)
    return EventFilter(
        run_id=wanted.run,
        campaign_id=wanted.campaign,
        account=wanted.account,
        kind=wanted.kind,
        actor=wanted.actor,
        since=None if wanted.since is None else moment_of(wanted.since, now),
        until=None if wanted.until is None else moment_of(wanted.until, now),
        after=wanted.after,
        accounts=by.accounts,
    )
