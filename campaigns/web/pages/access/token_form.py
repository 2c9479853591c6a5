"""The form for a token of any operator, and the page that shows the token once."""

from __future__ import annotations

import secrets
from urllib.parse import quote

from fastapi import Request
from starlette.responses import Response

from campaigns.domain.access.rights import Principal
from campaigns.flow.access.tokens import TokenMade, Wanted, make_token
from campaigns.store.views.people.operators import operator_view
from campaigns.web.desk import Desk
from campaigns.web.kit.access.shown_once import Shown
from campaigns.web.kit.pages import page
from campaigns.web.pages.access.forms import MayForm, days


def token_form(request: Request, desk: Desk, by: Principal, name: str, *, back: str) -> Response:
    """The form for a token of an operator."""
    with desk.store.read() as connection:
        operator = operator_view(connection, name)
    return page(request, "access/new_token.html", by=by, operator=operator, key=secrets.token_urlsafe(24), back=back)


def made_token(request: Request, desk: Desk, by: Principal, name: str, form: dict[str, str], may: MayForm) -> Response:
    """Make a token of an operator, and show it once."""
    wanted = Wanted(form["name"], name, may.chosen_rights, may.chosen_accounts, days(form["expires"]))
    is_live = desk.parts.settings.is_live
    back = "/me" if name == by.name else f"/people/operators/{quote(name)}"
    shown = Shown[TokenMade](request, by, form)
    return shown.page(
        lambda store: make_token(store, wanted, is_live=is_live, actor=by.actor, by=by),
        "access/token.html",
        back=back,
    )
