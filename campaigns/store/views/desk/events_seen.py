"""A part of the audit log, filtered, for somebody who may see some accounts or all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from campaigns.store.accounts.bindings import require_account
from campaigns.store.audit.canonical import raw
from campaigns.store.campaigns.campaigns import find_campaign
from campaigns.store.database.engine import ROWS_AT_ONCE
from campaigns.store.database.parts import Part
from campaigns.store.runs.runs import find_run
from campaigns.store.tables.audit import event
from campaigns.store.views.events import EventView, event_view

NEWEST = 20_000
"""A list that is filtered by kind or by actor looks through at most this many events at once: no index serves those."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are shown; a field that is None leaves none out."""

    run_id: int | None = None
    campaign_id: int | None = None
    account: str | None = None
    kind: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: int = 0  # with a greater ID
    accounts: frozenset[str] | None = None  # of these accounts alone; what is of no account is left out then


@dataclass(frozen=True, slots=True)
class EventsSeen:
    """A part of the audit log, the newest first."""

    events: list[EventView]
    down_to: int | None  # none older than the one with this ID was looked at; None: all were


def events_seen(connection: Connection, which: EventFilter, part: Part) -> EventsSeen:
    """Events, the newest first; the position of one is its ID. Raises NotFound for what does not exist; Damaged."""
    down_to = None
    if which.run_id is None and which.campaign_id is None:
        bound = select(event.c.id).order_by(event.c.id.desc()).offset(NEWEST - 1).limit(1)
        down_to = connection.scalar(bound if part.after is None else bound.where(event.c.id < part.after))
    if down_to is not None and down_to <= which.after + 1:
        down_to = None  # what is older is not asked for
    if down_to is not None:  # one lower bound: with two, SQLite takes the wrong one
        which = replace(which, after=down_to - 1)
    statement = _filtered(connection, which).order_by(event.c.id.desc()).limit(part.limit)
    if part.after is not None:
        statement = statement.where(event.c.id < part.after)
    return EventsSeen([event_view(row) for row in connection.execute(statement)], down_to)


def every_event_seen(connection: Connection, which: EventFilter) -> Iterator[EventView]:
    """Every event that fits, streamed in the order in which they were written. Raises NotFound before the first."""
    statement = _filtered(connection, which).order_by(event.c.id)
    return map(event_view, connection.execute(statement.execution_options(yield_per=ROWS_AT_ONCE)))


def _filtered(connection: Connection, which: EventFilter) -> Select[Any]:
    statement = select(*raw(event)).where(event.c.id > which.after)
    if which.run_id is not None:
        find_run(connection, which.run_id)
        statement = statement.where(event.c.run_id == which.run_id)
    if which.campaign_id is not None:
        find_campaign(connection, which.campaign_id)
        statement = statement.where(event.c.campaign_id == which.campaign_id)
    if which.account is not None:
        require_account(connection, which.account)
        statement = statement.where(event.c.account_id == which.account)
    if which.kind is not None:
        statement = statement.where(event.c.kind == which.kind)
    if which.actor is not None:
        statement = statement.where(event.c.actor == which.actor)
    if which.since is not None:
        statement = statement.where(event.c.at >= which.since)
    if which.until is not None:
        statement = statement.where(event.c.at <= which.until)
    if which.accounts is not None:
        statement = statement.where(event.c.account_id.in_(sorted(which.accounts)))
    return statement
