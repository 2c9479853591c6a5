"""Schedules of all accounts: what each waits for, on its own clock, and what can be done to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from markupsafe import Markup
from starlette.responses import Response

from campaigns.domain.access.rights import Principal
from campaigns.domain.states import CampaignState
from campaigns.store.views.accounts import accounts
from campaigns.store.views.desk.armed import ArmedSchedule, armed_schedules
from campaigns.web.desk import Here, Viewer
from campaigns.web.kit.pages import page
from campaigns.web.pages.campaigns.back import here
from campaigns.web.pages.campaigns.own_clocks import from_now, on_its_clock
from campaigns.web.pages.campaigns.possible import ActLink, schedule_acts

routes = APIRouter(prefix="/schedules")

MOST = 200
"""The list shows at most this many schedules, the soonest."""

Account = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True, slots=True)
class Row:
    """One schedule."""

    armed: ArmedSchedule
    its_clock: Markup  # the next run
    from_now: str
    now_there: Markup
    acts: list[ActLink]


@routes.get("")
def list_schedules(
    request: Request,
    desk: Here,
    by: Viewer,
    account: Account = "",
    state: Annotated[Literal["", "armed", "paused"], Query()] = "",
) -> Response:
    """Armed schedules and paused ones, the soonest first."""
    with desk.store.read() as connection:
        now = desk.store.now(connection)
        armed = armed_schedules(connection, by.accounts, limit=MOST + 1, account_id=account or None)
        known = [each for each in accounts(connection) if by.sees(each.id)]
    shown = [each for each in armed[:MOST] if not state or (each.paused is not None) == (state == "paused")]
    return page(
        request,
        "schedules/list.html",
        by=by,
        rows=[_row(by, each, now, here(request)) for each in shown],
        most=MOST,
        has_more=len(armed) > MOST,
        accounts=known,
        filters={"account": account, "state": state},
        calendar=f"/schedules/calendar?{urlencode({'account': account})}",
    )


def _row(by: Principal, armed: ArmedSchedule, now: datetime, query: str) -> Row:
    return Row(
        armed,
        on_its_clock(armed.next_at, armed.zone, now),
        from_now(armed.next_at, now),
        on_its_clock(now, armed.zone, now),
        schedule_acts(by, armed.campaign_id, CampaignState.SCHEDULED, is_paused=armed.paused is not None, query=query),
    )
