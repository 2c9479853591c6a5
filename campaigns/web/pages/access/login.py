"""Log in, log out, and the page of a login link. These pages are for whoever is not logged in yet."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from campaigns.domain.errors import CampaignsError, Forbidden, InvalidInput, NotIdentified, TooManyTries
from campaigns.flow.access.log_in import log_in, log_out
from campaigns.flow.access.login_links import read_link, use_link
from campaigns.store.views.people.operators import has_an_operator
from campaigns.web.desk import Here, Viewer
from campaigns.web.kit.access.identify import browser_of, with_session
from campaigns.web.kit.access.own_paths import own_path
from campaigns.web.kit.pages import page

STATUS = {NotIdentified: 401, Forbidden: 403, TooManyTries: 429}


def from_a_browser(request: Request) -> None:
    """Raise Forbidden for a token: the guard lets requests without the marks of a browser pass for a token alone."""
    if "authorization" in request.headers:
        raise Forbidden("A token needs no login. Send it with each request of the API.")


routes = APIRouter(dependencies=[Depends(from_a_browser)])

Field = Annotated[str, Form(max_length=2000)]
Code = Annotated[str, Query(max_length=200)]


@routes.get("/login")
def show_login(request: Request, desk: Here, to: Annotated[str | None, Query(max_length=2000)] = None) -> Response:
    """The form. Who is logged in already goes on at once."""
    if desk.identify(request) is not None:
        return RedirectResponse(own_path(to), status_code=303)
    return _login_page(request, to=own_path(to), name="")


@routes.post("/login")
def login(request: Request, desk: Here, name: Field, password: Field, to: Field = "/") -> Response:
    """Begin a session, and go where somebody wanted to go."""
    to = own_path(to)
    try:
        session = log_in(desk.store, name, password, browser_of(request), secret=desk.secret).session
    except (NotIdentified, Forbidden, TooManyTries) as refusal:
        return _login_page(request, to=to, name=name, refusal=refusal, status_code=STATUS[type(refusal)])
    return with_session(RedirectResponse(to, status_code=303), request, session)


@routes.get("/welcome")
def show_welcome(request: Request, desk: Here, code: Code = "") -> Response:
    """The page of a login link. It uses nothing up: programs that preview links open it, too."""
    return page(request, "access/welcome.html", link=read_link(desk.store, code), code=code, name="", faults={})


@routes.post("/welcome")
def welcome(
    request: Request, desk: Here, code: Annotated[str, Form(max_length=200)], password: Field, name: Field = ""
) -> Response:
    """Choose a password, the first operator a name too, and go to the start page."""
    try:
        made = use_link(desk.store, code, name=name, password=password, browser=browser_of(request))
    except InvalidInput as refusal:
        faults: dict[str | None, str] = {each.field: each.text for each in refusal.faults}
        context: dict[str, Any] = {"link": read_link(desk.store, code), "code": code, "name": name, "faults": faults}
        return page(request, "access/welcome.html", status_code=422, **context)
    return with_session(RedirectResponse("/", status_code=303), request, made.session)


@routes.get("/logout")
def ask_to_log_out(request: Request, by: Viewer) -> Response:
    """Ask: a link that another page shows must not log anybody out."""
    return page(request, "access/logout.html", by=by)


@routes.post("/logout")
def logout(request: Request, desk: Here, by: Viewer) -> Response:
    """End the session."""
    log_out(desk.store, by)
    return with_session(RedirectResponse("/login", status_code=303), request, None)


def _login_page(
    request: Request, *, to: str, name: str, refusal: CampaignsError | None = None, status_code: int = 200
) -> Response:
    with request.app.state.desk.store.read() as connection:
        is_open = has_an_operator(connection)
    context: dict[str, Any] = {"to": to, "name": name, "refusal": refusal, "is_open": is_open}
    reply = page(request, "access/login.html", status_code=status_code, **context)
    if isinstance(refusal, TooManyTries) and refusal.after_seconds is not None:
        reply.headers["Retry-After"] = str(round(refusal.after_seconds))
    return reply
