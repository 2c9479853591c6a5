"""A month of all accounts: the runs that were, with their state, and those to come; as a grid and as a list."""

from __future__ import annotations

import calendar as months
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from campaigns.domain.clocks import zone_of
from campaigns.domain.states import CampaignState
from campaigns.flow.schedules.calendar import MOST, CalendarEntry, calendar
from campaigns.store.views.accounts import accounts
from campaigns.store.views.desk.armed import armed_schedules
from campaigns.web.desk import Here, Viewer
from campaigns.web.kit.pages import page
from campaigns.web.kit.times import ACCOUNTS, clock_of
from campaigns.web.pages.campaigns.back import here
from campaigns.web.pages.campaigns.possible import ActLink, schedule_acts
from campaigns.web.pages.schedules.listed import Account

routes = APIRouter(prefix="/schedules")

MONTH = re.compile(r"(19[7-9]\d|2\d{3})-(0[1-9]|1[0-2])", re.ASCII)

IN_A_CELL = 4
"""A day of the grid names at most this many runs; its list has all of them."""

FARTHEST = timedelta(hours=14)
"""How far the clocks of a zone are from UTC at most."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A run or an occurrence of the month."""

    entry: CalendarEntry
    time: str  # on the clock of its day
    acts: Sequence[ActLink]  # of the occurrence that its campaign waits for


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the grid."""

    date: date
    is_today: bool
    shown: Sequence[Shown]
    more: int  # runs that the grid leaves out


@routes.get("/calendar")
def month(
    request: Request,
    desk: Here,
    by: Viewer,
    month: Annotated[str, Query(max_length=10)] = "",
    account: Account = "",
) -> Response:
    """The month that is named, or this one."""
    choice = clock_of(request).choice
    with desk.store.read() as connection:
        now = desk.store.now(connection)
        armed = armed_schedules(connection, by.accounts, limit=MOST, account_id=account or None)
        known = [each for each in accounts(connection) if by.sees(each.id)]
    first = _first_day(month, _local(now, None, choice).date())
    after = _month_after(first)
    start, end = (datetime(each.year, each.month, 1, tzinfo=UTC) for each in (first, after))
    of_month = calendar(desk.store, start - FARTHEST, end + FARTHEST, by.accounts, account_id=account or None)
    waits_for = {each.campaign_id: each.next_at for each in armed}
    days: dict[date, list[Shown]] = defaultdict(list)
    for entry in of_month.entries:
        local = _local(entry.at, entry.zone, choice)
        is_next = entry.run_id is None and waits_for.get(entry.campaign_id) == entry.at
        acts = _acts(request, by, entry) if is_next else []
        days[local.date()].append(Shown(entry, f"{local:%H:%M}", acts))
    in_month = {day: shown for day, shown in sorted(days.items()) if first <= day < after}
    return page(
        request,
        "schedules/calendar.html",
        by=by,
        first=first,
        month=f"{first:%Y-%m}",
        weeks=_weeks(first, in_month, _local(now, None, choice).date()),
        days=in_month,
        before=_address(first - timedelta(days=1), account),
        after=_address(after, account),
        this=_address(_local(now, None, choice).date(), account),
        is_complete=of_month.is_complete,
        most=MOST,
        each_on_its_own=choice == ACCOUNTS,
        zone=choice,
        accounts=known,
        account=account,
    )


def _acts(request: Request, by: Viewer, entry: CalendarEntry) -> list[ActLink]:
    return schedule_acts(by, entry.campaign_id, CampaignState.SCHEDULED, is_paused=entry.paused, query=here(request))


def _first_day(month: str, today: date) -> date:
    match = MONTH.fullmatch(month)
    return today.replace(day=1) if match is None else date(int(match[1]), int(match[2]), 1)


def _month_after(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _address(day: date, account: str) -> str:
    return f"/schedules/calendar?{urlencode({'month': f'{day:%Y-%m}', 'account': account})}"


def _local(moment: datetime, zone: str | None, choice: str) -> datetime:
    """The moment on the clock of the choice: that of its own schedule, or one for all."""
    name = zone if choice == ACCOUNTS else choice
    return moment.astimezone(zone_of(name or "UTC"))


def _weeks(first: date, days: Mapping[date, Sequence[Shown]], today: date) -> list[list[Day | None]]:
    """The weeks of the month from Monday on; a day of another month is None."""
    return [
        [_day(day, days.get(day, ()), today) if day.month == first.month else None for day in week]
        for week in months.Calendar().monthdatescalendar(first.year, first.month)
    ]


def _day(day: date, shown: Sequence[Shown], today: date) -> Day:
    return Day(day, day == today, shown[:IN_A_CELL], max(0, len(shown) - IN_A_CELL))
