"""The list of campaigns: filters in the address, pages by a cursor."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from campaigns.domain.states import CampaignState
from campaigns.store.views.accounts import accounts
from campaigns.store.views.campaigns import Wanted, campaigns
from campaigns.store.views.schedules import zones
from campaigns.web.desk import Here, Viewer
from campaigns.web.kit.lists import After, paged, place
from campaigns.web.kit.pages import page
from campaigns.web.pages.campaigns.back import here
from campaigns.web.pages.campaigns.possible import EDITOR, writing_acts

routes = APIRouter(prefix="/campaigns")

ON_A_PAGE = 50


@routes.get("")
def list_campaigns(
    request: Request,
    desk: Here,
    by: Viewer,
    *,
    state: Annotated[str, Query(max_length=20)] = "",
    account: Annotated[str, Query(max_length=200)] = "",
    name: Annotated[str, Query(max_length=200)] = "",
    cursor: After = None,
) -> Response:
    """Campaigns, the newest first. A state that does not exist shows all; archived ones are shown when asked for."""
    chosen = CampaignState(state) if state in set(CampaignState) else None
    filters = {"state": chosen or (state == "all" and "all"), "account": account, "name": name}
    at = place(desk, "campaigns", filters | {"of": by.accounts and sorted(by.accounts)}, cursor)
    wanted = Wanted(
        state=chosen,
        account_id=account or None,
        archived=state == "all",
        newest=ON_A_PAGE + 1,
        accounts=by.accounts,
        below=at.after,
        name_has=name or None,
    )
    with desk.store.read() as connection:
        rows = campaigns(connection, wanted)
        of_zone = zones(connection, [row.id for row in rows])
        known = [each for each in accounts(connection) if by.sees(each.id)]
    shown = paged(at, rows, ON_A_PAGE, lambda row: row.id)
    kept = {"state": state, "account": account, "name": name}
    return page(
        request,
        "campaigns/list.html",
        by=by,
        rows=[
            (line, of_zone.get(line.id), writing_acts(by, line.id, line.state, query=here(request)))
            for line in shown.items
        ],
        on_a_page=ON_A_PAGE,
        filters=kept,
        states=list(CampaignState),
        accounts=known,
        is_later=cursor is not None,
        first=f"/campaigns?{urlencode(kept)}",
        next=None if shown.cursor is None else f"/campaigns?{urlencode(kept | {'cursor': shown.cursor})}",
        may_write=by.may(EDITOR),
    )
