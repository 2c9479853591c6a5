"""The audit as a file, for the API and the pages."""

from __future__ import annotations

from starlette.responses import Response

from campaigns.as_lines import Form
from campaigns.store.database.engine import Store
from campaigns.store.views.events import EventView
from campaigns.store.views.pages.event_search import EventFilter, events_in_order, newest_event
from campaigns.web.kit.pieces import ROWS_AT_ONCE, in_pieces


def events_file(store: Store, which: EventFilter, form: Form) -> Response:
    """The events that fit and are there now, the oldest first. Raises NotFound."""
    with store.read() as connection:
        until = newest_event(connection)

    def next_rows(last: EventView | None) -> list[EventView]:
        above = which.after if last is None else last.id
        with store.read() as connection:
            return events_in_order(connection, which, above=above, until=until, limit=ROWS_AT_ONCE)

    return in_pieces("audit", form, EventView, next_rows)
