"""The pages of accounts: the list with the team's limits, and one account."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from campaigns.domain.access.rights import HOLD_BACK, LOOK, Right
from campaigns.domain.errors import PacerAway
from campaigns.domain.sending.lifting import lifted_by
from campaigns.domain.states import HoldKind
from campaigns.flow.access.allow import allow_account
from campaigns.flow.accounts.limits_now import LimitsNow, limits_now
from campaigns.store.views.accounts import accounts
from campaigns.store.views.pages.account_now import account_now, last_requests
from campaigns.web.desk import Desk, Here, Viewer
from campaigns.web.kit.pages import page

routes = APIRouter(prefix="/accounts")

MOST_SHOWN = 500
"""The list shows at most this many accounts, and says so."""

ADMIN = frozenset({Right.ADMIN})
SEND = frozenset({Right.SENDER})


@routes.get("")
def show_all(request: Request, desk: Here, by: Viewer) -> Response:
    """The accounts, and what limits the team."""
    with desk.store.read() as connection:
        rows = [each for each in accounts(connection) if by.sees(each.id)]
        last = last_requests(connection)
    limits, away = _limits(desk)
    return page(
        request,
        "accounts/list.html",
        by=by,
        accounts=rows[:MOST_SHOWN],
        is_more=len(rows) > MOST_SHOWN,
        most=MOST_SHOWN,
        last=last,
        zones={each.id: each.zone for each in rows},
        limits=limits,
        away=away,
        paces=[] if limits is None else [each for each in limits.accounts if by.sees(each.account)],
        circuits=[] if limits is None else [each for each in limits.circuits if by.sees(each.account)],
        may_add=by.may(ADMIN) and by.accounts is None,
    )


@routes.get("/{account_id}")
def show(request: Request, desk: Here, by: Viewer, account_id: str) -> Response:
    """One account: what holds it, what it sends now, and what limits it."""
    allow_account(by, LOOK, account_id)
    with desk.store.read() as connection:
        account = account_now(connection, account_id)
    limits, away = _limits(desk)
    pace = None if limits is None else next((each for each in limits.accounts if each.account == account_id), None)
    circuit = None if limits is None else next((each for each in limits.circuits if each.account == account_id), None)
    ways_on = {hold: lifted_by(hold.kind, hold.scope, account_id=account_id) for hold in account.holds}
    return page(
        request,
        "accounts/account.html",
        by=by,
        account=account,
        ways_on=ways_on,
        pace=pace,
        circuit=circuit,
        limits=limits,
        away=away,
        may_change=by.may(ADMIN),
        may_release=by.may(SEND) and any(hold.kind is not HoldKind.STOP for hold in account.holds),
        may_stop=by.may(HOLD_BACK),
        is_stopped=any(hold.kind is HoldKind.STOP for hold in account.holds),
    )


def _limits(desk: Desk) -> tuple[LimitsNow | None, str | None]:
    """The limits now, or why they cannot be read: then nothing is sent either."""
    parts = desk.parts
    try:
        pacer = parts.pacer()
        try:
            return limits_now(desk.store, pacer, parts.limits, parts.upstream_name), None
        finally:
            close = getattr(pacer, "close", None)
            if close is not None:
                close()
    except PacerAway as away:
        return None, str(away)
