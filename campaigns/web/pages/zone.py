"""The zone in which all pages print their times: the account's, UTC, or one that the reader chooses."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import available_timezones

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from campaigns.domain.errors import InputFault, InvalidInput
from campaigns.web.desk import Viewer
from campaigns.web.kit.access.own_paths import own_path
from campaigns.web.kit.pages import page
from campaigns.web.kit.times import ACCOUNTS, COOKIE, is_zone

routes = APIRouter(prefix="/zone")

A_YEAR = 365 * 86_400


@routes.get("")
def choose_zone(request: Request, by: Viewer, to: str = "/") -> Response:
    """Every zone to choose from."""
    return page(request, "zone.html", by=by, zones=sorted(available_timezones()), to=own_path(to))


@routes.post("")
def set_zone(
    request: Request,
    by: Viewer,  # noqa: ARG001 - it is the check that somebody is logged in
    zone: Annotated[str, Form()],
    to: Annotated[str, Form()] = "/",
) -> Response:
    """Keep the choice in a cookie of this browser, and go back to where it was made."""
    if zone != ACCOUNTS and not is_zone(zone):
        raise InvalidInput(
            InputFault(f"is not the name of a time zone: {zone!r}", "zone"), closing="Choose one of the list."
        )
    reply = RedirectResponse(own_path(to), status_code=303)
    secure = request.url.scheme == "https"
    reply.set_cookie(COOKIE, zone, max_age=A_YEAR, httponly=True, samesite="lax", secure=secure)
    return reply
