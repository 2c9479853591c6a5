"""The audit log, its export, and the proof of the books: `/api/v1/audit`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from campaigns.as_json import plain, to_json
from campaigns.domain.access.rights import LOOK, Principal
from campaigns.flow.access.allow import allow_account, allow_campaign, allow_run
from campaigns.flow.operations.ask import OperationAsked, ask_verify
from campaigns.store.database.engine import Store
from campaigns.store.database.parts import Part
from campaigns.store.views.desk.events_seen import EventFilter, events_seen, every_event_seen
from campaigns.store.views.events import EventView
from campaigns.web.api.runs import LARGEST_ID, moment_of
from campaigns.web.desk import Desk, Here, Holder, Viewer
from campaigns.web.kit.answers import answer, streamed
from campaigns.web.kit.lists import After, Limit, Page, Place, paged, place
from campaigns.web.kit.once import IdempotencyKey, done_once
from campaigns.web.kit.sent.bodies import STRICT
from campaigns.web.kit.signing import signed

routes = APIRouter(prefix="/audit", tags=["audit"])

FIELDS = ("id", "at", "actor", "kind", "account", "campaign_id", "run_id", "batch", "reason", "detail")
"""The columns of a CSV file, which are the fields of an event."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so is a formula to a spreadsheet; an apostrophe before it makes it a text."""

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
    """Events, the newest first. A filter looks through 20,000 of them at once; the cursor goes on behind those."""
    which = _filter(desk, by, wanted)
    of = None if by.accounts is None else sorted(by.accounts)
    at = place(desk, "events", {**plain(wanted), "of": of}, cursor)
    with desk.store.read() as connection:
        seen = events_seen(connection, which, Part(at.after, limit + 1))
    page = paged(at, seen.events, limit, lambda row: row.id)
    if page.cursor is None and seen.down_to is not None:
        page = Page(page.items, _cursor_at(at, seen.down_to))
    return answer(page)


@routes.get("/export", response_class=Response, responses={200: {"content": {"application/jsonl": {}, "text/csv": {}}}})
def export(
    desk: Here, by: Viewer, wanted: Wanted, *, form: Annotated[Literal["csv", "jsonl"], Query(alias="format")] = "jsonl"
) -> Response:
    """Every event that fits, the oldest first, as CSV or JSON Lines."""
    which = _filter(desk, by, wanted)

    def lines(connection: Any) -> Iterator[str]:
        events = every_event_seen(connection, which)
        return _csv_lines(events) if form == "csv" else (f"{to_json(each)}\n" for each in events)

    kind = "text/csv; charset=utf-8" if form == "csv" else "application/jsonl"
    return streamed(desk.store, lines, media_type=kind, file_name=f"audit.{form}")


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


def _cursor_at(at: Place, position: int) -> str:
    """The cursor of the events below a position, where a page ended before the list did."""
    return signed(at.desk.secret, at.purpose, [at.incarnation, position])


def _csv_lines(events: Iterator[EventView]) -> Iterator[str]:
    yield _csv_line(FIELDS)
    for each in events:
        yield _csv_line([_cell(getattr(each, name)) for name in FIELDS])


def _csv_line(cells: Any) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return to_json(value)
    if value is None or isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else json.loads(to_json(value))
    return f"'{text}" if text.startswith(FORMULA) else text
