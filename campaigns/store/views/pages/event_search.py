"""Search the audit log: by what an event is about, in pages that no later event shifts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from campaigns.domain.errors import NotFound
from campaigns.store.accounts.bindings import require_account
from campaigns.store.audit.canonical import raw
from campaigns.store.audit.events import EventKind
from campaigns.store.campaigns.campaigns import find_campaign
from campaigns.store.runs.runs import find_run
from campaigns.store.tables.audit import event
from campaigns.store.tables.campaigns import campaign
from campaigns.store.tables.runs import run
from campaigns.store.views.events import EventView, event_view

EVENT_KINDS = tuple(kind.value for kind in EventKind)
"""Every kind of event, as a search takes it."""

SEARCHED = 100_000
"""A page looks at no more events than this, so that a filter that fits nothing returns as fast as any other."""

SLACK = timedelta(hours=1)
"""Events are numbered in the order of their commits; their times differ from that order by less than this."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events a search returns; a field that is None leaves none out."""

    kind: str | None = None
    actor: str | None = None
    account: str | None = None  # also the events of its runs and campaigns that do not name it
    campaign_id: int | None = None
    run_id: int | None = None
    since: datetime | None = None  # at that time or later
    until: datetime | None = None  # before that time
    after: int = 0  # with a larger number
    accounts: frozenset[str] | None = None  # of these accounts; then none that belongs to no account


@dataclass(frozen=True, slots=True)
class EventsFound:
    """A page of a search, the newest event first, and the numbers between which it looked."""

    events: Sequence[EventView]
    first: int  # the lowest number that was looked at
    last: int
    has_older: bool  # whether there are events before `first`, or more in between, that were not looked at


def search_events(
    connection: Connection, which: EventFilter, *, below: int | None = None, limit: int = 50
) -> EventsFound:
    """The newest events that fit, with a smaller number than `below`. Raises NotFound, Damaged.

    A page looks at the newest SEARCHED events only, and has fewer than `limit` events where they hold no more; at all
    of them for a run or a campaign.
    """
    lowest, highest = _numbers(connection, which)
    last = highest if below is None else min(highest, below - 1)
    is_quick = which.run_id is not None or which.campaign_id is not None  # these have an index
    first = lowest if is_quick else max(lowest, last - SEARCHED + 1)
    fitting = _fitting(which).where(event.c.id.between(first, last))
    rows = connection.execute(fitting.order_by(event.c.id.desc()).limit(limit + 1)).all()
    events = [event_view(row) for row in rows[:limit]]
    if len(rows) > limit:
        return EventsFound(events, events[-1].id, last, has_older=True)
    return EventsFound(events, first, last, has_older=first > lowest)


def newest_event(connection: Connection) -> int:
    """The number of the newest event; 0 when there is none."""
    return connection.scalar(select(func.max(event.c.id))) or 0


def events_in_order(
    connection: Connection, which: EventFilter, *, above: int, until: int, limit: int
) -> list[EventView]:
    """The oldest events that fit, with numbers above one and up to another. Raises NotFound, Damaged.

    For an export in pieces, so that no snapshot of the database is held for as long as somebody takes to read it.
    """
    _refuse_unknown(connection, which)
    fitting = _fitting(which).where(event.c.id > max(above, which.after), event.c.id <= until)
    return [event_view(row) for row in connection.execute(fitting.order_by(event.c.id).limit(limit))]


def find_event(connection: Connection, event_id: int, accounts: frozenset[str] | None = None) -> EventView:
    """One event. Raises NotFound, also for one of an account that is not among `accounts`; Damaged."""
    one = _fitting(EventFilter(accounts=accounts)).where(event.c.id == event_id)
    row = connection.execute(one).one_or_none()
    if row is None:
        raise NotFound(f"There is no event {event_id}.")
    return event_view(row)


def _fitting(which: EventFilter) -> Select[Any]:
    exact = {
        event.c.kind: which.kind,
        event.c.actor: which.actor,
        event.c.campaign_id: which.campaign_id,
        event.c.run_id: which.run_id,
    }
    conditions = [column == value for column, value in exact.items() if value is not None]
    if which.since is not None:
        conditions.append(event.c.at >= which.since)
    if which.until is not None:
        conditions.append(event.c.at < which.until)
    if which.account is not None:
        conditions.append(_is_of(frozenset({which.account})))
    if which.accounts is not None:
        conditions.append(_is_of(which.accounts))
    return select(*raw(event)).where(*conditions)


def _is_of(accounts: frozenset[str]) -> ColumnElement[bool]:
    """Whether an event belongs to one of the accounts: by itself, by its run, or by its campaign."""
    names = sorted(accounts)
    by_run = event.c.run_id.in_(select(run.c.id).where(run.c.account_id.in_(names)))
    by_campaign = event.c.campaign_id.in_(select(campaign.c.id).where(campaign.c.account_id.in_(names)))
    unnamed = event.c.account_id.is_(None)
    return or_(event.c.account_id.in_(names), unnamed & by_run, unnamed & event.c.run_id.is_(None) & by_campaign)


def _numbers(connection: Connection, which: EventFilter) -> tuple[int, int]:
    """The lowest and the highest number that an event which fits can have."""
    _refuse_unknown(connection, which)
    lowest, highest = which.after + 1, newest_event(connection)
    if which.since is not None:
        lowest = max(lowest, _number_at(connection, which.since - SLACK, highest))
    if which.until is not None:
        highest = min(highest, _number_at(connection, which.until + SLACK, highest))
    return lowest, highest


def _number_at(connection: Connection, moment: datetime, highest: int) -> int:
    """Where the events of a time begin: a search by halves, since times have no index."""
    low, high = 0, highest
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(
            select(event.c.id, event.c.at).where(event.c.id > middle).order_by(event.c.id).limit(1)
        ).one_or_none()
        if row is None or row.at >= moment:
            high = middle
        else:
            low = row.id
    return min(low + 1, highest)


def _refuse_unknown(connection: Connection, which: EventFilter) -> None:
    """Raise NotFound for what does not exist: no event would look as if nothing had happened."""
    if which.run_id is not None:
        find_run(connection, which.run_id)
    if which.campaign_id is not None:
        find_campaign(connection, which.campaign_id)
    if which.account is not None:
        require_account(connection, which.account)
