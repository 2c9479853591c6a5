"""The pages of the audit: events with a filter in the address, one event, and the same events as a file."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from campaigns.as_json import to_json
from campaigns.as_lines import Form
from campaigns.domain.errors import InvalidInput
from campaigns.store.views.accounts import accounts
from campaigns.store.views.pages.event_search import EVENT_KINDS, EventsFound, find_event, search_events
from campaigns.web.desk import Here, Viewer
from campaigns.web.kit.addresses import address
from campaigns.web.kit.event_files import events_file
from campaigns.web.kit.lists import After, cursor_after, place
from campaigns.web.kit.pages import page
from campaigns.web.kit.times import clock_of
from campaigns.web.pages.audit.filters import LARGEST, Asked, filter_of, zone_of_times

routes = APIRouter(prefix="/audit")

SHOWN = 100
"""Events of one page."""

Typed = Annotated[Asked, Depends(Asked)]


@routes.get("")
def show(request: Request, desk: Here, by: Viewer, typed: Typed, cursor: After = None) -> Response:
    """The newest events that fit the filter."""
    clock, faults = clock_of(request), {}
    found, more = EventsFound((), 0, 0, has_older=False), None
    at = place(desk, "page of events", {"of": by.accounts and sorted(by.accounts), **typed.parameters}, cursor)
    try:
        which = filter_of(desk.store, by, typed, clock)
    except InvalidInput as refusal:
        faults = {fault.field: fault.text for fault in refusal.faults}
    else:
        with desk.store.read() as connection:
            found = search_events(connection, which, below=at.after, limit=SHOWN)
        if found.has_older:
            more = address("/audit", typed.parameters, cursor=cursor_after(at, found.first))
    with desk.store.read() as connection:
        known = [each for each in accounts(connection) if by.sees(each.id)]
    exports = {form: address("/audit/export", typed.parameters, form=form) for form in ("csv", "jsonl")}
    return page(
        request,
        "audit/list.html",
        by=by,
        found=found,
        typed=typed,
        faults=faults,
        kinds=EVENT_KINDS,
        accounts=known,
        zones={each.id: each.zone for each in known},
        zone=zone_of_times(desk.store, typed, clock),
        most=SHOWN,
        more=more,
        exports=exports,
        status_code=422 if faults else 200,
    )


@routes.get("/export")
def export(request: Request, desk: Here, by: Viewer, typed: Typed, form: Form = "csv") -> Response:
    """The events that fit the filter and are there now, the oldest first, as a file."""
    return events_file(desk.store, filter_of(desk.store, by, typed, clock_of(request)), form)


@routes.get("/events/{event_id}")
def show_event(request: Request, desk: Here, by: Viewer, event_id: Annotated[int, Path(ge=1, le=LARGEST)]) -> Response:
    """One event with all that it says."""
    with desk.store.read() as connection:
        event = find_event(connection, event_id, by.accounts)
        zone = next((each.zone for each in accounts(connection) if each.id == event.account), None)
    detail = [(name, *_shown(value)) for name, value in (event.detail or {}).items()]
    return page(request, "audit/event.html", by=by, event=event, detail=detail, zone=zone)


def _shown(value: object) -> tuple[str, datetime | None]:
    """A value as text, or as a time where it is one."""
    if not isinstance(value, str):
        return to_json(value, indent=2), None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value, None
    return value, moment if moment.tzinfo is not None else None
